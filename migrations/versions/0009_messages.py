"""The tables of messages: outbox, targets, deliveries.

Revision: 0009_messages, after 0008_insight
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_messages"
down_revision = "0008_insight"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fold", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("change_id", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_events")),
    )
    op.create_index(op.f("ix_message_events_at"), "message_events", ["at"], unique=False)
    op.create_index(op.f("ix_message_events_state_at"), "message_events", ["state", "at"], unique=False)
    op.create_table(
        "message_targets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("sealed_before", sa.Text(), nullable=True),
        sa.Column("before_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("events", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("calendars", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("digest_at", sa.Text(), nullable=False),
        sa.Column("digest_day", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=True),
        sa.Column("quiet_until", sa.Text(), nullable=True),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_message_targets_person_id_persons"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team"], ["teams.slug"], name=op.f("fk_message_targets_team_teams"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_targets")),
    )
    op.create_index(op.f("ix_message_targets_person_id"), "message_targets", ["person_id"], unique=False)
    op.create_index(op.f("ix_message_targets_team"), "message_targets", ["team"], unique=False)
    op.create_table(
        "message_deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["message_targets.id"],
            name=op.f("fk_message_deliveries_target_id_message_targets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_deliveries")),
    )
    op.create_index(op.f("ix_message_deliveries_created_at"), "message_deliveries", ["created_at"], unique=False)
    op.create_index(op.f("ix_message_deliveries_state_due_at"), "message_deliveries", ["state", "due_at"], unique=False)
    op.create_index(
        op.f("ix_message_deliveries_target_id_created_at"),
        "message_deliveries",
        ["target_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "message_attempts",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["message_deliveries.id"],
            name=op.f("fk_message_attempts_delivery_id_message_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_message_attempts")),
    )
    op.create_table(
        "message_items",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.Column("dropped", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["message_deliveries.id"],
            name=op.f("fk_message_items_delivery_id_message_deliveries"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["message_events.id"],
            name=op.f("fk_message_items_event_id_message_events"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["message_targets.id"],
            name=op.f("fk_message_items_target_id_message_targets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("event_id", "target_id", name=op.f("pk_message_items")),
    )
    op.create_index(op.f("ix_message_items_delivery_id"), "message_items", ["delivery_id"], unique=False)
    op.create_index(
        "ix_message_items_waiting",
        "message_items",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("delivery_id IS NULL AND dropped IS NULL"),
        postgresql_where=sa.text("delivery_id IS NULL AND dropped IS NULL"),
    )
    op.create_index(op.f("ix_message_items_target_id"), "message_items", ["target_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_message_items_target_id"), table_name="message_items")
    op.drop_index("ix_message_items_waiting", table_name="message_items")
    op.drop_index(op.f("ix_message_items_delivery_id"), table_name="message_items")
    op.drop_table("message_items")
    op.drop_table("message_attempts")
    op.drop_index(op.f("ix_message_deliveries_target_id_created_at"), table_name="message_deliveries")
    op.drop_index(op.f("ix_message_deliveries_state_due_at"), table_name="message_deliveries")
    op.drop_index(op.f("ix_message_deliveries_created_at"), table_name="message_deliveries")
    op.drop_table("message_deliveries")
    op.drop_index(op.f("ix_message_targets_team"), table_name="message_targets")
    op.drop_index(op.f("ix_message_targets_person_id"), table_name="message_targets")
    op.drop_table("message_targets")
    op.drop_index(op.f("ix_message_events_state_at"), table_name="message_events")
    op.drop_index(op.f("ix_message_events_at"), table_name="message_events")
    op.drop_table("message_events")
