"""Drop an index that every noted change had to write, and that no statement needs.

Entries of a job are found among those that wait.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop it where a former version has made it."""
    op.execute("DROP INDEX IF EXISTS plait_sync.vector_changes_job")


def downgrade() -> None:
    """Nothing: former versions work without it."""
