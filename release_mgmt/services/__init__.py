"""One verb each, one transaction each: load, decide in the core, save. The only rooms that write."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from release_mgmt.store.session import Store

__all__ = ["Store"]


def __getattr__(name: str) -> Any:
    """Give the store when it is asked for: commands that need no database do not wait for SQLAlchemy."""
    if name == "Store":
        from release_mgmt.store.session import Store

        return Store
    raise AttributeError(name)
