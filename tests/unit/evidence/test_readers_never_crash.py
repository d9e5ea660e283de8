"""Whatever a stranger's file holds, every reader answers, in bounded time, and says why when it cannot."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release_mgmt.core.evidence import advisories, artefacts, interface, metrics, schemas
from release_mgmt.core.evidence.bounded import Unreadable
from release_mgmt.core.evidence.dependencies import installs, manifest_kind, r_installs, read, read_included

CASES = Path(__file__).parents[2] / "cases" / "manifests"
MANIFESTS = sorted(
    {
        (path.relative_to(folder).as_posix(), path.read_bytes())
        for folder in CASES.glob("*/*")
        for path in folder.rglob("*")
        if path.is_file() and path.name != "expected.txt"
    }
)
Changes = Callable[[str, bytes | None, bytes | None], object]
OTHERS: list[tuple[str, bytes, Changes]] = [
    ("metrics.json", b'{"a": {"b": [1, 2.5]}}', metrics.changes),
    ("metrics.yaml", b"a: {b: 1}\n", metrics.changes),
    ("run.json", b'{"data": {"metrics": [{"key": "a", "value": 1}]}}', metrics.changes),
    ("data.csv.dvc", b"outs:\n- {md5: a, size: 1, path: data.csv}\n", artefacts.changes),
    ("dvc.lock", b"stages: {a: {outs: [{path: m, md5: b}]}}\n", artefacts.changes),
    ("schema.sql", b"CREATE TABLE t (a int, b text); ALTER TABLE t DROP b;", schemas.changes),
    ("a.proto", b"message A { int32 a = 1; enum E { X = 0; } }", schemas.changes),
    ("a.avsc", b'{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}', schemas.changes),
    ("a.schema.json", b'{"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]}', schemas.changes),
    ("openapi.yaml", b"paths: {/a: {get: {parameters: [{name: b}], responses: {}}}}\n", schemas.changes),
    ("app/migrations/0001.py", b"def upgrade():\n    op.drop_column('a', 'b')\n", schemas.changes),
    ("pkg/a.py", b"class A:\n    def f(self, a, *, b=1): ...\n", interface.changes),
    ("NAMESPACE", b"export(a)\nS3method(print, a)\n", interface.changes),
]
NASTY = st.sampled_from(
    [
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r",
        b"\r\n",
        b"[",
        b"{",
        b"(",
        b'"',
        b"'",
        b"\\",
        b"&a *a",
        b"!!",
        b": ",
        b"\t",
        b"=",
    ]
)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """A good file cut short, with something put into it."""
    at = draw(st.integers(0, len(data)))
    until = draw(st.integers(at, len(data)))
    return data[:at] + draw(NASTY | st.binary(max_size=20)) + data[until:]


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(MANIFESTS).flatmap(lambda case: st.tuples(st.just(case[0]), damaged(case[1]))))
def test_damaged_manifests(case: tuple[str, bytes]) -> None:
    """A damaged manifest is read as far as it goes, or says why not; it never raises."""
    path, data = case
    manifest = read(path, data)
    assert manifest is None or manifest.path == path


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted({path for path, _ in MANIFESTS})), st.binary(max_size=400))
def test_random_manifests(path: str, data: bytes) -> None:
    """Random bytes never raise, under the name of any manifest."""
    assert manifest_kind(path) is not None
    read(path, data)
    read_included("odd/name.cfg", data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(OTHERS).flatmap(lambda case: st.tuples(st.just(case), damaged(case[1]))), st.booleans())
def test_other_readers(given_case: tuple[tuple[str, bytes, Changes], bytes], gone: bool) -> None:
    """Metrics, artefacts, schemas and interfaces answer or raise Unreadable, nothing else."""
    (path, good, changes), bad = given_case
    for old, new in ((good, bad), (bad, good), (None, bad), (bad, None if gone else b"")):
        try:
            changes(path, old, new)
        except Unreadable:
            continue


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="pip instal-rRcE()\"';|&$<>=.,#\\\n\0", max_size=200))
def test_commands(text: str) -> None:
    """Any command line is read without complaint."""
    installs(text)
    installs(f"pip install {text}")
    r_installs(f"install.packages({text})")


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_advisories(value: object) -> None:
    """Files of advisories of any shape are read or reported."""
    import json

    shapes = [{"id": "a", "affected": value}, {"id": "a", "affected": [{"package": value, "ranges": value}]}, value]
    advisories.load([("a.json", json.dumps(shapes).encode()), ("b.json", json.dumps({"releases": value}).encode())])


LONG = 100_000
HUGE = {
    "one word": b"a" * LONG,
    "blank lines": b"\n" * LONG,
    "brackets": b"[" * LONG,
    "braces": b"{" * LONG,
    "parentheses": b"(" * LONG,
    "quotes": b"\"'" * (LONG // 2),
    "continuations": b"\\\n" * (LONG // 2),
    "dots": b"a." * (LONG // 2),
    "keys": b"a = [\n" * (LONG // 6),
    "calls": b"install.packages(" * (LONG // 17),
    "comments": b"/*" * (LONG // 2),
}


@pytest.mark.parametrize("name", HUGE)
def test_time_is_bounded(name: str) -> None:
    """100 kB of one pattern costs every reader seconds at most, where a quadratic step would cost minutes."""
    started = time.process_time()
    for path in sorted({path for path, _ in MANIFESTS}):
        read(path, HUGE[name])
    for path, good, changes in OTHERS:
        try:
            changes(path, good, HUGE[name])
        except Unreadable:
            continue
    assert time.process_time() - started < 20


def test_doubling_names_in_a_setup_script() -> None:
    """Sums of names that double at each line are cut off."""
    text = "from setuptools import setup\na = ['b']\n" + "a = a + a\n" * 60 + "setup(install_requires=a)\n"
    manifest = read("setup.py", text.encode())
    assert manifest is not None
    assert len(manifest.requirements) < 20_000


@pytest.mark.parametrize("used", ["long", "long.split()"])
@pytest.mark.parametrize("between", [" ", "\\n"])
def test_a_long_text_that_a_setup_script_repeats(used: str, between: str) -> None:
    """What is read grows with the script, not with how often it repeats its longest text."""
    long = f"ab{between}" * 20_000
    text = f"from setuptools import setup\nlong = '{long}'\nsetup(install_requires=[{f'{used}, ' * 5_000}])\n"
    manifest = read("setup.py", text.encode())
    assert manifest is not None
    assert len(manifest.requirements) < 100_000
