"""Addresses on a repository's forge, for the renderings; every one is None when it cannot be known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

_SSH = re.compile(r"^(?:ssh://)?(?:[\w.-]+@)(?P<host>[\w.-]+)(?::\d+)?[:/](?P<path>[^?#\s]+)$")


@dataclass(frozen=True, slots=True)
class Links:
    """The web addresses of one repository. ``base`` is its page (https, without a trailing slash), or None."""

    base: str | None = None
    provider: str = "unknown"

    @classmethod
    def of_remote(cls, remote: str | None) -> Links:
        """From a git remote (https or ssh form); credentials in it are dropped, other forms give no links."""
        if not remote:
            return cls()
        ssh = _SSH.match(remote.strip())
        if ssh:
            host, path = ssh["host"], ssh["path"]
        else:
            parts = urlsplit(remote.strip())
            if parts.scheme not in ("http", "https") or not parts.hostname:
                return cls()
            host, path = parts.hostname + (f":{parts.port}" if parts.port else ""), parts.path
        path = "/" + quote(path.strip("/").removesuffix(".git"), safe="/~@+-._")
        name = host.lower()
        provider = next((known for known in ("github", "gitlab", "bitbucket", "gitea") if known in name), "unknown")
        return cls(urlunsplit(("https", host, path, "", "")), provider)

    def pull_request(self, number: int | None, provider: str | None = None) -> str | None:
        """The page of a pull request."""
        kind = provider if provider not in (None, "unknown") else self.provider
        middle = {"github": "pull", "gitlab": "-/merge_requests", "bitbucket": "pull-requests", "gitea": "pulls"}.get(
            kind or ""
        )
        return f"{self.base}/{middle}/{number}" if self.base and middle and number is not None else None

    def commit(self, sha: str | None) -> str | None:
        """The page of a commit."""
        middle = {"github": "commit", "gitlab": "-/commit", "bitbucket": "commits", "gitea": "commit"}.get(
            self.provider
        )
        return f"{self.base}/{middle}/{quote(sha, safe='')}" if self.base and middle and sha else None

    def compare(self, old: str | None, new: str | None) -> str | None:
        """The page that compares two tags or commits; of the first release, its tree."""
        if not self.base or not new:
            return None
        one, two = quote(old or "", safe="/"), quote(new, safe="/")
        if not old:
            middle = {"github": "releases/tag", "gitlab": "-/tags", "gitea": "releases/tag", "bitbucket": "src"}.get(
                self.provider
            )
            return f"{self.base}/{middle}/{two}" if middle else None
        if self.provider == "bitbucket":
            return f"{self.base}/branches/compare/{two}%0D{one}"
        middle = {"github": "compare", "gitlab": "-/compare", "gitea": "compare"}.get(self.provider)
        return f"{self.base}/{middle}/{one}...{two}" if middle else None
