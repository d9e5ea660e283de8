"""Sentences that the core and the services wrote in English, said again in the reader's language.

Reasons, votes that lack and errors travel as data with an English sentence. Each sentence that has a form here is
recognised by that form and told from the catalogue, with teams by their names and windows by their day; any other
stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask import g

from release_mgmt.core.planning.model import MESSAGES
from release_mgmt.services import directory
from release_mgmt.services.directory import Directory
from release_mgmt.web.context import context
from release_mgmt.web.pages import refusals
from release_mgmt.web.pages.language import mark, say, term, words

Pattern = re.Pattern[str]

FORMS = (
    # the gate
    mark("The change was withdrawn."),
    mark("The break-glass permission has expired."),
    mark("The freeze {freeze} holds: {reason}."),
    mark("The freeze {freeze} holds."),
    mark("The soft freeze {freeze} holds: {reason}."),
    mark("The soft freeze {freeze} holds."),
    mark("No window is open, and none is coming."),
    mark("No window is open. The next is {window}."),
    mark("Its window was cancelled."),
    mark("A window is open, but the plan has no window for this change."),
    mark("Its window is {window}."),
    mark("Its window was {window}."),
    mark("The change takes longer than its window."),
    mark("What is left of its window is too short for the change."),
    mark("The commit is not the one that was looked at."),
    mark("The change is not merged."),
    mark("The change has not passed {environment}."),
    mark("The change was not accepted by its users."),
    mark("It needs “{title}” first."),
    mark("It needs another change first."),
    # votes
    mark("Rejected; it waits to be resubmitted."),
    mark("Release managers: {have} of {need} approved (quorum {quorum})."),
    mark("{first} One more than usual is asked for: who wrote it cannot be told."),
    mark("The sign-off of {team} is missing."),
    mark("{first} Votes no longer count: the content changed after the vote."),
    mark("{first} Votes no longer count: the level was raised after the vote."),
    mark("{first} Votes no longer count: the change was moved earlier after the vote."),
    mark("{first} Votes no longer count: the vote was for another environment."),
    mark("{first} Votes no longer count: the vote was for another calendar."),
    mark("{first} Votes no longer count: the vote expired."),
    mark("Nobody approves what they are {role} of."),
    mark("You do not stand in for this person now."),
    mark("Only release managers of the calendar and members of affected teams vote on this."),
    mark("The window has started; votes are closed."),
    mark("A major change needs a plan for when it goes wrong before it can be approved."),
    mark("Write how to take it back and who is called."),
    mark("Somebody else has to look at it."),
    # asked for on the forge
    mark("Your role does not allow this."),
    mark("An author may not lower the level of the own change."),
    mark("Nobody here is known as {login} on {forge}."),
    mark("say why"),
    # moves
    mark("The window does not take such a change."),
    mark("The notice would be too short."),
    mark("The window would hold {used} of {points} points."),
    mark("The window has its most major changes."),
    mark("The window would have too many major changes."),
    mark("{other}, which it needs, is not placed before."),
    mark("{other} needs it and goes before."),
    mark("{other} must go before."),
    mark("A release manager may override this with a reason."),
    mark("There is no such window within the horizon."),
    mark("Windows are planned until {day}."),
    mark("The window has passed."),
    mark("This change is not planned any more."),
    mark("No calendar plans this change."),
    mark("Overridden."),
    # taking back
    mark("There is nothing before this version."),
    mark("What this version changed is as it was before already."),
    mark("{part} was edited again since."),
    mark("Edit it by hand instead."),
    mark("The change went elsewhere since."),
    mark("Move it by hand instead."),
    mark("This calendar has no such version."),
    mark("There is no such move."),
    mark("This link is not whole."),
    mark("Open it from the mail again."),
    # files that are imported
    mark("the event “{event}” ends before it begins"),
    mark("the event “{event}” has no length"),
    mark("the event “{event}” has the UID of another event"),
    mark("the event “{event}” has a rule of exceptions (EXRULE), which is not read: it keeps all its times"),
    # forms
    mark("must not be empty"),
    mark("this is not a day"),
    mark("this is not a local time"),
    mark("this is not a whole number"),
    mark("must not lie before the first day"),
    mark("a short name is needed"),
    mark("Some fields are wrong."),
    mark("Some values are wrong."),
    mark("Somebody else changed this calendar in the meantime."),
    mark("Somebody else edited this in the meantime."),
    mark("There is no such change."),
    mark("There is no such window."),
    mark("There is no such calendar."),
    mark("There is no such repository."),
    mark("There is no such freeze."),
    mark("Login or password is wrong."),
    mark("Something went wrong on our side. The log tells more."),
)
_REASONED = mark("{when}: {what}.")
_RUN = mark("{first} to {last}")


def again(sentence: str, names: Directory | None = None) -> str:
    """``sentence`` in the reader's words; ``names`` are looked up when it names a team and they are not given."""
    for form, pattern in _patterns():
        found = pattern.fullmatch(sentence)
        if found is not None:
            return say(form, **{name: _value(name, value, names) for name, value in found.groupdict().items()})
    return sentence


def planned(reason: Mapping[str, Any]) -> str:
    """The sentence of a reason that a plan keeps: its code says what, ``from`` and ``to`` for which windows."""
    code, ref = str(reason.get("code") or ""), str(reason.get("ref") or "")
    written = str(reason.get("message") or code)
    if code not in MESSAGES or not reason.get("message"):
        return again(written)
    text = say(MESSAGES[code], ref=_window(ref))
    first, last = str(reason.get("from") or ""), str(reason.get("to") or "")
    if not first:
        return text[:1].upper() + text[1:] + "."
    when = _window(first)
    if last and last != first:
        when = say(_RUN, first=when, last=_window(last))
    return say(_REASONED, when=when, what=text)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, Pattern], ...]:
    return patterns_of((*FORMS, *refusals.FORMS))


def patterns_of(forms: Sequence[str]) -> tuple[tuple[str, Pattern], ...]:
    """Each form with the pattern that recognises a sentence of it, its values by their names."""
    found = []
    for form in forms:
        parts = re.split(r"{(\w+)}", form)
        pattern = "".join(f"(?P<{part}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        found.append((form, re.compile(pattern, re.DOTALL)))
    return tuple(found)


def _value(name: str, value: str, names: Directory | None) -> str:
    if name == "day":
        with suppress(ValueError):  # somebody's own words, which only look like ours
            return words().short_day(date.fromisoformat(value), year=True)
    if name == "team":
        return (names or _names()).team(value)
    if name in {"role", "level"}:
        return term(value)
    if name == "roles":
        return words().choice(term(each) for each in value.split(", "))
    if name == "window":
        return _window(value)
    return again(value, names) if name == "first" else value


def _names() -> Directory:
    found: Directory | None = g.get("team_names")
    if found is None:
        found = g.team_names = directory.look_up(context.store, context.actor)
    return found


def _window(key: str) -> str:
    """A window's key by its first day and hour on the calendar's wall; anything else as it is."""
    series, _, start = key.rpartition("@")
    try:
        day = datetime.fromisoformat(start)
    except ValueError:
        return key
    if not series:
        return key
    return f"{words().short_day(day.date(), year=day.year != context.now.year)}, {day:%H:%M}"
