"""Let the change feed's messages of updates say which columns changed.

Only the functions are replaced: what is watched stays so, and former gateways read the messages.
"""

from alembic import op

from gateway.sources.postgres.feed.functions import INSTALL

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the functions up to date."""
    for statement in INSTALL:
        op.execute(statement)


def downgrade() -> None:
    """Nothing: what the messages say more, former versions pass over."""
