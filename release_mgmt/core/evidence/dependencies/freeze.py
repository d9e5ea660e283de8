"""Files that look like a manifest and are the outcome of a resolution: ``pip freeze``, exported conda environments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from release_mgmt.core.evidence.dependencies.model import Group, Requirement, word_set

# Hardly anybody asks for these by hand: they come with others.
_BROUGHT = word_set(
    """
    appdirs attrs backcall backports-zoneinfo ca-certificates cachetools certifi cffi chardet charset-normalizer
    contourpy cycler debugpy defusedxml executing fonttools freetype frozenlist idna importlib-metadata itsdangerous
    jedi kiwisolver libffi markupsafe matplotlib-inline mdurl mistune multidict ncurses oauthlib openssl packaging
    parso pexpect pickleshare platformdirs ptyprocess pure-eval pyasn1 pyasn1-modules pycparser pygments pyparsing
    pyrsistent python-dateutil pytz readline requests-oauthlib rsa six sniffio soupsieve sqlite stack-data
    threadpoolctl tk traitlets tzdata urllib3 wcwidth webencodings werkzeug xz yarl zipp zlib
    """
)
_FEWEST = 15


def is_freeze(requirements: Sequence[Requirement], *, strict: bool = True) -> bool:
    """Whether a list is a freeze: long, nearly all pinned, holding what nobody asks for by hand and, when
    ``strict``, in the order of the alphabet."""
    if len(requirements) < _FEWEST:
        return False
    pinned = sum(one.pinned or one.url is not None for one in requirements)
    brought = sum(one.key in _BROUGHT for one in requirements)
    if pinned < 0.85 * len(requirements) or brought < max(4, len(requirements) // 15):
        return False
    return not strict or in_order(one.key for one in requirements)


def in_order(keys: Iterable[str]) -> bool:
    """Whether nearly all names stand in the order of the alphabet."""
    listed = list(keys)
    wrong = sum(before > after for before, after in pairwise(listed))
    return wrong <= 1 + len(listed) // 10


def as_lock(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """The requirements as entries of a lock, direct ones not told yet."""
    return tuple(
        replace(one, group=Group.LOCK_TRANSITIVE) if one.group is Group.RUNTIME else one for one in requirements
    )
