"""Search over changes, windows, repositories and people: only what one may see."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from release_mgmt.core.permissions import Action, may_somewhere
from release_mgmt.services import changes, directory, people, repositories, windows
from release_mgmt.services.changes import Filter
from release_mgmt.services.people import PersonView
from release_mgmt.services.repositories import RepositoryView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, lines, schedule
from release_mgmt.web.pages.language import many, plural, say
from release_mgmt.web.pages.parts import ChangeLine, WindowCard
from release_mgmt.web.pages.site import blueprint, draw

MOST = 20


@dataclass(frozen=True, slots=True)
class SearchPage:
    """What was found."""

    sentence: str
    search_text: str
    changes: tuple[ChangeLine, ...]
    repositories: tuple[RepositoryView, ...]
    people: tuple[PersonView, ...]
    windows: tuple[WindowCard, ...]
    more: str | None


@blueprint.get("/search")
@needs(Action.SEARCH)
def search() -> str:
    """Everything that holds the words."""
    text = request.args.get("q", "").strip()[:200]
    store, actor = context.store, context.actor
    if not text:
        return draw(
            "search", SearchPage(say("Type a word of a title, a name, a repository."), "", (), (), (), (), None)
        )
    found = changes.search(store, actor, Filter(text=text), limit=MOST)
    names = directory.look_up(store, actor, [one.owner for one in found.items])
    seen = repositories.search(store, actor, text=text, limit=MOST).items
    asks_people = may_somewhere(actor, Action.READ_PEOPLE)
    known = tuple(people.search(store, actor, text=text, limit=MOST)[0]) if asks_people else ()
    coming = windows.search(store, actor, context.now, text, limit=MOST)
    listed = plural(len(found.items), "change")
    told = [
        text
        for number, text in (
            (len(found.items), say("more than {found}", found=listed) if found.next else listed),
            (len(seen), plural(len(seen), "repository", "repositories")),
            (len(known), plural(len(known), "person", "people")),
            (len(coming), plural(len(coming), "window")),
        )
        if number
    ]
    view = SearchPage(
        sentence=say(
            "{found} for \N{LEFT DOUBLE QUOTATION MARK}{words}\N{RIGHT DOUBLE QUOTATION MARK}.",
            found=", ".join(told),
            words=text,
        )
        if told
        else say("Nothing matches."),
        search_text=text,
        changes=tuple(lines.change_line(one, names) for one in found.items),
        repositories=seen,
        people=known,
        windows=tuple(schedule.card(one, names) for one in coming),
        more=url_for("pages.changes", text=text) if found.next else None,
    )
    return draw("search", view)


@dataclass(frozen=True, slots=True)
class MinePage:
    """My changes."""

    sentence: str
    open: tuple[ChangeLine, ...]
    past: tuple[ChangeLine, ...]
    next: str | None
    linked: bool


@blueprint.get("/mine")
@needs(Action.EDIT_CHANGE)
def mine() -> str:
    """My changes and where each one is."""
    actor = context.actor
    wanted = Filter(mine=(actor.person or "", actor.name))
    found = changes.search(context.store, actor, wanted, cursor=request.args.get("cursor"))
    names = directory.look_up(context.store, actor, [one.owner for one in found.items])
    shown = [lines.change_line(one, names) for one in found.items]
    over = {"released", "withdrawn", "rolled_back"}
    coming = tuple(one for one in shown if one.state not in over)
    review = sum(one.needs_review for one in coming)
    told = say("None of your changes is on the way.")
    if coming:
        told = many("{count} change of yours is on the way.", "{count} changes of yours are on the way.", len(coming))
    if review:
        told += " " + many("{count} is to be reviewed.", "{count} are to be reviewed.", review)
    view = MinePage(
        told, coming, tuple(one for one in shown if one.state in over), addresses.next_page(found.next),
        bool(actor.identities),
    )  # fmt: skip
    return draw("mine", view)
