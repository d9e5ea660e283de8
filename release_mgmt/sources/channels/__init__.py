"""How messages leave: a mail server, an address that takes webhooks, a chat. What came of it, never an exception."""

from release_mgmt.sources.channels.model import Outcome

__all__ = ["Outcome"]
