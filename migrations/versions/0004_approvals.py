"""The tables of approvals.

Revision: 0004_approvals, after 0003_scheduling
"""

revision = "0004_approvals"
down_revision = "0003_scheduling"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet: the area has no tables."""


def downgrade() -> None:
    """Nothing to undo."""
