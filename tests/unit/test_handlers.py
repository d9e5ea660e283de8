"""To whom tokens of forges are shown."""

from __future__ import annotations

import pytest

from release_mgmt.jobs.handlers import Work
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store


@pytest.mark.parametrize(
    ("host", "token"),
    [
        ("github.com", "hub"), ("github.evil.example", None), ("github.com.evil.example", None),
        ("notgithub.com", None), ("gitlab.com", "lab"), ("gitlab.example.org", "lab"), ("gitlab.other.org", None),
        ("bitbucket.org", None), ("example.org", None),
    ],
)  # fmt: skip
def test_a_token_goes_to_its_forge_and_to_hosts_the_operator_named(
    one_store: Store, host: str, token: str | None
) -> None:
    """A host whose name only looks like a forge's gets nothing."""
    settings = Settings(github_token="hub", gitlab_token="lab", repository_hosts=("gitlab.example.org",))
    assert Work(one_store, settings, "j", "r").sources.token(host) == token
