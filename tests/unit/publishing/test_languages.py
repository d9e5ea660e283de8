"""The catalogue of words: complete in every language, a language is a file."""

from __future__ import annotations

import ast
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from release_mgmt import resources
from release_mgmt.core.audience import Annotation, Audience, view
from release_mgmt.core.messages import KINDS
from release_mgmt.core.metrics import DEFINITIONS
from release_mgmt.core.planning.model import MESSAGES
from release_mgmt.formats import html, words
from release_mgmt.formats.words import DEFAULT_LANGUAGE, Words, catalogue, languages, negotiate
from release_mgmt.services import webhook_help
from release_mgmt.services.maturity import rules as maturity_rules
from release_mgmt.services.webhooks import PROVIDERS
from release_mgmt.settings import settings_fields
from tests.unit.publishing.samples import record

ROOT = Path(resources.__file__).parent


def messages() -> tuple[set[str], dict[str, str]]:
    """Every message that code and templates say: alone, and as one and several."""
    single: set[str] = set(MESSAGES.values())  # a plan's reasons, told by their code
    single |= {str(one.metadata["help"]) for one in settings_fields()}
    for area in maturity_rules():
        single |= {area.title, *(text for step in area.steps for text in (step.title, step.next))}
    for one in DEFINITIONS:  # figures tell their definition
        single |= {one.title, one.meaning, one.unit, one.over, *one.send}
    single |= {step for one in PROVIDERS for step in webhook_help.setup(one, "", secret_set=False).steps}
    single |= {rule.says for rule in KINDS.values()}  # what people choose by
    plural: dict[str, str] = {}

    def heard(name: str, texts: list[str]) -> None:
        if name in {"say", "_", "mark"} and texts:
            single.add(texts[0])
        if name == "many" and len(texts) > 1:
            plural[texts[0]] = texts[1]
        if name == "plural" and texts:
            plural[f"{{count}} {texts[0]}"] = f"{{count}} {texts[1] if len(texts) > 1 else texts[0] + 's'}"

    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                heard(name, [one.value for one in node.args
                             if isinstance(one, ast.Constant) and isinstance(one.value, str)])  # fmt: skip
    for file in resources.folder("templates").rglob("*.html"):
        for call in Environment().parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            name = getattr(call.node, "name", getattr(call.node, "attr", ""))
            heard(name, [one.value for one in call.args if isinstance(one, nodes.Const) and isinstance(one.value, str)])
    return single, plural


def values(text: str) -> set[str]:
    """The values that a message names."""
    return set(re.findall(r"{\w+}", text))


@pytest.mark.acceptance("CHG-D11")
@pytest.mark.parametrize("language", [one for one in languages() if one != DEFAULT_LANGUAGE])
def test_every_message_is_translated_with_the_same_values(language: str) -> None:
    known = catalogue(language)
    single, plural = messages()
    wrong: list[str] = []
    for message in sorted(single):
        found = known.get(message)
        if found is None or not found.string or values(str(found.string)) != values(message):
            wrong.append(message)
    for one, several in sorted(plural.items()):
        found = known.get(one)
        if found is None or not all(found.string) or len(found.string) != known.num_plurals:
            wrong.append(one)
        elif not all(values(form) <= values(several) for form in found.string):
            wrong.append(several)
    assert wrong == []
    said = single | set(plural)
    assert [
        entry.id for entry in known if entry.id and (entry.id[0] if entry.pluralizable else entry.id) not in said
    ] == []


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
    (tmp_path / "config/locale/pt_BR.po").write_bytes((tmp_path / "config/locale/fr.po").read_bytes())
    (tmp_path / "config/locale/zh-Hans.po").write_bytes((tmp_path / "config/locale/en.po").read_bytes())
    monkeypatch.setattr(resources, "folder", lambda name: tmp_path / name)
    words.languages.cache_clear()
    words.catalogue.cache_clear()
    try:
        assert languages() == ("de", "en", "fr", "pt-BR", "zh-Hans")
        say = Words("fr")
        assert say("Coming up") == "À venir"
        assert say("Released") == "Released"
        assert [say.many("{count} change.", "{count} changes.", n) for n in (0, 1, 2)] == [
            "0 changement.",
            "1 changement.",
            "2 changements.",
        ]
        assert negotiate("fr-CA, de;q=0.5") == "fr"
        assert [negotiate(one) for one in ("pt-BR", "pt", "zh-hans-CN")] == ["pt-BR", "pt-BR", "zh-Hans"]
        assert Words("pt-BR")("Coming up") == "À venir"
        assert [words.own_name(one) for one in languages()] == [
            "Deutsch", "English", "français", "português (Brasil)", "中文 (简体)",
        ]  # fmt: skip
        days = [Words(one).day(date(2026, 11, 24)) for one in ("de", "fr", "zh-Hans")]
        assert days == ["Di., 24. Nov. 2026", "mar. 24 nov. 2026", "2026年11月24日周二"]
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
    assert Words("de").span(start, end, "Europe/Berlin") == "Di., 24. Nov. 2026, 18:00-22:00 MEZ"
    assert Words("de").span(start, end, "Asia/Tokyo").startswith("Mi., 25. Nov. 2026, 02:00-06:00")


def test_an_instant_and_a_span_call_the_clock_alike() -> None:
    """As the language calls it, else as its own people do, else by its distance from UTC."""
    at = datetime(2026, 7, 24, 17, tzinfo=UTC)
    named = {
        ("en", "Europe/Berlin"): "CEST", ("de", "Europe/Berlin"): "MESZ", ("en", "America/New_York"): "EDT",
        ("de", "America/New_York"): "EDT", ("de", "Europe/London"): "BST", ("de", "UTC"): "UTC",
        ("en", "Pacific/Apia"): "UTC+13:00", ("de", "Australia/Lord_Howe"): "UTC+10:30",
    }  # fmt: skip
    for (language, zone), clock in named.items():
        told = Words(language).instant(at, zone), Words(language).span(at, at + timedelta(minutes=9), zone)
        assert [one.rpartition(" ")[2] for one in told] == [clock, clock]


def test_a_span_over_a_clock_change_names_both_clocks() -> None:
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    end = start + timedelta(hours=1)
    assert Words("de").span(start, end, "Europe/Berlin") == "So., 25. Okt. 2026, 02:30 MESZ-02:30 MEZ"
    assert Words("en").span(start, end, "Europe/Berlin") == "Sun, 25 Oct 2026, 02:30 CEST-02:30 CET"
