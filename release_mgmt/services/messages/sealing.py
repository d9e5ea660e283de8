"""Secrets that must be read again (of outgoing webhooks, addresses of chats): kept encrypted by the secret key.

So a copy of the database alone gives nobody the right to post. With another secret key they cannot be read and must be
entered again.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from release_mgmt.core.errors import Conflict


class Sealer:
    """Seals by a key drawn from the installation's secret key, for this purpose only."""

    def __init__(self, secret_key: str) -> None:
        drawn = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"release-mgmt messages").derive(
            secret_key.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(drawn))

    def seal(self, secret: str) -> str:
        """The form that is stored."""
        return self._fernet.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """The secret again.

        :raises Conflict: when it was sealed by another secret key.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise Conflict(
                "The stored secret cannot be read with this secret_key.",
                code="sealed_by_another_key",
                hint="Enter it again, or bring back the secret.key it was made with.",
            ) from None
