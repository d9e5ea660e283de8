"""The public interface: what an old call notices."""

from __future__ import annotations

import pytest

from release_mgmt.core.evidence import interface
from release_mgmt.core.evidence.bounded import Unreadable


def told(old: str | None, new: str | None, path: str = "pkg/api.py") -> list[tuple[str, str, bool]]:
    found = interface.changes(
        path, old.encode() if old is not None else None, new.encode() if new is not None else None
    )
    return [(one.name, one.what, one.breaks) for one in found]


@pytest.mark.parametrize(
    ("old", "new", "what", "breaks"),
    [
        ("def f(a): ...", "", "function removed", True),
        ("def f(a): ...", "def f(a, b): ...", "parameter b added without a default", True),
        ("def f(a): ...", "def f(a, b=1): ...", "parameter b added", False),
        ("def f(a, b=1): ...", "def f(a): ...", "parameter b removed", True),
        ("def f(a, b=1): ...", "def f(a, **more): ...", "parameter b removed", False),
        ("def f(a, b=1): ...", "def f(a, b): ...", "parameter b has no default any more", True),
        ("def f(a, b): ...", "def f(b, a): ...", "positional parameters in another order", True),
        ("def f(a): ...", "def f(x=1, a=2): ...", "positional parameters in another order", True),
        ("def f(a): ...", "def f(*, a): ...", "parameter a is named only", True),
        ("def f(*rest): ...", "def f(): ...", "* parameters not taken any more", True),
        ("class A:\n def m(self, x): ...", "class A:\n def m(self): ...", "parameter x removed", True),
        ("class A:\n def m(self): ...", "class A:\n pass", "function removed", True),
        ("class A: ...", "def A(): ...", "class became function", True),
        ("LIMIT = 1", "", "value removed", True),
        ("", "def g(): ...", "function added", False),
    ],
)
def test_what_a_caller_notices(old: str, new: str, what: str, breaks: bool) -> None:
    """Each kind of change of a signature is named, and whether it breaks."""
    assert (what, breaks) in [(one[1], one[2]) for one in told(old, new)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def _f(a): ...", ""),
        ("__all__ = ['g']\ndef f(a): ...\ndef g(): ...", "__all__ = ['g']\ndef g(): ..."),
        ("def f(a):\n return 1", "def f(a: int = ...) -> int:\n return 2".replace(" = ...", "")),
        ("class A:\n def _m(self): ...", "class A: ..."),
        ("class A:\n @property\n def x(self): ...", "class A:\n x = 1"),
        ("import numpy", ""),
    ],
)
def test_what_nobody_notices(old: str, new: str) -> None:
    """Private names, bodies, annotations and imports are no interface."""
    assert not [one for one in told(old, new) if one[2]]


def test_a_removed_module_removes_its_names() -> None:
    """Deleting a file takes its public names away."""
    assert told("def f(): ...\nclass A:\n def m(self): ...", None) == [
        ("f", "function removed", True),
        ("A", "class removed", True),
    ]


def test_exports_of_r() -> None:
    """NAMESPACE tells what an R package exports."""
    old = "export(fit)\nexport(plot_it, summarise)\nS3method(print,model)\nimportFrom(stats,lm)\n"
    assert told(old, "export(fit)\nexport(summarise)\n", "NAMESPACE") == [
        ("plot_it", "export removed", True),
        ("print.model", "export removed", True),
    ]


def test_unreadable() -> None:
    """Python that does not parse says so."""
    with pytest.raises(Unreadable):
        interface.changes("a.py", b"def f(:", b"")
    with pytest.raises(Unreadable):
        interface.changes("a.py", b"", b"x = " + b"(" * 100_000)


def test_public_modules() -> None:
    """A module under a private name is nobody's interface."""
    assert interface.is_public_module("pkg/__init__.py")
    assert not interface.is_public_module("pkg/_impl/a.py")
    assert not interface.is_public_module("pkg/_a.py")
