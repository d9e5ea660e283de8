"""The forges: one file each behind the protocol of ``model.Forge``; adding a forge is adding a file and a line here."""

from __future__ import annotations

import base64
from typing import get_args
from urllib.parse import urlsplit

from release_mgmt.core.changes import Provider
from release_mgmt.core.errors import InvalidInput
from release_mgmt.sources.forge.azure import Azure
from release_mgmt.sources.forge.bitbucket import Bitbucket
from release_mgmt.sources.forge.bitbucket_server import BitbucketServer
from release_mgmt.sources.forge.gitea import Gitea
from release_mgmt.sources.forge.github import GitHub
from release_mgmt.sources.forge.gitlab import GitLab
from release_mgmt.sources.forge.model import Forge

FORGES: dict[str, Forge] = {
    forge.provider: forge for forge in (GitHub(), GitLab(), Gitea(), Bitbucket(), BitbucketServer(), Azure())
}
PUBLIC_API: dict[str, str] = {
    "github": "https://api.github.com",
    "gitlab": "https://gitlab.com/api/v4",
    "bitbucket": "https://api.bitbucket.org",
    "azure": "https://dev.azure.com",
}
# Where a token goes without anybody having named the host.
PUBLIC_HOSTS: dict[str, str | None] = {
    "gitea": "codeberg.org",
    **{provider: urlsplit(address).hostname for provider, address in PUBLIC_API.items()},
}


def forge(provider: str) -> Forge:
    """The adapter of a forge. InvalidInput for an unknown name."""
    try:
        return FORGES[provider]
    except KeyError:
        known = ", ".join(name for name in get_args(Provider) if name in FORGES)
        raise InvalidInput.at("provider", f"there is no forge {provider!r}", known) from None


def auth_headers(provider: str, token: str | None) -> dict[str, str]:
    """The headers that carry a token, and the media types that each API wants."""
    headers = {"User-Agent": "release-mgmt", "Accept": "application/json"}
    if provider == "github":
        # A bare vendor type is answered 406 by strict servers.
        headers |= {
            "Accept": "application/vnd.github+json, application/json;q=0.9",
            "X-GitHub-Api-Version": "2022-11-28",
        }
    if not token:
        return headers
    match provider:
        case "gitlab":
            headers["PRIVATE-TOKEN"] = token
        case "gitea":
            headers["Authorization"] = f"token {token}"
        case "azure":
            headers["Authorization"] = "Basic " + base64.b64encode(f":{token}".encode()).decode()
        case _:
            headers["Authorization"] = f"Bearer {token}"
    return headers
