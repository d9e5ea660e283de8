"""What kind of edit a change of source is: values told from texts, documents and logic."""

from __future__ import annotations

import contextlib

import pytest

from release_mgmt.core.evidence.bounded import Unreadable
from release_mgmt.core.evidence.edits import Weight, compare
from release_mgmt.core.evidence.parameters import ParameterChange, configuration_changes


@pytest.mark.parametrize(
    ("language", "old", "new", "weight"),
    [
        ("python", "x = 1", "x = 1  # one", Weight.DOCUMENTATION),
        (
            "python",
            'def f():\n    """A."""\n    return 1',
            'def f():\n    """B."""\n    return 1',
            Weight.DOCUMENTATION,
        ),
        ("python", "f(a,\n  b)", "f(a, b)", Weight.DOCUMENTATION),
        ("python", "x = 'a'", 'x = "a"', Weight.DOCUMENTATION),
        ("python", "f(a, b=1)", "f(\n    a,\n    b=1,\n)", Weight.DOCUMENTATION),
        ("python", "def f(a): pass", "def f(\n    a,\n): pass", Weight.DOCUMENTATION),
        ("python", "x = {'a': [1, 2]}", "x = {\n    'a': [\n        1,\n        2,\n    ],\n}", Weight.DOCUMENTATION),
        ("python", "from os import a, b", "from os import (\n    a,\n    b,\n)", Weight.DOCUMENTATION),
        ("python", "x = 1;", "x = 1", Weight.DOCUMENTATION),
        ("python", "x = (1)", "x = (1,)", Weight.PARAMETERS),
        ("python", "y = x[1]", "y = x[1,]", Weight.LOGIC),
        ("python", "for a in (b): pass", "for a in (b,): pass", Weight.LOGIC),
        ("python", "lr = 0.1", "lr = 0.2", Weight.PARAMETERS),
        ("python", "lr = -0.1", "lr = 0.1", Weight.PARAMETERS),
        ("python", "bias = True", "bias = False", Weight.PARAMETERS),
        ("python", "def f(a=1): pass", "def f(a=2): pass", Weight.PARAMETERS),
        ("python", "sizes = [1, 2]", "sizes = [1, 2, 3]", Weight.PARAMETERS),
        ("python", "f(a, b)", "f(a, b, force=True)", Weight.PARAMETERS),
        ("python", "f(a, b=1, c=2)", "f(a, c=2)", Weight.PARAMETERS),
        ("python", "A = 1\nB = 2", "A = 1\nC = 4\nB = 2", Weight.PARAMETERS),
        ("python", "use('Agg')", "use('svg')", Weight.PARAMETERS),
        ("python", "print('a')", "print('b')", Weight.TEXT),
        ("python", "log.warning('not found')", "log.warning('was not found')", Weight.TEXT),
        ("python", "raise ValueError('a')", "raise ValueError('b')", Weight.TEXT),
        ("python", "p.add_argument('--x', help='a')", "p.add_argument('--x', help='b')", Weight.TEXT),
        ("python", "d['a'] = x", "d['b'] = x", Weight.LOGIC),
        ("python", "y = x[0]", "y = x[1]", Weight.LOGIC),
        ("python", "y = x + 1", "y = x + 2", Weight.LOGIC),
        ("python", "r = os.environ['RANK']", "r = os.environ['LOCAL']", Weight.LOGIC),
        ("python", "s = f'{a}'", "s = f'{b}'", Weight.LOGIC),
        ("python", "def f(a): pass", "def f(a, b=None): pass", Weight.LOGIC),
        ("python", "class A(B): pass", "class C(B): pass", Weight.LOGIC),
        ("python", "x = f(1)", "x = g(1)", Weight.LOGIC),
        ("r", "trees <- 1000", "trees <- 2000", Weight.PARAMETERS),
        ("r", "fit(x, trees = 1000)", "fit(x, trees = 2000)", Weight.PARAMETERS),
        ("r", "f <- function(x, n = 600) x", "f <- function(x, n = 1800) x", Weight.PARAMETERS),
        ("r", "set.seed(1)", "set.seed(2)", Weight.PARAMETERS),
        ("r", "# a\nx <- 1", "# b\nx <- 1", Weight.DOCUMENTATION),
        ("r", 'stop("a")', 'stop("b")', Weight.TEXT),
        ("r", "x %>% f() %>%\n  g()", "x %>% f() %>%\n  h()", Weight.LOGIC),
        ("sql", "select a from t -- one", "select a from t -- two", Weight.DOCUMENTATION),
        ("sql", "select a from t where n > 5", "select a from t where n > 6", Weight.PARAMETERS),
        ("sql", "select a from t", "select b from t", Weight.LOGIC),
    ],
)
def test_the_weight_of_an_edit(language: str, old: str, new: str, weight: Weight) -> None:
    assert compare(old, new, language).weight is weight


def test_the_parameter_is_named_with_both_values_and_its_line() -> None:
    source = "import x\n\n\ndef run():\n    m = Model(trees=100,\n              depth={})\n    return m\n"
    (one,) = compare(source.format(3), source.format(4), "python").parameters
    assert one == ParameterChange("depth", "3", "4", 5)


def test_an_edit_deep_in_a_long_file_is_the_same_edit() -> None:
    body = "".join(
        f'def f{n}(a):\n    """Return {n}.\n\n    class of it\n    """\n    return a * {n}\n\n\n' for n in range(300)
    )
    edit = compare(body + "LIMIT = 1\n" + body, body + "LIMIT = 2\n" + body, "python")
    assert (edit.weight, edit.parameters) == (Weight.PARAMETERS, (ParameterChange("LIMIT", "1", "2", 2401),))
    assert compare(body, body.replace("class of it", "class of this"), "python").weight is Weight.DOCUMENTATION


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("params.yaml", b"a:\n  b: 1\n", b"a:\n  b: 2\n", [("a.b", "1", "2", 2)]),
        ("p.yaml", b"x: [a, b]\n", b"x: [c, a, b]\n", [("x[0]", None, "c", 1)]),
        ("p.yaml", b"x: [a, b]\n", b"x: [b]\n", [("x[0]", "a", None, 1)]),
        ("p.yaml", b"a: 1\n", b"a: 1 # more\n", []),
        ("p.json", b'{"a": {"b": [1, 2]}}', b'{"a": {"b": [1, 3]}}', [("a.b[1]", "2", "3", 1)]),
        ("p.toml", b"[a]\nb = 1\n", b"[a]\nb = 1\nc = 2\n", [("a.c", None, "2", 3)]),
        ("p.ini", b"[a]\nb = 1\n", b"[a]\nb = 2\n", [("a.b", "1", "2", 2)]),
        (".env", b"A=1\n", b"A='2'\n", [("A", "1", "2", 1)]),
        (".env.example", b"export A=1\n", b"", [("A", "1", None, 1)]),
    ],
)
def test_configuration_values(path: str, old: bytes, new: bytes, expected: list[tuple[object, ...]]) -> None:
    found = configuration_changes(path, old, new)
    assert [(one.key, one.old, one.new, one.line) for one in found] == expected


@pytest.mark.acceptance("CHG-C1")
@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("a.json", '{"a": [\n1,\n{"c":\n2}]}', '{"a": [\n1,\n{"c":\n3}]}', ("a[1].c", "2", "3", 3)),
        ("a.json", '{\n"a": 1,\n"b": 2}', '{\n"a": 1}', ("b", "2", None, 3)),
        ("a.jsonc", '{\n// "a": 0\n"a": "//1",\n}', '{\n// "a": 0\n"a": "//2",\n}', ("a", "//1", "//2", 3)),
        ("a.toml", "a = 1\n[t.u]\nb = [\n1]", "a = 1\n[t.u]\nb = [\n2]", ("t.u.b[0]", "1", "2", 3)),
        ("a.toml", "[[r]]\nx = 1\n[[r]]\nx = 2", "[[r]]\nx = 1\n[[r]]\nx = 3", ("r[1].x", "2", "3", 4)),
        ("a.ini", "[s]\n# b\nB = 1", "[s]\n# b\nB = 2", ("s.b", "1", "2", 3)),
        ("a.ini", "[DEFAULT]\nlr = 1\n[s]\nb = 1", "[DEFAULT]\nlr = 2\n[s]\nb = 1", ("DEFAULT.lr", "1", "2", 2)),
        ("MLproject", "name: a\nmain:\n  lr: 1", "name: a\nmain:\n  lr: 2", ("main.lr", "1", "2", 3)),
    ],
)
def test_a_value_of_any_configuration_names_its_line(
    path: str, old: str, new: str, expected: tuple[str, str, str | None, int]
) -> None:
    (one,) = configuration_changes(path, old.encode(), new.encode())
    assert (one.key, one.old, one.new, one.line) == expected


@pytest.mark.parametrize("path", ["a.json", "a.toml", "a.ini"])
def test_lines_of_hostile_configuration_cost_bounded_time(path: str) -> None:
    for text in ('{"a": 1, "b": "' + "/*" * 200_000 + '"}', "{" + "/*" * 300_000, "a = 1\n" + "[" * 5_000):
        with contextlib.suppress(Unreadable):
            configuration_changes(path, b"", text.encode())


@pytest.mark.parametrize(
    ("language", "old", "new", "removed", "added"),
    [
        ("python", "a = 1\ndf = df.sort(x)", "a = 1\ndf = df.sort(x == 2)", "df = df.sort(x)", "df = df.sort(x == 2)"),
        ("python", "", "x = f(  # why\n    a,\n    b,  # and\n)\ny = 1", None, "x = f(a, b,)"),
        ("r", "a <- b\n", "a <- stats::median(b,\n  na.rm = TRUE)\n", "a <- b", "a <- stats::median(b, na.rm = TRUE)"),
    ],
)
def test_what_differs_is_told_as_it_is_written(
    language: str, old: str, new: str, removed: str | None, added: str
) -> None:
    """On one line, without comments, spaced as its author did."""
    edit = compare(old, new, language)
    assert (edit.removed, edit.added) == (removed, added)
