"""Keep nulls out of the lists that the API shows as lists of texts.

PostgreSQL lets any array have some; a list of `String!` with one in it can be no answer.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LISTS = (("topics", "keywords"), ("trends", "keywords"), ("trends", "sources"))


def upgrade() -> None:
    """Take out those that are there, then add the checks."""
    for table, column in LISTS:
        op.execute(
            f"UPDATE {table} SET {column} = array_remove({column}, NULL)"  # noqa: S608 - names of ours
            f" WHERE array_position({column}, NULL) IS NOT NULL"
        )
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column}_whole"
            f" CHECK (array_position({column}, NULL) IS NULL)"
        )


def downgrade() -> None:
    """Drop the checks."""
    for table, column in LISTS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}_whole")
