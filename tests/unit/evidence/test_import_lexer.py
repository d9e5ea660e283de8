"""The lexer of import statements: equal to ``ast`` on what parses, right beside it on what does not."""

from __future__ import annotations

import ast
import textwrap
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.evidence.imports import Guard, find_imports, import_set


def by_ast(source: str) -> set[tuple[int, str, str | None]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    found: set[tuple[int, str, str | None]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(0, one.name, None) for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.level, node.module or "", one.name) for one in node.names}
    return found


PIECES = [
    "import a", "import a.b as c, d", "import a . b", "from . import x",
    "from .m import (\n    y,  # import no\n    z as w,\n)",
    "from ..p.q import *", "from.r import s", "from . r import t", "x = 'import b'", 'y = "# import c"', "# import d",
    "'''\nimport e\n'''", '"""from f import g"""', 's = """\\"""import h"""', "t = 'a\\\nimport i'",
    "import j; import k",
    "if True: import l", "x = 1  # '''", "u = r'\\'  # '", 'v = "\\"import m"', "def f():\n    import n",
    "w = '''a''' ; import o",
    "from p import (q)", "import \\\n    r", "from s \\\n    import t",
    "class C:\n    '''from u import v'''\n    import w",
    "try:\n    import x\nexcept ImportError:\n    x = None", "important = importer = 1", "print('import y', end='')",
    "z = f'{1}import z'", "a = b'''\nimport ba\n'''", "from __future__ import annotations", "import été",
    "x = {'a': 1,\n     'import': 2}", "def g(): 'import doc'; import bb", "\x0cimport cc", "lambda: 0",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_any_mixture_of_statements_gives_what_ast_gives(pieces: list[str], end: str, bom: bool) -> None:
    source = "\n".join(pieces) + "\n"
    try:
        expected = by_ast(source)
    except SyntaxError:
        return
    data = source.replace("\n", end).encode()
    assert import_set((b"\xef\xbb\xbf" if bom else b"") + data) == expected


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("print 'a'\nimport urllib2\nexcept X, e:\n  from requests import get\n", {"urllib2", "requests"}),
        ("def broken(:\nimport numpy\n", {"numpy"}),
        ("<<<<<<< ours\nimport a\n=======\nimport b\n>>>>>>> theirs\n", {"a", "b"}),
        ("exec 'import no'\nimport yes\n", {"yes"}),
        ("cimport no\nimport yes\n", {"yes"}),
        ("{% if x %}\nimport jinja_in_template\n{% endif %}\n", {"jinja_in_template"}),
    ],
)
def test_what_python_3_cannot_parse_is_still_read(source: str, modules: set[str]) -> None:
    assert {one.module for one in find_imports(source.encode())} == modules


@pytest.mark.parametrize(
    ("source", "guard"),
    [
        ("import a", Guard.NONE),
        ("def f():\n    import a", Guard.LAZY),
        ("try:\n    import a\nexcept ImportError:\n    a = None", Guard.OPTIONAL),
        ("try: import a\nexcept: pass", Guard.OPTIONAL),
        ("try:\n    pass\nexcept ImportError:\n    import a", Guard.OPTIONAL),
        ("try:\n    import a\nexcept ImportError:\n    raise RuntimeError('install a')", Guard.NONE),
        ("try:\n    import a\nfinally:\n    pass", Guard.NONE),
        ("try:\n    import a\nexcept ValueError:\n    pass", Guard.NONE),
        ("if TYPE_CHECKING:\n    import a", Guard.TYPING),
        ("if typing.TYPE_CHECKING:\n    from a import b", Guard.TYPING),
        ("with suppress(ImportError):\n    import a", Guard.OPTIONAL),
        ("if find_spec('a'):\n    import a", Guard.OPTIONAL),
        ("def f():\n    check_requirements(('a',))\n    import a", Guard.OPTIONAL),
        ("def f():\n    '''\nif TYPE_CHECKING:\n    '''\n    import a", Guard.LAZY),
        ("if __name__ == '__main__':\n    import a", Guard.NONE),
    ],
)
def test_under_what_condition_an_import_runs(source: str, guard: Guard) -> None:
    (one,) = [found for found in find_imports(source.encode()) if found.module == "a"]
    assert one.guard is guard


def test_lines_are_counted_from_one() -> None:
    source = textwrap.dedent("""\
        '''
        import no
        '''
        import a
        x = 1; import b
    """)
    assert [(one.module, one.line) for one in find_imports(source.encode())] == [("a", 4), ("b", 5)]
