"""Let changes of trends and items reach their vector collections."""

from alembic import op

from gateway.sources.postgres.syncing.install import INSTALL, REMOVE, WATCH

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SYNCED = (
    (
        "trends",
        "trend_embeddings",
        "category,first_seen,language,last_updated,score,sources,state,summary,title,topic_id,velocity",
    ),
    (
        "processed_items",
        "item_embeddings",
        "content,language,metadata,published_at,source",
    ),
)


def upgrade() -> None:
    """Create the table of changes and the functions, then the triggers."""
    op.execute(
        "ALTER TABLE vector_metadata ADD COLUMN payload_hash text, "
        "ADD CONSTRAINT ck_vector_metadata_payload_hash_form "
        "CHECK (payload_hash ~ '^[0-9a-f]{64}$')"
    )
    op.execute(
        "COMMENT ON COLUMN vector_metadata.payload_hash "
        "IS 'The SHA-256 of what was stored beside the vector, in hex.'"
    )
    for statement in INSTALL:
        op.execute(statement)
    for table, collection, columns in SYNCED:
        op.execute(WATCH.format(table=table, collection=collection, key="id", columns=columns))


def downgrade() -> None:
    """Drop the triggers, the functions and the table."""
    for statement in REMOVE:
        op.execute(statement)
    op.execute("ALTER TABLE vector_metadata DROP COLUMN payload_hash")
