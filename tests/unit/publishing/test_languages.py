"""The catalogue of words: complete in every language, a language is a file."""

from __future__ import annotations

import ast
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release_mgmt import resources
from release_mgmt.core.audience import Annotation, Audience, view
from release_mgmt.formats import html, words
from release_mgmt.formats.words import Words, catalogue, languages, negotiate
from tests.unit.publishing.samples import record

ROOT = Path(resources.__file__).parent


def messages() -> tuple[set[str], dict[str, str]]:
    """Every message that code and templates say."""
    single: set[str] = set()
    plural: dict[str, str] = {}
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = (
                node.func.id
                if isinstance(node.func, ast.Name)
                else node.func.attr
                if isinstance(node.func, ast.Attribute)
                else ""
            )
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if name == "say" and texts:
                single.add(texts[0])
            if name == "many" and len(texts) > 1:
                plural[texts[0]] = texts[1]
    for file in resources.folder("templates").rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        single |= {found[1] for found in re.finditer(r'(?<![\w.])say\("([^"]+)"', text)}
        plural |= {
            found[1]: found[2] for found in re.finditer(r'(?<![\w.])(?:say\.)?many\("([^"]+)",\s*"([^"]+)"', text)
        }
    return single, plural


@pytest.mark.acceptance("CHG-D11")
@pytest.mark.parametrize("language", languages())
def test_every_message_is_translated_with_the_same_values(language: str) -> None:
    known = catalogue(language)
    single, plural = messages()
    wrong: list[str] = []
    for message in sorted(single):
        found = known.get(message)
        if (
            found is None
            or not found.string
            or set(re.findall(r"{\w+}", str(found.string))) != set(re.findall(r"{\w+}", message))
        ):
            wrong.append(message)
    for one in sorted(plural):
        found = known.get(one)
        if found is None or not all(found.string) or len(found.string) != known.num_plurals:
            wrong.append(one)
    assert wrong == []
    stale = [
        str(entry.id) for entry in known if entry.id and not isinstance(entry.id, tuple) and entry.id not in single
    ]
    assert stale == []


@pytest.mark.acceptance("CHG-D11")
def test_adding_a_language_is_adding_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(resources.folder("config"), tmp_path / "config")
    (tmp_path / "config/locale/fr.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
        'msgid "Coming up"\nmsgstr "À venir"\n\nmsgid "{count} change."\nmsgid_plural "{count} changes."\n'
        'msgstr[0] "{count} changement."\nmsgstr[1] "{count} changements."\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(resources, "folder", lambda name: tmp_path / name)
    words.languages.cache_clear()
    words.catalogue.cache_clear()
    try:
        assert languages() == ("de", "en", "fr")
        say = Words("fr")
        assert say("Coming up") == "À venir"
        assert say("Released") == "Released"
        assert [say.many("{count} change.", "{count} changes.", n) for n in (0, 1, 2)] == [
            "0 changement.",
            "1 changement.",
            "2 changements.",
        ]
        assert negotiate("fr-CA, de;q=0.5") == "fr"
    finally:
        words.languages.cache_clear()
        words.catalogue.cache_clear()


@pytest.mark.acceptance("CHG-D11")
def test_the_readers_language_is_negotiated() -> None:
    assert negotiate("de-AT,de;q=0.9,en;q=0.5") == "de"
    assert negotiate("fr,en;q=0.1") == "en"
    assert negotiate("de;q=0, en") == "en"
    assert negotiate(None) == negotiate("") == negotiate(";;;q=x") == "en"


@pytest.mark.acceptance("CHG-D11")
def test_a_note_in_another_language_is_marked() -> None:
    notes = {"c1": Annotation(notes={"en": "Earlier alerts."})}
    german = html.page(view(record(), Audience.BUSINESS, Words("de"), notes), Words("de"))
    assert '<p class="note" lang="en">Earlier alerts. <small>(Sprache: en)</small></p>' in german
    both = {"c1": Annotation(notes={"en": "Earlier alerts.", "de": "Frühere Meldungen."})}
    german = html.page(view(record(), Audience.BUSINESS, Words("de"), both), Words("de"))
    assert "Frühere Meldungen." in german
    assert "Earlier alerts." not in german


def test_times_are_in_the_readers_zone_and_words() -> None:
    start, end = datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 24, 21, tzinfo=UTC)
    assert Words("en").span(start, end, "Europe/Berlin") == "Tue, 24 Nov 2026, 18:00-22:00 CET"
    assert Words("de").span(start, end, "Europe/Berlin") == "Di., 24. Nov. 2026, 18:00-22:00 CET"
    assert Words("de").span(start, end, "Asia/Tokyo").startswith("Mi., 25. Nov. 2026, 02:00-06:00")
