"""Create the triggers that keep `updated_at`, `version` and `topics.item_count`."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TOUCHED = (
    "topics",
    "processed_items",
    "trends",
    "plugin_health",
    "users",
    "collections",
    "embedding_jobs",
)
VERSIONED = ("trends", "collections")

TOUCH_UPDATED_AT = """
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$
"""

# The database counts, not the writer: a change made outside the gateway is seen as well.
BUMP_VERSION = """
CREATE FUNCTION bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$
"""

# Once per statement, so that a COPY of many rows updates each topic once. The topics are locked
# in the order of their keys: two writers of the same topics wait, and do not deadlock.
COUNT_TOPIC_ITEMS = """
CREATE FUNCTION count_topic_items() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changes jsonb;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE topics SET item_count = 0 WHERE item_count <> 0;
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT jsonb_object_agg(topic_id, n) INTO changes
        FROM (SELECT topic_id, count(*) AS n FROM added GROUP BY topic_id);
    ELSIF TG_OP = 'DELETE' THEN
        SELECT jsonb_object_agg(topic_id, n) INTO changes
        FROM (SELECT topic_id, -count(*) AS n FROM removed GROUP BY topic_id);
    ELSE
        SELECT jsonb_object_agg(topic_id, n) INTO changes
        FROM (
            SELECT topic_id, sum(n) AS n
            FROM (
                SELECT topic_id, 1 AS n FROM added
                UNION ALL
                SELECT topic_id, -1 FROM removed
            )
            GROUP BY topic_id
            HAVING sum(n) <> 0
        );
    END IF;

    PERFORM FROM topics
    WHERE id IN (SELECT key::bigint FROM jsonb_each(changes))
    ORDER BY id FOR NO KEY UPDATE;

    UPDATE topics SET item_count = item_count + value::integer
    FROM jsonb_each(changes)
    WHERE id = key::bigint;
    RETURN NULL;
END
$$
"""

COUNT_TRIGGERS = (
    """
CREATE TRIGGER count_inserted AFTER INSERT ON topic_items
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_topic_items()
""",
    """
CREATE TRIGGER count_deleted AFTER DELETE ON topic_items
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_topic_items()
""",
    """
CREATE TRIGGER count_updated AFTER UPDATE ON topic_items
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_topic_items()
""",
    """
CREATE TRIGGER count_truncated AFTER TRUNCATE ON topic_items
    FOR EACH STATEMENT EXECUTE FUNCTION count_topic_items()
""",
)


def upgrade() -> None:
    """Create the three functions and hang them on their tables."""
    op.execute(TOUCH_UPDATED_AT)
    for table in TOUCHED:
        op.execute(
            f"CREATE TRIGGER touch_updated_at BEFORE UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
        )
    op.execute(BUMP_VERSION)
    for table in VERSIONED:
        op.execute(
            f"CREATE TRIGGER bump_version BEFORE UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION bump_version()"
        )
    op.execute(COUNT_TOPIC_ITEMS)
    for trigger in COUNT_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """Drop the triggers, then their functions."""
    for name in ("count_inserted", "count_deleted", "count_updated", "count_truncated"):
        op.execute(f"DROP TRIGGER {name} ON topic_items")
    for table in VERSIONED:
        op.execute(f"DROP TRIGGER bump_version ON {table}")
    for table in TOUCHED:
        op.execute(f"DROP TRIGGER touch_updated_at ON {table}")
    for function in ("count_topic_items", "bump_version", "touch_updated_at"):
        op.execute(f"DROP FUNCTION {function}()")
