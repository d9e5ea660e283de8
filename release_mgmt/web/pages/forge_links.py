"""Addresses of lines, commits and comparisons as each forge writes them."""

from __future__ import annotations

from urllib.parse import quote

_LINES = {
    "github": "{base}/blob/{sha}/{path}#L{line}",
    "gitlab": "{base}/-/blob/{sha}/{path}#L{line}",
    "gitea": "{base}/src/commit/{sha}/{path}#L{line}",
    "bitbucket": "{base}/src/{sha}/{path}#lines-{line}",
    "bitbucket_server": "{base}/browse/{path}?at={sha}#{line}",
    "azure": "{base}?path=/{path}&version=GC{sha}&line={line}&lineEnd={line}&lineStartColumn=1&lineEndColumn=200",
}
_COMMITS = {
    "github": "{base}/commit/{sha}",
    "gitlab": "{base}/-/commit/{sha}",
    "gitea": "{base}/commit/{sha}",
    "bitbucket": "{base}/commits/{sha}",
    "bitbucket_server": "{base}/commits/{sha}",
    "azure": "{base}/commit/{sha}",
}


def safe(url: str | None) -> str | None:
    """The address if a browser may follow it: http or https only (data from outside may say ``javascript:``)."""
    return url if url and url.lower().startswith(("https://", "http://")) else None


def line_url(provider: str | None, base: str | None, sha: str | None, path: str, line: int | None) -> str | None:
    """Where a line of a file is shown at a commit, or None when the forge is not known."""
    pattern = _LINES.get(provider or "")
    if pattern is None or not safe(base) or not sha or not path:
        return None
    if line is None:
        pattern = pattern.split("#")[0].split("&line=")[0]
    assert base is not None
    return pattern.format(base=base.rstrip("/"), sha=quote(sha), path=quote(path), line=line)


def commit_url(provider: str | None, base: str | None, sha: str) -> str | None:
    """Where a commit is shown, or None when the forge is not known."""
    pattern = _COMMITS.get(provider or "")
    if pattern is None or not safe(base):
        return None
    assert base is not None
    return pattern.format(base=base.rstrip("/"), sha=quote(sha))
