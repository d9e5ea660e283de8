"""Every error the product raises on purpose.

::

    ReleaseMgmtError
    ├── InvalidInput          what was given is wrong            422, exit 2
    ├── Unauthenticated       nobody is signed in                401, exit 2
    ├── Forbidden             this person may not do this        403, exit 2
    ├── NotFound              no such thing, or not for you      404, exit 2
    ├── Conflict              the state does not allow it        409, exit 2
    │   └── RepositoryRefused a repository that cannot be read   409, exit 2
    ├── StaleVersion          somebody edited it in between      412, exit 2
    ├── TooLarge              over a limit of size               413, exit 2
    ├── TooMany               over a limit of rate               429, exit 2
    ├── Unavailable           cannot tell now, ask again         503, exit 3 at the gate, else 2
    └── BrokenInvariant       a fault of ours, never of input    500, exit 1

The web edge has one table that turns these into RFC 9457 problem documents, the command line one
that turns them into exit codes. ``code`` is a stable word for machines; ``hint`` says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in what was given: where (``series[0].rrule``), what, and what is allowed."""

    path: str
    message: str
    allowed: str | None = None


def did_you_mean(given: str, known: Iterable[str], otherwise: str) -> str:
    """What is allowed instead of a name that is not known: the nearest one, or ``otherwise`` where none is near."""
    from difflib import get_close_matches  # only when something is wrong: commands shall start quickly

    near = get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


class ReleaseMgmtError(Exception):
    """The root of the tree."""

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint
        self.details: Mapping[str, object] = dict(details or {})


class InvalidInput(ReleaseMgmtError):
    """What was given is wrong; ``errors`` names each field."""

    code = "invalid_input"

    def __init__(
        self,
        message: str,
        errors: Sequence[FieldError] = (),
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, details=details)
        self.errors = tuple(errors)

    @classmethod
    def at(cls, path: str, message: str, allowed: str | None = None) -> InvalidInput:
        """One wrong field."""
        return cls(f"{path}: {message}", [FieldError(path, message, allowed)], hint=allowed)


class Unauthenticated(ReleaseMgmtError):
    """Nobody is signed in, or the token is wrong, expired or revoked."""

    code = "unauthenticated"


class Forbidden(ReleaseMgmtError):
    """This person may not do this."""

    code = "forbidden"


class NotFound(ReleaseMgmtError):
    """No such thing, or none that this person may see: the two must not be told apart."""

    code = "not_found"


class Conflict(ReleaseMgmtError):
    """The present state does not allow it."""

    code = "conflict"


class RepositoryRefused(Conflict):
    """A repository that cannot be read whole, with the command that mends it in ``hint``."""

    code = "repository_refused"


class StaleVersion(ReleaseMgmtError):
    """Somebody edited it in between (If-Match failed)."""

    code = "stale_version"


class TooLarge(ReleaseMgmtError):
    """Over a limit of size, depth or time."""

    code = "too_large"


class TooMany(ReleaseMgmtError):
    """Over a limit of rate; ``details["retry_after"]`` is in seconds."""

    code = "too_many_requests"


class Unavailable(ReleaseMgmtError):
    """It cannot be told now; ``details["retry_after"]`` is in seconds."""

    code = "unavailable"


class BrokenInvariant(ReleaseMgmtError):
    """A promise of our own did not hold; never the fault of the input."""

    code = "broken_invariant"
