"""One verb each, one transaction each: load, decide in the core, save. The only rooms that write."""

from release_mgmt.store.session import Store

__all__ = ["Store"]
