"""Columns that nothing reads go: of commits, changes, tags, terms, people and the changes of requests.

Revision: 0019_read_by_nobody, after 0018_forge_ids

Who linked a change to a request, and who signed in when, stands in the audit log. Going back, a link gets the author
and the last edit of its request; the other columns are empty, as an installation has them that never filled them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019_read_by_nobody"
down_revision = "0018_forge_ids"
branch_labels = None
depends_on = None

_MAY_BE_EMPTY = {
    "commits": {"patch_id": sa.Text()},
    "changes": {"base_sha": sa.Text()},
    "tags": {"tagged_at": sa.DateTime(timezone=True), "message": sa.Text()},
    "change_terms": {"emergency_reason": sa.Text()},
    "persons": {"signed_in_at": sa.DateTime(timezone=True)},
}


def upgrade() -> None:
    for name, columns in _MAY_BE_EMPTY.items():
        with op.batch_alter_table(name) as table:
            for column in columns:
                table.drop_column(column)
    with op.batch_alter_table("change_terms") as table:
        table.drop_column("emergency")
    with op.batch_alter_table("request_changes") as table:
        table.drop_column("linked_by")
        table.drop_column("linked_at")


def downgrade() -> None:
    for name, columns in _MAY_BE_EMPTY.items():
        for column, kind in columns.items():
            op.add_column(name, sa.Column(column, kind, nullable=True))
    op.add_column("change_terms", sa.Column("emergency", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("change_terms") as table:
        table.alter_column("emergency", server_default=None)
    op.add_column("request_changes", sa.Column("linked_by", sa.Text(), nullable=True))
    op.add_column("request_changes", sa.Column("linked_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        """
        UPDATE request_changes SET
          linked_by = (SELECT made_by FROM requests WHERE requests.id = request_changes.request_id),
          linked_at = (SELECT updated_at FROM requests WHERE requests.id = request_changes.request_id)
        """
    )
    with op.batch_alter_table("request_changes") as table:
        table.alter_column("linked_by", nullable=False)
        table.alter_column("linked_at", nullable=False)
