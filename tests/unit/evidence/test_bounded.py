"""What strangers' files may hold is read within bounds or refused with a reason."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release_mgmt.core.evidence.bounded import Unreadable, decode, load_json, load_toml, load_yaml, load_yaml_all


def test_yaml_resolves_as_yaml_does() -> None:
    """Scalars take the types people expect of configuration, and times stay text."""
    text = b"a: 1\nb: 1e-3\nc: [yes, 'no', ~, 0x10, 1_000]\nd: 2026-12-24\ne: 18:30\nf: .inf\ng: -1.5e+3\nh: ''\n"
    assert load_yaml(text) == {
        "a": 1,
        "b": 0.001,
        "c": [True, "no", None, 16, 1000],
        "d": "2026-12-24",
        "e": "18:30",
        "f": float("inf"),
        "g": -1500.0,
        "h": "",
    }


def test_yaml_lines() -> None:
    """Every value's line is told by its path."""
    lines: dict[tuple[str | int, ...], int] = {}
    load_yaml(b"a:\n  b: 1\n  c:\n    - x\n    - y\n", lines)
    assert lines == {(): 1, ("a",): 2, ("a", "b"): 2, ("a", "c"): 4, ("a", "c", 0): 4, ("a", "c", 1): 5}


def test_yaml_merges_aliases_and_unknown_tags() -> None:
    """Anchors, merge keys and tags of other tools do no harm."""
    text = b"base: &b {lr: 0.1, n: 1}\nrun:\n  <<: *b\n  n: 2\nx: !Ref thing\ny: !!python/name:os.system ''\n"
    assert load_yaml(text) == {"base": {"lr": 0.1, "n": 1}, "run": {"lr": 0.1, "n": 2}, "x": "thing", "y": ""}
    assert load_yaml_all(b"--- 1\n--- 2\n") == [1, 2]
    assert load_yaml(b"") is None


def bomb() -> bytes:
    rows = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    rows += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(rows).encode()


@pytest.mark.parametrize(
    "data",
    [bomb(), b"[" * 100_000, b"a: &a [*a]", b"? [x]\n: y", b"a: *nothing", b"{{ cookiecutter.x }}: [", b"a\0b"],
    ids=["aliases", "deep", "recursive", "key", "dangling", "template", "null"],
)
def test_yaml_refuses(data: bytes) -> None:
    """Bombs, nesting and nonsense raise Unreadable, at once."""
    started = time.process_time()
    with pytest.raises(Unreadable):
        load_yaml(data)
    assert time.process_time() - started < 20  # a hang, not a speed


@pytest.mark.parametrize("data", [b"[" * 200_000, b"[" * 150 + b"]" * 150, b"{", b"\xff\xfe\x00", b""])
def test_json_refuses(data: bytes) -> None:
    """Deep and broken JSON raises Unreadable."""
    with pytest.raises(Unreadable):
        load_json(data)


def test_json_takes_nan() -> None:
    """Metrics files hold NaN."""
    assert load_json(b'{"a": Infinity}') == {"a": float("inf")}


@pytest.mark.parametrize(
    "data", [b"a = " + b"[" * 100_000, b"a." * 50_000 + b"b = 1", b"a = {" + b"b." * 50_000 + b"c=1}"]
)
def test_toml_refuses(data: bytes) -> None:
    """Deep arrays and keys of thousands of parts raise Unreadable, at once."""
    with pytest.raises(Unreadable):
        load_toml(data)


def test_decode() -> None:
    """Byte order marks, Latin-1 and line ends are settled; binary is refused."""
    assert decode(b"\xef\xbb\xbfa\r\nb\rc") == "a\nb\nc"
    assert decode("é".encode("utf-16")) == "é"
    assert decode(b"\xe9") == "é"
    with pytest.raises(Unreadable):
        decode(b"x" * 10, limit=9)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet="{}[]:,-&*!?|>'\"#%@ \nab1", max_size=200).map(str.encode))
def test_readers_never_crash(data: bytes) -> None:
    """Whatever the bytes, a reader answers or raises Unreadable."""
    for reader in (load_yaml, load_json, load_toml):
        try:
            reader(data)
        except Unreadable:
            continue
