"""Let an item be put into a topic without saying where: first, and fitting."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = ("position", "relevance")


def upgrade() -> None:
    """Give place and relevance a default."""
    for column in COLUMNS:
        op.execute(f"ALTER TABLE topic_items ALTER {column} SET DEFAULT 1")


def downgrade() -> None:
    """Take the defaults away."""
    for column in COLUMNS:
        op.execute(f"ALTER TABLE topic_items ALTER {column} DROP DEFAULT")
