"""The pull request of a change, found without reading all of its repository.

Revision: 0017_pull_requests_by_number, after 0016_bodies_by_age
"""

from alembic import op

revision = "0017_pull_requests_by_number"
down_revision = "0016_bodies_by_age"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_pull_requests_repository_id_number", "pull_requests", ["repository_id", "number"])


def downgrade() -> None:
    op.drop_index("ix_pull_requests_repository_id_number", "pull_requests")
