"""The ETag of an answer that is kept for repeated requests: given again with it.

Revision: 0020_etags_of_answers, after 0019_read_by_nobody
"""

import sqlalchemy as sa
from alembic import op

revision = "0020_etags_of_answers"
down_revision = "0019_read_by_nobody"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("etag", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("idempotency_keys") as table:
        table.drop_column("etag")
