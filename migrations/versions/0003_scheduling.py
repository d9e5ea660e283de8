"""The tables of scheduling.

Revision: 0003_scheduling, after 0002_repositories
"""

revision = "0003_scheduling"
down_revision = "0002_repositories"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet: the area has no tables."""


def downgrade() -> None:
    """Nothing to undo."""
