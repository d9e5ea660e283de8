"""The tables of publishing.

Revision: 0005_publishing, after 0004_approvals
"""

revision = "0005_publishing"
down_revision = "0004_approvals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet: the area has no tables."""


def downgrade() -> None:
    """Nothing to undo."""
