"""The names of the facts that a verdict was made from, so that a change of the rules judges only what it touches.

Verdicts without them are made again at the next sync.

Revision: 0011_judged_facts, after 0010_incidents
"""

import sqlalchemy as sa
from alembic import op

revision = "0011_judged_facts"
down_revision = "0010_incidents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("classifications", sa.Column("about", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("classifications") as batch:
        batch.drop_column("about")
