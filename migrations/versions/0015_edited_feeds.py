"""When a feed was last edited: its Last-Modified goes with its filters too.

Revision: 0015_edited_feeds, after 0014_maturity
"""

import sqlalchemy as sa
from alembic import op

revision = "0015_edited_feeds"
down_revision = "0014_maturity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("subscriptions") as table:
        table.drop_column("edited_at")
