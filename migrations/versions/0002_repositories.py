"""The tables of repositories.

Revision: 0002_repositories, after 0001_people
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_repositories"
down_revision = "0001_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "classification_cache",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_classification_cache")),
    )
    op.create_index(op.f("ix_classification_cache_used_at"), "classification_cache", ["used_at"], unique=False)
    op.create_table(
        "repositories",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("forge_slug", sa.Text(), nullable=True),
        sa.Column("web_url", sa.Text(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("tag_pattern", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("owner_team", sa.Text(), nullable=True),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("settings", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sync_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_error", sa.Text(), nullable=True),
        sa.Column("sync_cursor", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("head_sha", sa.Text(), nullable=True),
        sa.Column("diagnostics", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("name", name=op.f("uq_repositories_name")),
    )
    op.create_index(op.f("ix_repositories_sync_due_at"), "repositories", ["sync_due_at"], unique=False)
    op.create_table(
        "changes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("overridden", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("base_sha", sa.Text(), nullable=True),
        sa.Column("head_sha", sa.Text(), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("release_id", sa.Text(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("affected_teams", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("record", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_changes_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sa.UniqueConstraint("repository_id", "key", name=op.f("uq_changes_repository_id_key")),
    )
    op.create_index(op.f("ix_changes_release_id"), "changes", ["release_id"], unique=False)
    op.create_index(op.f("ix_changes_repository_id_number"), "changes", ["repository_id", "number"], unique=False)
    op.create_index(op.f("ix_changes_repository_id_rank"), "changes", ["repository_id", "rank"], unique=False)
    op.create_index(
        op.f("ix_changes_repository_id_state_rank"), "changes", ["repository_id", "state", "rank"], unique=False
    )
    op.create_index(op.f("ix_changes_state_happened_at"), "changes", ["state", "happened_at"], unique=False)
    op.create_index(op.f("ix_changes_happened_at_id"), "changes", ["happened_at", "id"], unique=False)
    op.create_index(
        op.f("ix_changes_repository_id_happened_at_id"), "changes", ["repository_id", "happened_at", "id"], unique=False
    )
    op.create_table(
        "commits",
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("parents", sa.Text(), nullable=False),
        sa.Column("tree", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("author_key", sa.Text(), nullable=True),
        sa.Column("authored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("patch_id", sa.Text(), nullable=True),
        sa.Column("release_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_commits_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "sha", name=op.f("pk_commits")),
    )
    op.create_index(op.f("ix_commits_repository_id_position"), "commits", ["repository_id", "position"], unique=False)
    op.create_index(
        op.f("ix_commits_repository_id_release_id"), "commits", ["repository_id", "release_id"], unique=False
    )
    op.create_table(
        "pull_requests",
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("merge_sha", sa.Text(), nullable=True),
        sa.Column("head_sha", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("record", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_pull_requests_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "provider", "number", name=op.f("pk_pull_requests")),
    )
    op.create_index(
        op.f("ix_pull_requests_repository_id_head_sha"), "pull_requests", ["repository_id", "head_sha"], unique=False
    )
    op.create_index(
        op.f("ix_pull_requests_repository_id_merge_sha"), "pull_requests", ["repository_id", "merge_sha"], unique=False
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("package", sa.Text(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("previous_id", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("prerelease", sa.Boolean(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("majors", sa.Integer(), nullable=False),
        sa.Column("section", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("entries", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_releases_repository_id_repositories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
        sa.UniqueConstraint("repository_id", "tag", name=op.f("uq_releases_repository_id_tag")),
    )
    op.create_index(op.f("ix_releases_released_at"), "releases", ["released_at"], unique=False)
    op.create_index(op.f("ix_releases_repository_id_position"), "releases", ["repository_id", "position"], unique=False)
    op.create_table(
        "tags",
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("object_sha", sa.Text(), nullable=True),
        sa.Column("tagged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tagger_key", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_tags_repository_id_repositories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_tags")),
    )
    op.create_table(
        "change_commits",
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["changes.id"], name=op.f("fk_change_commits_change_id_changes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("change_id", "sha", name=op.f("pk_change_commits")),
    )
    op.create_index(
        op.f("ix_change_commits_repository_id_sha"), "change_commits", ["repository_id", "sha"], unique=False
    )
    op.create_table(
        "classifications",
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("new_libraries", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("evidence", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("classified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["changes.id"], name=op.f("fk_classifications_change_id_changes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_classifications")),
    )
    op.create_table(
        "overrides",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("previous_level", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["change_id"], ["changes.id"], name=op.f("fk_overrides_change_id_changes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrides")),
    )
    op.create_index(op.f("ix_overrides_change_id_made_at"), "overrides", ["change_id", "made_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_overrides_change_id_made_at"), table_name="overrides")
    op.drop_table("overrides")
    op.drop_table("classifications")
    op.drop_index(op.f("ix_change_commits_repository_id_sha"), table_name="change_commits")
    op.drop_table("change_commits")
    op.drop_table("tags")
    op.drop_index(op.f("ix_releases_repository_id_position"), table_name="releases")
    op.drop_index(op.f("ix_releases_released_at"), table_name="releases")
    op.drop_table("releases")
    op.drop_index(op.f("ix_pull_requests_repository_id_merge_sha"), table_name="pull_requests")
    op.drop_index(op.f("ix_pull_requests_repository_id_head_sha"), table_name="pull_requests")
    op.drop_table("pull_requests")
    op.drop_index(op.f("ix_commits_repository_id_release_id"), table_name="commits")
    op.drop_index(op.f("ix_commits_repository_id_position"), table_name="commits")
    op.drop_table("commits")
    op.drop_index(op.f("ix_changes_repository_id_happened_at_id"), table_name="changes")
    op.drop_index(op.f("ix_changes_happened_at_id"), table_name="changes")
    op.drop_index(op.f("ix_changes_state_happened_at"), table_name="changes")
    op.drop_index(op.f("ix_changes_repository_id_state_rank"), table_name="changes")
    op.drop_index(op.f("ix_changes_repository_id_rank"), table_name="changes")
    op.drop_index(op.f("ix_changes_repository_id_number"), table_name="changes")
    op.drop_index(op.f("ix_changes_release_id"), table_name="changes")
    op.drop_table("changes")
    op.drop_index(op.f("ix_repositories_sync_due_at"), table_name="repositories")
    op.drop_table("repositories")
    op.drop_index(op.f("ix_classification_cache_used_at"), table_name="classification_cache")
    op.drop_table("classification_cache")
