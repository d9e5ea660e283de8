"""Every page in German: the words of the catalogue, no English left over, days and numbers as German writes them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import inspect, select
from werkzeug.test import TestResponse

from release_mgmt.formats.words import catalogue
from release_mgmt.store.models.base import Base
from release_mgmt.web.auth import cookie_name
from release_mgmt.web.context import EXTENSION
from tests.browser.demo import Demo, demo
from tests.support.places import missed, places

ATTRIBUTES = {"aria-label", "placeholder", "title", "data-label", "alt"}
UNTRANSLATED = {"code", "pre", "textarea", "script", "style", "kbd"}
PLAIN = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d \w+|\d{1,2} [A-Z][a-z]{2}|(April|August|September|November) \d{4}|[A-Z]{2}"
    r"|RELEASE_MGMT_\w+"
)
"""Instants in figures, a day and a month with one short name in both languages, initials."""
NAMES = {
    "English", "Deutsch", "GitHub", "GitLab", "Gitea, Forgejo", "Bitbucket Cloud",
    "Bitbucket Data Center", "Azure DevOps", "approval.vote",
    "github", "gitlab", "gitea", "bitbucket", "bitbucket_server", "azure", "email",
    # titles in the example calendar
    "Monthly release of major changes", "Quarter-end reporting", "Closing of the books",
}  # fmt: skip
LETTERS = re.compile(r"[A-Za-zÄÖÜäöüß]{2,}")


class Texts(HTMLParser):
    """The words that a page shows or reads aloud; code, addresses and what people typed in are not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.language = ""
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang") or ""
        if tag not in {"input", "meta", "link", "br", "hr", "img", "use", "rect"}:
            data = given.get("lang") is not None and tag != "html"
            self._within.append("code" if data else tag)
            if data:
                return
        self.found += [value for name, value in attrs if name in ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        if self._within:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not UNTRANSLATED & set(self._within):
            self.found.append(text)


def texts(html: str) -> Texts:
    """The words of a page."""
    found = Texts()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def shown(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demonstration, filled by the real pipeline."""
    folder = tmp_path_factory.mktemp("german")
    shutil.copy(sqlite_template, folder / "release-mgmt.db")
    made = demo(folder)
    yield made
    made.store.close()


def page(found: Demo, login: str | None, path: str, language: str) -> Texts:
    """A page as somebody whose browser asks for that language gets it."""
    client = found.app.test_client()
    client.set_cookie("zone", "Europe/Berlin")
    if login:
        client.set_cookie(cookie_name(found.app.extensions[EXTENSION].settings), found.sign_in(login))
    answer = client.get(path, headers={"Accept": "text/html", "Accept-Language": language})
    assert answer.status_code == 200, (path, answer.status_code)
    return texts(answer.get_data(as_text=True))


def data(found: Demo) -> str:
    """Everything that people and programs put into the tables: it is shown as it is, in whatever language."""
    told: list[str] = []
    with found.store.read() as session:
        for mapper in Base.registry.mappers:
            names = [column.key for column in inspect(mapper).column_attrs]
            for row in session.scalars(select(mapper.class_)):
                told.extend(str(getattr(row, name)) for name in names)
    return "\n".join(told)


@pytest.mark.acceptance("CHG-D11")
def test_every_page_speaks_german_and_leaves_no_english_over(shown: Demo) -> None:
    """What stands word for word in the English page too is data, or the same word in both languages."""
    both: dict[str, str] = {}
    for login, paths in places(shown).items():
        for path in paths:
            german, english = page(shown, login, path, "de-DE,de;q=0.9"), page(shown, login, path, "en")
            assert (german.language, english.language) == ("de", "en")
            if path != "/components":  # its contents are a made-up sample
                both |= dict.fromkeys(set(german.found) & set(english.found), path)
    same = {str(one.string) for one in catalogue("de") if one.id and one.id == one.string} | NAMES
    held = data(shown)
    left = [
        (path, text)
        for text, path in sorted(both.items())
        for part in text.removesuffix(" · release-mgmt").split(" · ")
        if LETTERS.search(part) and not PLAIN.fullmatch(part) and part not in same and part not in held
        and not all(word in held for word in LETTERS.findall(part))
    ]  # fmt: skip
    assert "\n".join(map(str, left)) == ""


def test_no_page_is_forgotten(shown: Demo) -> None:
    """What walks over every page (here, in the browser, for the queries) finds each in the map of routes."""
    assert missed(shown.app, [path for paths in places(shown).values() for path in paths]) == []


def test_a_day_is_written_as_the_language_writes_it(shown: Demo) -> None:
    german = " ".join(page(shown, "ana", "/calendar", "de").found)
    assert re.search(
        r"(Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember) \d{4}", german
    )
    assert re.search(r"(Mo|Di|Mi|Do|Fr|Sa|So)\., \d{1,2}\. ", german)
    assert "Montag" in german


def test_the_choice_on_the_account_page_beats_the_browser(shown: Demo) -> None:
    client = shown.app.test_client()
    html = client.get("/components", headers={"Accept": "text/html"}).get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert token is not None

    def choose(language: str) -> TestResponse:
        data = {"language": language, "next": "/components", "csrf_token": token[1]}
        return client.post("/language", data=data, headers={"Accept": "text/html"})

    chosen = choose("de")
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/components")
    answer = client.get("/components", headers={"Accept": "text/html", "Accept-Language": "en"})
    assert '<html lang="de"' in answer.get_data(as_text=True)
    assert choose("xx").status_code == 422
