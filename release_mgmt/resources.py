"""Where the files that travel with the code are, and the file of authorities that the operator trusts."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``templates``, ``migrations`` or ``config``: in the wheel under ``_bundled``, else in the checkout."""
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def authorities() -> str | None:
    """The file of certificates by which others are known, as ``REQUESTS_CA_BUNDLE`` or else ``SSL_CERT_FILE`` names it.

    None: neither is set, and the public authorities count.
    """
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or None
