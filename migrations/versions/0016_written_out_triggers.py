"""Give each watched table a trigger function of its own, whose SQL need not be planned anew.

What is watched stays so; the messages are the same.
"""

from alembic import op

from gateway.sources.postgres.feed.functions import INSTALL

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the functions up to date, and those of the tables."""
    for statement in INSTALL:
        op.execute(statement)


def downgrade() -> None:
    """Nothing: former versions read the same messages."""
