"""The tables of ingest.

Revision: 0006_ingest, after 0005_publishing
"""

revision = "0006_ingest"
down_revision = "0005_publishing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet: the area has no tables."""


def downgrade() -> None:
    """Nothing to undo."""
