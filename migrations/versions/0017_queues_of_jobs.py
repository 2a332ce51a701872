"""Give each name of a job a queue of its own; jobs that wait move to theirs.

Writers of jobs wait meanwhile. Workers of the former version take from every queue.
"""

from alembic import op

from gateway.workflows.install import INSTALL

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring functions and triggers up to date, and move the jobs."""
    op.execute("SET LOCAL search_path = plait_engine, public")
    for statement in INSTALL:
        op.execute(statement)
    op.execute("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    """Nothing: former versions work with these queues, too."""
