"""The tables, one module an area; importing this package registers them all on ``Base.metadata``."""

from release_mgmt.store.models import (
    approvals,
    ingest,
    insight,
    jobs,
    messages,
    people,
    publishing,
    repositories,
    scheduling,
)
from release_mgmt.store.models.base import Base

__all__ = [
    "Base",
    "approvals",
    "ingest",
    "insight",
    "jobs",
    "messages",
    "people",
    "publishing",
    "repositories",
    "scheduling",
]
