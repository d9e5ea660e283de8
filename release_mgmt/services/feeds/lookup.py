"""From a token to what may be sent: one statement, on a raw connection, for every request.

This is the only query that is not written in SQLAlchemy: it is all that an unchanged feed costs, and the toolkit would
triple it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from release_mgmt.core.errors import Unavailable
from release_mgmt.store.session import Store

_QUERY = """
SELECT s.id, s.version, s.audience, coalesce(h.version, 0), coalesce(h.epoch, 0), {teams}
FROM subscriptions s
LEFT JOIN feed_heads h ON h.audience = s.audience AND h.calendar = ''
LEFT JOIN persons p ON p.id = s.person_id
WHERE s.token_hash = {mark} AND s.revoked_at IS NULL
  AND (s.person_id IS NULL OR (p.disabled_at IS NULL AND p.erased_at IS NULL AND (
       s.audience = 'business'
       OR EXISTS (SELECT 1 FROM roles r WHERE r.person_id = s.person_id AND (
            r.role IN ('release_manager', 'administrator')
            OR (s.audience = 'engineering' AND r.role = 'engineer'))))))
"""

_TEAMS = "(SELECT {0} FROM (SELECT team FROM team_members WHERE person_id = s.person_id ORDER BY team) m)"
_SQLITE = _QUERY.format(mark="?", teams=_TEAMS.format("group_concat(m.team)"))
_POSTGRESQL = _QUERY.format(mark="%s", teams=_TEAMS.format("string_agg(m.team, ',')"))


@dataclass(frozen=True, slots=True)
class Ticket:
    """A token that holds now: whose feed, of which teams, and at which version its data stands."""

    subscription: str
    edit: int
    audience: str
    version: int
    epoch: int
    team_names: str | None = None

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams of the person whose feed it is."""
        return tuple(sorted(self.team_names.split(","))) if self.team_names else ()


def look_up(store: Store, token: str) -> Ticket | None:
    """The feed of this token; None when it is wrong, rotated, revoked, or its owner may not see it any more.

    Raises Unavailable when the database cannot be asked.
    """
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    try:
        connection = store.engine.raw_connection()
    except _errors(store) as error:  # the driver's own: raw connections are not wrapped by SQLAlchemy
        raise _away() from error
    try:
        row = _ask(connection, _SQLITE if store.sqlite else _POSTGRESQL, digest)
    except _errors(store) as error:
        connection.invalidate()
        raise _away() from error
    finally:
        connection.close()
    return Ticket(*row) if row is not None else None


def _ask(connection: Any, query: str, digest: str) -> Any:
    cursor = connection.cursor()
    try:
        cursor.execute(query, (digest,))
        return cursor.fetchone()
    finally:
        cursor.close()


def _errors(store: Store) -> tuple[type[Exception], type[SQLAlchemyError], type[OSError]]:
    error = store.engine.dialect.loaded_dbapi.Error
    assert issubclass(error, Exception)
    return (error, SQLAlchemyError, OSError)


def _away() -> Unavailable:
    return Unavailable("The database cannot be reached.", details={"retry_after": 60})
