"""The static site: complete, deterministic, working from a file: address, and careful with other people's files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import feedparser
import pytest

from release_mgmt.core.audience import Audience, view
from release_mgmt.core.calendar import FreezeFact, WindowFact
from release_mgmt.core.errors import InvalidInput
from release_mgmt.formats.words import Words
from release_mgmt.services import site
from release_mgmt.services.site import Site, Upcoming
from tests.unit.publishing.parsers import agree, raw_lines
from tests.unit.publishing.samples import annotations, record
from tests.unit.publishing.test_calendar import change, freeze, window

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def plan(windows: Sequence[WindowFact] = (), freezes: Sequence[FreezeFact] = (), now: datetime = NOW) -> Upcoming:
    return Upcoming("Pricing", "Europe/Berlin", now, tuple(windows), tuple(freezes))


def made(folder: Path, upcoming: Upcoming | None = None, **more: object) -> dict[str, bytes]:
    """A site in the folder, and what it holds."""
    wanted = Site(record(), annotations(), upcoming, before=site.read_state(folder, site.STATE), **more)  # type: ignore[arg-type]
    site.write(folder, site.build(wanted))
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_the_site_is_complete_and_every_link_leads_to_a_file(tmp_path: Path) -> None:
    files = made(tmp_path / "out", plan([window(change("c9"))], [freeze()]))
    for audience in ("business", "engineering", "release-manager"):
        for name in (
            "index.html",
            "changelog.md",
            "changelog.html",
            "changelog.json",
            "changelog.atom",
            "calendar.ics",
        ):
            assert f"{audience}/{name}" in files
        for version in ("release-1.1", "release-1.0", "release-unreleased"):
            assert f"{audience}/releases/{version}.html" in files
    assert {"index.html", "windows.html", "calendar.ics", "style.css"} <= set(files)
    for name, content in files.items():
        if not name.endswith(".html"):
            continue
        text = content.decode()
        ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
        assert "http://" not in text.replace("http://www.w3.org/1999/xhtml", "")
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (tmp_path / "out" / name).parent / unquote(parts.path) if parts.path else tmp_path / "out" / name
            assert target.is_file(), (name, link)
            assert not parts.path.startswith("/")


@pytest.mark.acceptance("CHG-D1")
def test_all_forms_of_an_audience_hold_the_same_entries_in_the_same_order(tmp_path: Path) -> None:
    files = made(tmp_path / "out")
    for audience in ("business", "engineering", "release-manager"):
        data = json.loads(files[f"{audience}/changelog.json"])
        expected = [entry["id"] for part in (data["unreleased"], *data["releases"]) for entry in part["entries"]]
        markdown, page = files[f"{audience}/changelog.md"].decode(), files[f"{audience}/changelog.html"].decode()
        feed = "".join(item.content[0].value for item in feedparser.parse(files[f"{audience}/changelog.atom"]).entries)
        assert re.findall(r"<!-- (\S+) -->$", markdown, re.MULTILINE) == expected
        assert re.findall(r'data-change="([^"]+)"', page) == expected
        raw = "".join(
            node.text or ""
            for node in ElementTree.fromstring(files[f"{audience}/changelog.atom"]).iter()
            if node.tag.endswith("content")
        )
        assert re.findall(r'data-change="([^"]+)"', raw) == expected
        assert feed


@pytest.mark.acceptance("CHG-D4")
def test_nothing_internal_is_in_what_the_business_gets(tmp_path: Path) -> None:
    facts = [window(change("c3", title="Rotate the signing keys of the ledger", internal=True), change("c9"))]
    files = made(tmp_path / "out", plan(facts))
    for name, content in files.items():
        if name.startswith("business/") or name in ("index.html", "windows.html", "calendar.ics"):
            assert b"signing keys" not in content, name
    assert b"signing keys" in files["engineering/changelog.md"]


def test_engineers_find_the_comparison_with_the_release_before(tmp_path: Path) -> None:
    files = made(tmp_path / "out", remote="https://github.com/acme/risk-models.git")
    link = b"https://github.com/acme/risk-models/compare/v0.9...v1.1"
    for name in ("changelog.html", "releases/release-1.1.html", "changelog.atom"):
        assert link in files[f"engineering/{name}"], name
        assert link not in files[f"business/{name}"], name


@pytest.mark.acceptance("CHG-D9")
def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    upcoming = plan([window(change("c9"))], [freeze()])
    first = made(tmp_path / "one", upcoming)
    assert made(tmp_path / "two", upcoming) == first
    later = replace(upcoming, now=NOW + timedelta(days=1))
    again = made(tmp_path / "one", later)
    assert again["calendar.ics"] == first["calendar.ics"]  # nothing moved, so no event did


@pytest.mark.acceptance("FEED-4")
@pytest.mark.acceptance("FEED-5")
def test_a_second_run_moves_sequences_on_and_keeps_what_was_called_off(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(out, plan([window(change("a")), window(change("b"), start="2026-12-01T17:00")]))
    later = NOW + timedelta(hours=1)
    files = made(out, plan([window(change("a", title="Another title"))], now=later))
    lines = raw_lines(files["calendar.ics"])
    assert [line for line in lines if line.startswith("SEQUENCE")] == ["SEQUENCE:1", "SEQUENCE:1"]
    assert [line for line in lines if line.startswith("STATUS")] == ["STATUS:TENTATIVE", "STATUS:CANCELLED"]
    assert len(agree(files["calendar.ics"])) == 2
    gone = made(out, plan([window(change("a", title="Another title"))], now=later + timedelta(days=31)))
    assert len(agree(gone["calendar.ics"])) == 1


def test_without_a_calendar_there_is_still_a_calendar_file_that_parses(tmp_path: Path) -> None:
    files = made(tmp_path / "out")
    assert agree(files["calendar.ics"]) == []
    assert b"No window is planned." in files["windows.html"]


@pytest.mark.acceptance("CHG-D11")
def test_the_site_speaks_german(tmp_path: Path) -> None:
    files = made(tmp_path / "out", plan([window(change("c9"))]), language="de")
    assert "Nächste Fenster" in files["index.html"].decode()
    assert "Release-Kalender Pricing" in "\n".join(raw_lines(files["calendar.ics"]))
    assert "Di., 24. Nov. 2026, 18:00-22:00" in files["windows.html"].decode()


def test_other_peoples_files_are_never_touched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInput, match="holds other files"):
        made(out)
    assert [file.name for file in out.iterdir()] == ["thesis.txt"]
    (out / "thesis.txt").unlink()
    made(out)
    (out / "own.txt").write_text("kept")
    site.write(out, [("index.html", b"small")])
    assert sorted(file.name for file in out.rglob("*") if file.is_file()) == [
        ".release-mgmt.json",
        "index.html",
        "own.txt",
    ]
    (out / ".release-mgmt.json").write_text('{"files": ["../../victim", "/etc/hosts"]}')
    victim = tmp_path.parent / "victim"
    victim.write_text("safe")
    site.write(out, [("index.html", b"small")])
    assert victim.read_text() == "safe"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        site.write(tmp_path / "file", [("index.html", b"")])


@pytest.mark.acceptance("CHG-D8")
def test_a_monorepo_is_cut_with_the_number_said_in_every_form_and_a_usual_repository_is_whole(tmp_path: Path) -> None:
    small = record()
    assert site.bounded(view(small, Audience.BUSINESS, Words("en"))) == view(small, Audience.BUSINESS, Words("en"))
    newest = small.releases[0]
    history = tuple(newest.entries[0]._replace(id=f"h{at}", title=f"Change {at}") for at in range(700))
    first = [replace(newest, package=f"pack-{at}", version="1.0", entries=history) for at in range(60)]
    site.write(tmp_path, site.build(Site(replace(small, releases=tuple(first)), {})))
    for audience in ("business", "engineering", "release-manager"):
        folder = tmp_path / audience
        told = json.loads((folder / "changelog.json").read_text())
        for section in told["releases"]:
            assert (len(section["entries"]), section["left_out"]) == (200, 500)
        assert "left_out" not in told["unreleased"]
        assert (folder / "changelog.md").read_text().count("**and 500 more**") == 60
        assert (folder / "changelog.html").read_text().count("<strong>and 500 more</strong>") == 60
        one = next(file for file in (folder / "releases").iterdir() if "pack-7" in file.name).read_text()
        assert "and 500 more" in one
        assert "700 changes" in one
        assert "and 500 more" in (folder / "changelog.atom").read_text()
