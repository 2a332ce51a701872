"""Create the functions of the change feed and watch the domain's tables."""

from alembic import op

from gateway.sources.postgres.feed.functions import INSTALL, REMOVE

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WATCHED = (
    "topics",
    "processed_items",
    "topic_items",
    "trends",
    "plugin_health",
    "pipeline_runs",
    "users",
    "collections",
    "vector_metadata",
    "embedding_jobs",
)


def upgrade() -> None:
    """Create the functions, then the triggers."""
    for statement in INSTALL:
        op.execute(statement)
    for table in WATCHED:
        op.execute(f"SELECT plait_watch('{table}')")


def downgrade() -> None:
    """Drop the triggers of all tables, also of those watched since, then the functions."""
    for statement in REMOVE:
        op.execute(statement)
