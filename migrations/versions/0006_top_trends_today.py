"""Create the materialised view of today's top trends and the function that refreshes it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# "Today" is the day of the last refresh: the view holds the ranking as it stood then.
VIEW = """
CREATE MATERIALIZED VIEW top_trends_today AS
SELECT
    id, topic_id, rank, title, summary, category, state, score, item_count, velocity,
    first_seen, last_updated, keywords,
    (row_number() OVER (PARTITION BY category ORDER BY score DESC, id))::integer AS category_rank,
    now() AS refreshed_at
FROM trends
WHERE state IN ('emerging', 'viral', 'sustained')
ORDER BY score DESC, id
LIMIT 100
"""

INDEXES = (
    # REFRESH … CONCURRENTLY needs a unique index to tell old rows from new ones.
    "CREATE UNIQUE INDEX uq_top_trends_today_id ON top_trends_today (id)",
    "CREATE INDEX ix_top_trends_today_category ON top_trends_today (category, category_rank)",
)

REFRESH = """
CREATE FUNCTION refresh_top_trends_today() RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY top_trends_today;
    RETURN now();
END
$$
"""

COMMENTS = (
    """
COMMENT ON MATERIALIZED VIEW top_trends_today
    IS 'The hundred strongest living trends, as of the last refresh.'
""",
    """
COMMENT ON FUNCTION refresh_top_trends_today()
    IS 'Takes the ranking anew; readers go on reading the old one meanwhile.'
""",
)


def upgrade() -> None:
    """Create the view with its indexes, then the function."""
    for statement in (VIEW, *INDEXES, REFRESH, *COMMENTS):
        op.execute(statement)


def downgrade() -> None:
    """Drop the function and the view."""
    op.execute("DROP FUNCTION refresh_top_trends_today()")
    op.execute("DROP MATERIALIZED VIEW top_trends_today")
