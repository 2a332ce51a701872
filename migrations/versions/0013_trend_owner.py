"""Let a trend name who owns it: somebody whom the upstream `people` knows."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE trends
    ADD COLUMN owner_id text,
    ADD CONSTRAINT ck_trends_owner_id_length CHECK (char_length(owner_id) BETWEEN 1 AND 200);
CREATE INDEX ix_trends_owner_id ON trends (owner_id) WHERE owner_id IS NOT NULL;
COMMENT ON COLUMN trends.owner_id IS 'Who owns the trend, by their id at the service of people.';
"""


def upgrade() -> None:
    """Add the column; rows that are there have no owner."""
    for statement in UP.strip().split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Drop it, its index and its check with it."""
    op.execute("ALTER TABLE trends DROP COLUMN owner_id")
