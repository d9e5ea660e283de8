"""Print what a migration must do so that the tables of an area are as its models say.

Usage: ``python migrations/draft.py AREA`` (a module of ``release_mgmt.store.models``).

A draft to read and correct, not a migration: paste it into the body of the area's file in ``versions/``.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy import JSON, types

from release_mgmt.store import migrate
from release_mgmt.store.models import Base
from release_mgmt.store.models.base import UtcDateTime
from release_mgmt.store.session import make_engine


def spelled(kind: str, value: types.TypeEngine, context: AutogenContext) -> str | bool:
    """How a column's type is written in a migration, which must not follow later edits of the models."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(value, JSON):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def main(area: str) -> None:
    mine = {
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__module__ == f"release_mgmt.store.models.{area}"
    }
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.db"
        migrate.upgrade(url)
        engine = make_engine(url)
        with engine.connect() as connection:
            options = {"render_item": spelled, "compare_type": True, "target_metadata": Base.metadata}
            context = MigrationContext.configure(connection, opts=options)
            found = produce_migrations(context, Base.metadata)
        engine.dispose()
    for title, part in (("upgrade", found.upgrade_ops), ("downgrade", found.downgrade_ops)):
        assert part is not None
        part.ops = [one for one in part.ops if _table(one) in mine]
        body = render_python_code(part, migration_context=context, render_item=spelled)
        sys.stdout.write(f"def {title}() -> None:\n    {body}\n\n\n")


def _table(operation: ops.MigrateOperation) -> str:
    return str(getattr(operation, "table_name", ""))


if __name__ == "__main__":
    main(sys.argv[1])
