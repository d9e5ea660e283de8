"""The key that signs sessions: made once, whole at every moment, the same for every process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from release_mgmt.core.errors import Unavailable
from release_mgmt.services.opening import kept_once, secret_key
from release_mgmt.settings import Settings
from tests.support.waiting import LIMIT


def test_whoever_comes_while_the_key_is_made_gets_the_key_that_stays(tmp_path: Path) -> None:
    """A second process that comes while the first makes its key does not read half of it, nor have one of its own."""
    path, reached, go_on = tmp_path / "key", threading.Event(), threading.Event()

    def slowly() -> str:
        reached.set()
        assert go_on.wait(LIMIT)
        return "first"

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(kept_once, path, slowly)
        assert reached.wait(LIMIT)
        assert not path.exists()
        assert kept_once(path, lambda: "second") == "second"
        go_on.set()
        assert slow.result(LIMIT) == "second"
    assert [one.name for one in tmp_path.iterdir()] == ["key"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kept", ["", "short" * 6])
def test_an_empty_or_short_key_is_refused(tmp_path: Path, kept: str) -> None:
    """Nothing is signed with an empty key, such as a full disk may have left, nor with one that can be guessed."""
    (tmp_path / "secret.key").write_text(kept)
    with pytest.raises(Unavailable) as refused:
        secret_key(Settings(data_dir=tmp_path))
    assert "is empty or has less than 32" in refused.value.message
