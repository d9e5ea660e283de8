"""Every rendering of a changelog: same entries, same order, nothing active, nothing hidden told."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import feedparser
import nh3
import pytest
from markdown_it import MarkdownIt

from release_mgmt.core.audience import Audience, ChangelogView, SectionView, view
from release_mgmt.core.changelog import PullRequestRef
from release_mgmt.core.errors import InvalidInput, TooLarge
from release_mgmt.core.text import clean, one_line
from release_mgmt.formats import atom, custom, html, markdown
from release_mgmt.formats.links import Links
from release_mgmt.formats.words import Words
from release_mgmt.services.documents import Style, document
from tests.unit.publishing.samples import annotations, entry, record, section

LINKS = Links.of_remote("git@github.com:acme/risk-models.git")
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def updated(part: SectionView) -> datetime:
    return datetime.fromisoformat(part.date) if part.date else datetime(2026, 11, 20, tzinfo=UTC)


def address(number: int) -> str:
    return f"https://releases.example/changelog.atom?page={number}"


def feed(shown: ChangelogView, **more: object) -> bytes:
    where = atom.Address(address, "https://releases.example/", lambda part: f"https://releases.example/#{part.anchor}")
    return atom.render(shown, Words(shown.language), where, updated=updated, **more)  # type: ignore[arg-type]


def all_views() -> list[ChangelogView]:
    return [
        view(record(), audience, Words(language), annotations()) for audience in Audience for language in ("en", "de")
    ]


def ids_of_html(text: str) -> list[str]:
    return re.findall(r'data-change="([^"]+)"', text)


@pytest.mark.acceptance("CHG-D1")
@pytest.mark.parametrize("shown", all_views(), ids=lambda shown: f"{shown.audience}-{shown.language}")
def test_all_renderings_hold_the_same_entries_in_the_same_order(shown: ChangelogView) -> None:
    say = Words(shown.language)
    expected = [item.id for part in shown.sections for item in part.entries]
    assert expected == (
        ["c9", "c1", "c2", "c4", "c0"] if shown.audience is Audience.BUSINESS else ["c9", "c1", "c2", "c3", "c4", "c0"]
    )
    assert re.findall(r"<!-- (\S+) -->$", markdown.render(shown, say, LINKS), re.MULTILINE) == expected
    assert ids_of_html(html.page(shown, say, LINKS)) == expected
    contents = [item.text or "" for item in ElementTree.fromstring(feed(shown)).findall(".//a:content", ATOM)]
    assert [found for content in contents for found in ids_of_html(content)] == expected
    mails = "".join(html.email(part, say) for part in shown.sections)
    assert ids_of_html(mails) == expected


class _Active(HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "iframe", "object", "embed", "img", "svg", "form", "base", "style"}:
            self.found.append(tag)
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name.startswith("on")]
        for name, value in attrs:
            if name in {"href", "src"} and not re.match(r"(https?://|#|[\w./-]+$)", value or ""):
                self.found.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_joins_two_characters_to_one_stays_and_what_only_hides_goes() -> None:
    family, persian, sinhala = "👨\u200d👩\u200d👧 at home", "می\u200cشود", "ශ\u0dca\u200dරී"
    for title in (family, persian, sinhala, "🏳️\u200d🌈"):
        assert one_line(title) == title
    hidden = {
        "ad\u200dmin": "admin",
        "é\u200cé": "éé",
        "\u200d👨\u200d": "👨",
        "👨\u200d\u200d👩": "👨👩",
        "👨\u200d 👩": "👨 👩",
    }
    assert {title: one_line(title) for title in hidden} == hidden


HOSTILE = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "@name and #1 and !7",
    "`code` | pipe | ~~gone~~",
    "a\u202eb\u200bc\u2066d",
    "null\x00bell\x07esc\x1b[31m",
    "caf\xe9 \ufffe\uffff",
    "![i](http://e.example/x.png)",
    "<!-- c --> --> <b>",
    "1. one",
    "- two",
    "# three",
    "&lt;b&gt; &amp; &#64;",
    "\\*not\\* **bold** __x__ _y_ snake_case",
    "]]> <![CDATA[ x",
    "{{ 7*7 }} {% raw %}",
    "www.evil.example https://e.example",
    "$x^2$ :smile: ***",
    "===",
    "---",
    "___",
    "12345) x",
    "\"quotes\" 'single'",
    "😀" * 40,
    "    indented",
    "\t\ttab",
    "trailing\\",
]


def fuzz(count: int) -> list[str]:
    """Hostile strings, the same in every run."""
    chooser = random.Random(8)
    marks = "<>&\"'`*_[](){}#@!|~\\-+=:;/.,\n\r\t \x00\x1b\x7f\u202e\u200b\u2028é日😀\udc80aZ09"
    made = list(HOSTILE)
    while len(made) < count:
        made.append(
            "".join(chooser.choice(marks) for _ in range(chooser.randint(1, 40)))
            if chooser.random() < 0.5
            else chooser.choice(HOSTILE) + chooser.choice(HOSTILE)
        )
    return made


@pytest.mark.acceptance("CHG-D2")
@pytest.mark.parametrize("mark", ["\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_what_a_word_processor_ends_a_line_with_glues_no_words(mark: str) -> None:
    assert clean(f"Prices rise{mark}from May") == "Prices rise\nfrom May"
    assert one_line(f"Prices rise{mark}from May\x07") == "Prices rise from May"


@pytest.mark.acceptance("CHG-D2")
def test_a_thousand_hostile_strings_stay_text_in_every_format() -> None:
    strings = fuzz(1_000)
    one = section(
        "1.0", tuple(entry(f"h{at}", text, authors=(text,), details=(text,)) for at, text in enumerate(strings))
    )
    changelog = record()
    hostile = type(changelog)(strings[0], (one,), section(None, (), sha=None))
    say = Words("en")
    shown = view(hostile, Audience.ENGINEERING, say)
    titles = [item.title for item in shown.sections[0].entries]

    page = html.page(shown, say, LINKS)
    tree = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    names = [item.text for item in tree.iter("{http://www.w3.org/1999/xhtml}span") if item.get("class") == "name"]
    assert names == titles
    parser = _Active()
    parser.feed(page)
    assert parser.found == []

    root = ElementTree.fromstring(feed(shown))
    content = root.find(".//a:content", ATOM)
    assert content is not None
    parser = _Active()
    parser.feed(content.text or "")
    assert parser.found == []
    assert nh3.clean(content.text or "").count("alert(1)") == (content.text or "").count("alert(1)")  # only ever text
    parsed = feedparser.parse(feed(shown))
    assert not parsed.bozo

    for title in titles:
        rendered = MarkdownIt("gfm-like", {"linkify": False}).render(f"- {markdown.escape(title)}")
        parser = _Active()
        parser.feed(rendered)
        assert parser.text.strip() == title
        assert re.findall(r"<(\w+)", rendered) == ["ul", "li"]


@pytest.mark.acceptance("CHG-D2")
def test_release_texts_of_forges_name_nobody_and_nothing_by_accident() -> None:
    shown = view(record("Thanks @octocat, see #1"), Audience.ENGINEERING, Words("en"))
    text = markdown.release_text(shown.sections[1], Words("en"), LINKS)
    assert "@octocat" not in text
    assert "see #1" not in text
    rendered = MarkdownIt().render(text)
    assert "@\u200boctocat" in rendered


@pytest.mark.acceptance("CHG-D3")
def test_atom_ids_outlive_host_and_updated_follows_content() -> None:
    say = Words("en")
    shown = view(record(), Audience.BUSINESS, say, annotations())
    here, there = (
        feed(shown),
        atom.render(shown, say, atom.Address(lambda n: f"https://new.example/{n}"), updated=updated),
    )
    ids = [
        [item.text for item in ElementTree.fromstring(body).iter("{http://www.w3.org/2005/Atom}id")]
        for body in (here, there)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) == 4
    assert all((name or "").startswith("tag:release-mgmt,2026:") for name in ids[0])
    parsed = feedparser.parse(here)
    assert not parsed.bozo
    assert [item.updated for item in parsed.entries] == [
        "2026-11-20T00:00:00Z",
        "2026-11-03T09:00:00Z",
        "2026-11-03T09:00:00Z",
    ]
    assert parsed.feed.updated == "2026-11-20T00:00:00Z"
    assert parsed.entries[1].link == "https://releases.example/#release-1.1"


@pytest.mark.acceptance("CHG-D1")
@pytest.mark.acceptance("CHG-D8")
def test_a_document_without_an_address_holds_every_release() -> None:
    """A file has no next page: what is not in it is nowhere."""
    releases = tuple(section(f"1.{n}", (entry(f"e{n}", f"Change {n}"),)) for n in reversed(range(60)))
    made = replace(record(), releases=releases)
    content = b"".join(document(made, Style("atom", Audience.BUSINESS)))
    parsed = feedparser.parse(content)
    assert len(parsed.entries) == 61
    assert b'rel="next"' not in content
    markdown_ids = re.findall(r"<!-- (\S+) -->", b"".join(document(made, Style("markdown"))).decode())
    contents = ElementTree.fromstring(content).iterfind("a:entry/a:content", ATOM)
    assert ids_of_html("".join(part.text or "" for part in contents)) == markdown_ids


@pytest.mark.acceptance("CHG-D3")
def test_atom_pages_together_hold_every_release_once() -> None:
    releases = tuple(section(f"{n}.0", (entry(f"e{n}", f"Change {n}"),)) for n in range(57, 0, -1))
    changelog = type(record())("big", releases, section(None, (), sha=None))
    shown = view(changelog, Audience.ENGINEERING, Words("en"))
    seen: list[str] = []
    number = 1
    while True:
        parsed = feedparser.parse(feed(shown, number=number))
        seen += [item.id for item in parsed.entries]
        rels = {link.rel: link.href for link in parsed.feed.links}
        assert rels["self"] == address(number)
        if "next" not in rels:
            break
        number += 1
        assert rels["next"] == address(number)
    assert number == 3
    assert len(seen) == len(set(seen)) == 57


@pytest.mark.acceptance("CHG-D4")
def test_an_internal_change_leaves_no_trace_in_what_the_business_reads() -> None:
    with_it = view(record(), Audience.BUSINESS, Words("en"), annotations())
    full = record()
    kept = tuple(item for item in full.releases[0].entries if item.id != "c3")
    without = type(full)(full.repository, (section("1.1", kept), full.releases[1]), full.unreleased)
    without_it = view(without, Audience.BUSINESS, Words("en"), annotations())
    assert with_it == without_it  # so all bytes, counts and digests are the same
    for text in (
        html.page(with_it, Words("en"), LINKS),
        markdown.render(with_it, Words("en"), LINKS),
        feed(with_it).decode(),
    ):
        assert "signing keys" not in text
        assert "c3" not in ids_of_html(text)
        assert "Ada" not in text


@pytest.mark.acceptance("CHG-D7")
def test_markdown_is_a_keep_a_changelog_document() -> None:
    text = markdown.render(view(record(), Audience.ENGINEERING, Words("en"), annotations()), Words("en"), LINKS)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["[Unreleased]", "[1.1] - 2026-11-03", "[1.0] - 2026-11-03"]
    assert "- **Breaking:** Round prices up" in text
    assert text.rstrip().splitlines()[-3:] == [
        f"[Unreleased]: https://github.com/acme/risk-models/compare/v1.1...{'a' * 40}",
        "[1.1]: https://github.com/acme/risk-models/compare/v0.9...v1.1",
        "[1.0]: https://github.com/acme/risk-models/releases/tag/v1.0",
    ]
    assert '<a id="release-1.1"></a>' in text
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= {"Changed", "Libraries", "First-time contributors"}


@pytest.mark.acceptance("CHG-D6")
def test_a_withdrawn_release_is_marked_everywhere() -> None:
    shown = view(record(), Audience.BUSINESS, Words("en"), annotations(), yanked={("", "1.1"): "Wrong prices"})
    for text in (markdown.render(shown, Words("en")), html.page(shown, Words("en")), feed(shown).decode()):
        assert "[YANKED]" in text
        assert "Wrong prices" in text


@pytest.mark.acceptance("CHG-D8")
def test_five_thousand_entries_render_whole_and_a_limit_is_told() -> None:
    many = tuple(entry(f"e{n}", f"Change number {n} of a long release") for n in range(5_000))
    shown = view(
        type(record())("big", (section("1.0", many),), section(None, (), sha=None)), Audience.ENGINEERING, Words("en")
    )
    say = Words("en")
    assert len(ids_of_html(html.page(shown, say))) == 5_000
    assert sum(piece.count("<!-- e") for piece in markdown.pieces(shown, say)) == 5_000
    text = markdown.release_text(shown.sections[0], say, more="https://releases.example/1.0")
    assert len(text) <= markdown.GITHUB_LIMIT
    kept = text.count("<!-- e")
    assert f"Truncated: {5_000 - kept} more changes." in text.replace("\\", "")
    assert text.rstrip().endswith("<https://releases.example/1.0>")
    assert kept > 500


@pytest.mark.acceptance("CHG-D9")
def test_the_same_record_gives_the_same_bytes_under_any_hash_seed() -> None:
    script = (
        "import hashlib;from tests.unit.publishing.test_formats import *;"
        "words = {'en': Words('en'), 'de': Words('de')};"
        "texts = lambda v: html.page(v, words[v.language]) + markdown.render(v, words[v.language]);"
        "print(hashlib.sha256(b''.join(texts(v).encode() + feed(v) for v in all_views())).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(seen) == 1


@pytest.mark.acceptance("CHG-D10")
def test_contributors_can_be_left_out_and_never_reach_the_business() -> None:
    engineering = view(record(), Audience.ENGINEERING, Words("en"), annotations())
    assert [one.name for one in engineering.sections[1].contributors] == ["Ada Löwe"]
    assert view(record(), Audience.ENGINEERING, Words("en"), contributors=False).sections[1].contributors == ()
    assert view(record(), Audience.BUSINESS, Words("en"), annotations()).sections[1].contributors == ()


@pytest.mark.acceptance("CHG-D10")
def test_each_first_time_contributor_is_named_with_the_earliest_pull_request() -> None:
    """Of several the oldest, not a direct commit that was before it, and with an address where there is one."""
    newest_first = (
        entry("c4", "Later", authors=("Bea", "Ada"), pull_request=PullRequestRef("github", 9)),
        entry("c3", "First by request", authors=("Ada",), pull_request=PullRequestRef("github", 7)),
        entry("c2", "Others", authors=("Old Hand",), pull_request=PullRequestRef("github", 6)),
        entry("c1", "Pushed", authors=("Ada", "Cy"), pull_request=None),
    )
    made = replace(record(), releases=(section("1.0", newest_first, first_time_contributors=("Ada", "Bea", "Cy")),))
    shown = view(made, Audience.ENGINEERING, Words("en"))
    assert [str(one) for one in shown.sections[-1].contributors] == ["Ada (#7)", "Bea (#9)", "Cy"]
    there = "https://github.com/acme/risk-models/pull"
    assert f"- Ada ([\\#7]({there}/7))\n- Bea ([\\#9]({there}/9))\n- Cy\n" in markdown.render(shown, Words("en"), LINKS)
    page = html.page(shown, Words("en"), LINKS)
    assert f'Ada (<a href="{there}/7">#7</a>), Bea (<a href="{there}/9">#9</a>), Cy</p>' in page


def test_custom_templates_are_escaped_and_cannot_leave_the_sandbox() -> None:
    shown = view(record("<b>bold</b>"), Audience.ENGINEERING, Words("en"))
    source = (
        "{% for s in changelog.sections %}{{ s.title }}:{% for e in s.entries %}{{ e.title }};{% endfor %}{% endfor %}"
    )
    assert "&lt;b&gt;bold&lt;/b&gt;" in custom.render(source, shown, Words("en"))
    assert "<b>bold</b>" in custom.render(source, shown, Words("en"), html=False)
    for attack in (
        "{{ ''.__class__.__mro__ }}",
        "{{ say._catalogue }}",
        "{{ when.__globals__ }}",
        "{% include 'page.html' %}",
        "{{ nothing }}",
        "{% for",
        "{{ 1/0 }}",
        "{{ range(10000000) | list }}",
    ):
        with pytest.raises(InvalidInput):
            custom.render(attack, shown, Words("en"))


def test_a_template_hears_of_the_line_at_fault_and_knows_no_chance() -> None:
    shown = view(record(), Audience.ENGINEERING, Words("en"))
    for source, told in (
        ("a\n{{ nothing }}", "line 2: 'nothing' is undefined"),
        ("\n\n{{ changelog.__class__ }}", "line 3: not allowed in a template"),
        ("\n{{ day('x') }}", "line 2: Invalid isoformat"),
        ("{{ [1, 2, 3] | random }}", "line 1: No filter named 'random'"),
    ):
        with pytest.raises(InvalidInput) as caught:
            custom.render(source, shown, Words("en"))
        assert caught.value.errors[0].message.startswith(told)


def test_a_template_reads_nothing_through_the_words_it_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formats reach attributes and items: of the words, of their values, and so of everything the process holds."""
    monkeypatch.setenv("RELEASE_MGMT_SECRET", "hunter2")
    shown = view(record(), Audience.ENGINEERING, Words("en"))
    reach = "{x.__call__.__func__.__globals__[gettext].os.environ[RELEASE_MGMT_SECRET]}"
    for attack in (
        f"{{{{ say('{reach}', x=say) }}}}",
        f"{{{{ many('{reach}', '{reach}', 1, x=say) }}}}",
        f"{{{{ say.form('{reach}', '', 1).format(x=say) }}}}",
        "{{ say('{x.__class__}', x=changelog) }}",
    ):
        try:
            written = custom.render(attack, shown, Words("en"), html=False)
        except InvalidInput as error:
            written = str(error)
        assert "hunter2" not in written
        assert "<class" not in written
    assert custom.render("{{ say('In {language}', language='en') }}", shown, Words("en")) == "In en"


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 10 ** (10 ** 9) }}",
        "{{ 'a'.ljust(10 ** 12) }}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ when(1) }}",
        "{{" + "(" * 5_000 + "1" + ")" * 5_000 + "}}",
    ],
)
def test_a_template_that_never_ends_or_never_fits_is_refused(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "MOST_SECONDS", 2)
    shown = view(record(), Audience.ENGINEERING, Words("en"))
    with pytest.raises(InvalidInput) as caught:
        custom.render(bomb, shown, Words("en"))
    assert caught.value.errors[0].path == "template"


def test_a_template_that_writes_too_much_is_refused() -> None:
    shown = view(record(), Audience.ENGINEERING, Words("en"))
    with pytest.raises(TooLarge):
        custom.render("{% for a in range(21) %}{{ 'x' * 1000000 }}{% endfor %}", shown, Words("en"))


def test_the_file_of_a_person_is_only_changed_between_the_markers() -> None:
    old = f"# Ours\n\nkept\n{markdown.BEGIN}\nold\n{markdown.END}\ntail\n"
    new = markdown.write_between(old, "new text")
    assert new == f"# Ours\n\nkept\n{markdown.BEGIN}\nnew text\n{markdown.END}\ntail\n"
    assert markdown.write_between(new, "new text") == new
    assert markdown.write_between(None, "x").startswith(markdown.BEGIN)
    for broken in ("# no markers\n", f"{markdown.BEGIN}\n", f"{markdown.END}\n{markdown.BEGIN}\n", old + old):
        with pytest.raises(InvalidInput):
            markdown.write_between(broken, "x")


def test_what_stands_outside_the_markers_keeps_every_byte() -> None:
    old = f"\ufeff# Ours\r\n\r\n{markdown.BEGIN}\r\nold\r\n{markdown.END}\r\nmixed\nlast\r\n\r\n"
    new = markdown.write_between(old, "one\n\ntwo\n")
    assert new == old.replace("old\r\n", "one\r\n\r\ntwo\r\n")
    assert markdown.write_between(new, "one\n\ntwo\n") == new
    inline = f"before {markdown.BEGIN} old {markdown.END} after\n"
    assert markdown.write_between(inline, "new") == f"before {markdown.BEGIN}\nnew\n{markdown.END} after\n"
    hostile = markdown.render(
        view(record(f"{markdown.END} x {markdown.BEGIN}"), Audience.BUSINESS, Words("en")), Words("en")
    )
    assert hostile.count(markdown.BEGIN) == hostile.count(markdown.END) == 0


def test_a_cut_release_text_stays_within_its_limit_and_loses_nothing_unsaid() -> None:
    many = tuple(entry(f"c{n}", f"Change number {n} " + "x" * 200) for n in range(2_000))
    for people in (3, 20_000):
        names = tuple(f"Person {n}" for n in range(people))
        made = replace(record(), releases=(section("2.0", many, first_time_contributors=names),))
        shown = view(made, Audience.ENGINEERING, Words("en")).sections[1]
        text = markdown.release_text(shown, Words("en"), LINKS, more="https://r.example/x")
        assert len(text) <= markdown.GITHUB_LIMIT
        kept = text.count("\n- Change number")
        assert f"Truncated: {2_000 - kept} more changes." in text.replace("\\", "")
        assert "https://r.example/x" in text
        assert ("- Person 2\n" in text) == (people == 3)
        assert ("Truncated: libraries and contributors." in text) == (people > 3)


def test_titles_for_the_business_are_plain() -> None:
    from release_mgmt.core.audience import plain_name, plain_title

    assert plain_title("feat(model)!: move to `LightGBM` (#12)") == "Move to LightGBM"
    assert plain_title(":sparkles: ENH: add tariff (!7) (#8)") == "Add tariff"
    assert plain_title("Pricing: round up") == "Pricing: round up"
    assert plain_title("(#12)") == "(#12)"
    for title in (
        "[FIX] Rounding",
        "[MRG+1] FIX Rounding",
        "✨ feat: rounding",
        "🐛 Rounding",
        "FIX Rounding (#1) (#2)",
        "TST/CI: rounding [skip ci]",
        "[ci skip] FIX #7 - rounding (fixes #1, #2)",
        "#7: rounding; closes #8 and #9.",
        "Rounding ([#7](https://example.org/issues/7))",
    ):
        assert plain_title(title) == "Rounding"
    assert plain_title('Revert "feat(x): rounding (#7)" (#8)') == 'Revert "Rounding"'
    for title in ("[EU] Rounding", "Fix Rounding", "DOCUMENTS are kept", "[WIP]", "FIX", "✨"):
        assert plain_title(title) == title
    for title in ("Fix #7", "Revert part of #7", "FIX #7 by rounding", "Save in C#7", "Deaths (COVID-19)", "[skip ci]"):
        assert plain_title(title) == title
    assert plain_title(f"a{',#1' * 160}x").startswith("A,#1")  # at once
    assert plain_name("train.learning_rate") == "learning rate"
    assert plain_name("maxDepth") == "max Depth"
    assert plain_name("EPOCHS") == "epochs"
    assert one_line("x") == "x"


def test_markers_in_examples_are_none() -> None:
    pair = f"{markdown.BEGIN}\nold\n{markdown.END}\n"
    example = f"Write `{markdown.BEGIN}`:\n\n```md\n{pair}```\n\n"
    assert markdown.write_between(example + pair, "new") == example + pair.replace("old", "new")
    with pytest.raises(InvalidInput, match="one pair of markers"):
        markdown.write_between(example, "new")
    mixed = f"a\r\nb\nc\n{pair}"
    assert markdown.write_between(mixed, "new") == mixed.replace("old", "new")
