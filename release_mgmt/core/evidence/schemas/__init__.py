"""Schemas of data: SQL and Alembic or Django migrations, protobuf, Avro, JSON Schema, OpenAPI. A structural break is
told from an addition."""

from __future__ import annotations

from release_mgmt.core.evidence.schemas.model import SchemaChange
from release_mgmt.core.evidence.schemas.registry import changes, is_schema

__all__ = ["SchemaChange", "changes", "is_schema"]
