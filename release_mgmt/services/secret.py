"""Secrets: made by chance, kept as hashes, compared without telling by time."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from release_mgmt.core.errors import InvalidInput

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
_HASHER = PasswordHasher()  # RFC 9106, second recommended option: 64 MiB, 3 passes
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


def make(prefix: str = "") -> str:
    """A fresh secret of 256 bits, safe in addresses."""
    return prefix + secrets.token_urlsafe(32)


def identifier(prefix: str) -> str:
    """An opaque id like ``p_5f3c…``: 80 bits, not secret, never reused."""
    return f"{prefix}_{secrets.token_hex(10)}"


def digest(secret: str) -> str:
    """What is stored of a random secret. One round suffices: it cannot be guessed as a password can."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def check_password(password: str, login: str | None = None) -> None:
    """Raise InvalidInput unless ``password`` is long enough and not the login itself (NIST SP 800-63B, 5.1.1.2)."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        allowed = f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise InvalidInput.at("password", "is too short or too long", allowed)
    if (login and len(login) > 3 and login.lower() in password.lower()) or len(set(password)) < 5:
        raise InvalidInput.at("password", "is too easy to guess", "more than the login and more than a few characters")


def hash_password(password: str) -> str:
    """The argon2id hash that is stored."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether ``password`` belongs to ``stored``; takes as long when there is nothing stored."""
    try:
        _HASHER.verify(stored or _NOBODY, password[:LONGEST_PASSWORD])
    except (Argon2Error, InvalidHashError):
        return False
    return stored is not None
