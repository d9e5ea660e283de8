"""The fixed words of the pages in the reader's language, from the one catalogue (:mod:`release_mgmt.formats.words`).

In templates ``_("English sentence with {name}", name=...)``, in code ``say``; a word that comes as a value (a level, a
state, a stage) is told by ``term`` and stands in :data:`TERMS`. What is not in the catalogue stays as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask import g, has_request_context, request
from markupsafe import Markup, escape

from release_mgmt.formats.words import DEFAULT_LANGUAGE, Words, languages, negotiate

COOKIE = "language"


def words() -> Words:
    """The words of the reader: as chosen on the account's page, else as the browser asks; English outside requests."""
    if not has_request_context():
        return Words(DEFAULT_LANGUAGE)
    found: Words | None = g.get("words")
    if found is None:
        chosen = request.cookies.get(COOKIE, "")
        wanted = chosen if chosen in languages() else negotiate(request.headers.get("Accept-Language"))
        found = g.words = Words(wanted)
    return found


def say(message: str, /, **values: object) -> str:
    """The message in the reader's language. Where a value is markup (a link, a time), so is the answer."""
    return _fill(words()(message), values)


def many(one: str, several: str, count: int, /, **values: object) -> str:
    """The form of the message for ``count``, which it may name as ``{count}``."""
    spoken = words()
    return _fill(spoken.form(one, several, count), {"count": spoken.number(count), **values})


def plural(number: int, one: str, several: str | None = None) -> str:
    """``1 change``, ``3 changes``; the catalogue holds them as ``{count} change``."""
    return many(f"{{count}} {one}", f"{{count}} {several or one + 's'}", number)


def listing(items: Iterable[str]) -> str:
    """Names one after another: ``Fraud and Pricing``."""
    return words().listing(items)


def _fill(text: str, values: dict[str, object]) -> str:
    if any(hasattr(one, "__html__") for one in values.values()):
        return Markup(escape(text)).format(**values)  # noqa: S704 - the text is escaped, and so is every value
    return text.format(**values) if values else text


def mark(message: str) -> str:
    """Name a message that is said later, so that the catalogue's test finds it."""
    return message


def term(value: object) -> str:
    """A word that comes as a value: ``rolled_back`` is ``rolled back``, in the reader's language."""
    return words()(str(value).replace("_", " "))


TERMS = (
    mark("minor"),
    mark("major"),
    mark("draft"),
    mark("announced"),
    mark("approved"),
    mark("released"),
    mark("rolled back"),
    mark("withdrawn"),
    mark("emergency"),
    mark("review"),
    mark("conflict"),
    mark("tentative"),
    mark("confirmed"),
    mark("cancelled"),
    mark("failed"),
    mark("done"),
    mark("running"),
    mark("waiting"),
    mark("queued"),
    mark("dead"),
    mark("requested"),
    mark("active"),
    mark("over"),
    mark("refused"),
    mark("reviewed"),
    mark("void"),
    mark("moved"),
    mark("placed"),
    mark("unplaced"),
    mark("kept"),
    mark("develop"),
    mark("verify"),
    mark("stage"),
    mark("accept"),
    mark("deploy"),
    mark("reader"),
    mark("engineer"),
    mark("release manager"),
    mark("administrator"),
    mark("business"),
    mark("engineering"),
    mark("month"),
    mark("week"),
    mark("agenda"),
    mark("quarter"),
    mark("received"),
    mark("ignored"),
    mark("worked"),
    mark("excluded"),
    mark("hard"),
    mark("soft"),
    mark("parameter"),
    mark("new library"),
    mark("library major bump"),
    mark("breaking change"),
    mark("documentation"),
    mark("code logic"),
    mark("parameter only"),
    mark("docs only"),
    mark("tests only"),
    mark("ci only"),
    mark("commits"),
    mark("shown"),
    mark("folded"),
    mark("already shipped"),
    mark("library"),
    mark("planned"),
    mark("open"),
    mark("frozen"),
    mark("needs review"),
    mark("sending"),
    mark("sent"),
    mark("dropped"),
    mark("email"),
    mark("webhook"),
    mark("chat"),
    mark("dependency"),
    mark("code"),
    mark("file"),
    mark("import"),
    mark("interface"),
    mark("schema"),
    mark("metric"),
    mark("words"),
    mark("version"),
    mark("notebook"),
    mark("advisory"),
    mark("release"),
    mark("message"),
    mark("label"),
    mark("author"),
    mark("co-author"),
    mark("tagger"),
    mark("requester"),
    mark("transitive promotion"),
    mark("optional dependency"),
    mark("late declaration"),
    mark("library minor bump"),
    mark("library removed"),
    mark("rename move"),
    mark("dev dependency only"),
    mark("lockfile only transitive"),
    mark("version bump release"),
    mark("vendored"),
    mark("notebook output only"),
    mark("import of own package"),
    mark("import of stdlib"),
)
"""What comes as a value: levels, states, stages, roles, kinds."""
