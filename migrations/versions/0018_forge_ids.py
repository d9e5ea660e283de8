"""The forges' own ids of repositories: they outlive a name.

Revision: 0018_forge_ids, after 0017_pull_requests_by_number
"""

import sqlalchemy as sa
from alembic import op

revision = "0018_forge_ids"
down_revision = "0017_pull_requests_by_number"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("forge_sources", sa.Column("forge_id", sa.Text(), nullable=True))
    op.add_column("forge_sources", sa.Column("estranged_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("forge_sources") as table:
        table.drop_column("estranged_at")
        table.drop_column("forge_id")
