"""Which rendered feeds are the oldest, found without reading them.

Revision: 0016_bodies_by_age, after 0015_edited_feeds
"""

from alembic import op

revision = "0016_bodies_by_age"
down_revision = "0015_edited_feeds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_feed_bodies_made_at_key", "feed_bodies", ["made_at", "key"])


def downgrade() -> None:
    op.drop_index("ix_feed_bodies_made_at_key", "feed_bodies")
