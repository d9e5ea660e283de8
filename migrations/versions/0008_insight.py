"""The tables of insight.

Revision: 0008_insight, after 0007_jobs
"""

revision = "0008_insight"
down_revision = "0007_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet: the area has no tables."""


def downgrade() -> None:
    """Nothing to undo."""
