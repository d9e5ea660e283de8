"""Run by Alembic: migrates over the connection (and its one transaction) that ``release_mgmt.store.migrate`` opened."""

from alembic import context

from release_mgmt.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
