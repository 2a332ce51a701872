"""The vector catalogue: who owns which collection, what each point stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from resolvers.models.base import (
    collection_status,
    created,
    instant,
    metadata,
    moment,
    optional,
    required,
    run_status,
    serial_key,
    updated,
    user_role,
    uuid_key,
    vector_distance,
    words,
)

if TYPE_CHECKING:
    from gateway import ViewerColumns

users = sa.Table(
    "users",
    metadata,
    uuid_key("The user's id."),
    required("email", sa.Text, "The user's address, in lower case."),
    required("role", user_role, "What the user may do.", "'viewer'"),
    required("password_hash", sa.Text, "The password's argon2 hash."),
    words("api_key_hashes", "The SHA-256 hashes of the user's API keys."),
    required("active", sa.Boolean, "Whether the user may sign in.", "true"),
    created(),
    updated(),
    sa.UniqueConstraint("email"),
    sa.CheckConstraint(
        "email = lower(email) AND char_length(email) BETWEEN 3 AND 254 "
        "AND POSITION('@' IN email) > 1",
        name="email_form",
    ),
    sa.CheckConstraint("password_hash LIKE '$argon2%'", name="password_hash_form"),
    sa.Index(None, "api_key_hashes", postgresql_using="gin"),
    comment="Someone who may sign in.",
)


def admin_or_self(row: Any, viewer: ViewerColumns) -> sa.ColumnElement[bool]:
    """Administrators see every user, everybody else only themselves."""
    return viewer.has_role("admin") | (sa.cast(row.id, sa.Text) == viewer.subject)


collections = sa.Table(
    "collections",
    metadata,
    serial_key("The collection's number."),
    required("name", sa.Text, "The collection's name in the vector engine."),
    required("vector_size", sa.Integer, "How many numbers a vector has."),
    required(
        "distance", vector_distance, "How the nearness of two vectors is measured.", "'cosine'"
    ),
    required("embedding_model", sa.Text, "The model that makes the vectors."),
    sa.Column(
        "owner_id",
        sa.Uuid,
        sa.ForeignKey("users.id", ondelete="SET NULL"),
        nullable=True,
        index=True,
        comment="Who owns it; null when it belongs to the platform.",
    ),
    required("point_count", sa.BigInteger, "How many points it holds.", "0"),
    required("status", collection_status, "Whether it may be searched.", "'creating'"),
    created(),
    updated(),
    required(
        "version",
        sa.Integer,
        "Counts the changes of this row, for optimistic locking; kept by the database.",
        "1",
    ),
    sa.UniqueConstraint("name"),
    sa.CheckConstraint("char_length(name) BETWEEN 1 AND 255", name="name_length"),
    sa.CheckConstraint("vector_size BETWEEN 1 AND 65536", name="vector_size_range"),
    sa.CheckConstraint("point_count >= 0", name="point_count_range"),
    comment="A collection of vectors.",
)

vector_metadata = sa.Table(
    "vector_metadata",
    metadata,
    serial_key("The entry's number."),
    sa.Column(
        "collection_id",
        sa.BigInteger,
        sa.ForeignKey("collections.id", ondelete="CASCADE"),
        nullable=False,
        comment="The collection that holds the point.",
    ),
    required("point_id", sa.Text, "The point's id in the vector engine."),
    required("entity_type", sa.Text, "The table of the row that the point stands for."),
    required("entity_id", sa.Text, "The key of that row."),
    required("content_hash", sa.Text, "The SHA-256 of the text that was embedded, in hex."),
    required("model", sa.Text, "The model that made the vector."),
    instant("embedded_at", "When the vector was made.", "now()"),
    optional("payload_hash", sa.Text, "The SHA-256 of what was stored beside the vector, in hex."),
    sa.UniqueConstraint("collection_id", "point_id"),
    sa.CheckConstraint(
        "octet_length(content_hash) = 64 AND content_hash !~ '[^0-9a-f]'", name="content_hash_form"
    ),
    sa.CheckConstraint(
        "octet_length(payload_hash) = 64 AND payload_hash !~ '[^0-9a-f]'", name="payload_hash_form"
    ),
    sa.Index(None, "entity_type", "entity_id"),
    comment="What a point of a vector collection stands for, and from which text it was made.",
)

embedding_jobs = sa.Table(
    "embedding_jobs",
    metadata,
    uuid_key("The job's id."),
    sa.Column(
        "collection_id",
        sa.BigInteger,
        sa.ForeignKey("collections.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="The collection that is filled.",
    ),
    required("status", run_status, "How far the job has come.", "'pending'"),
    required("total", sa.Integer, "How many texts there are to embed.", "0"),
    required("done", sa.Integer, "How many are embedded.", "0"),
    required("failed", sa.Integer, "How many could not be embedded.", "0"),
    required("attempts", sa.Integer, "How often the job was begun.", "0"),
    optional("last_error", sa.Text, "What its last error said."),
    moment("started_at", "When it was first begun."),
    moment("finished_at", "When it ended."),
    created(),
    updated(),
    sa.CheckConstraint(
        "total >= 0 AND done >= 0 AND failed >= 0 AND attempts >= 0 AND done + failed <= total",
        name="counts_range",
    ),
    sa.CheckConstraint("started_at <= finished_at", name="time_order"),
    sa.Index(
        "ix_embedding_jobs_unfinished",
        "created_at",
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    ),
    comment="The filling of a vector collection with embedded texts.",
)
