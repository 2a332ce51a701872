"""What all tables share: the metadata and its naming rules, the enums, the recurring columns.

Comments on tables and columns are written for people: they become the descriptions of the
GraphQL types and fields that are bound to them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""The tables that migrations create."""

views = sa.MetaData()
"""Views that migrations create by hand: described here so that entities can bind to them."""


class TrendState(StrEnum):
    """Where a trend stands in its life."""

    EMERGING = "emerging"
    VIRAL = "viral"
    SUSTAINED = "sustained"
    DECLINING = "declining"
    DEAD = "dead"


class TrendCategory(StrEnum):
    """What a topic or trend is about: general subjects, then the tactics of an attacker."""

    TECHNOLOGY = "technology"
    SCIENCE = "science"
    BUSINESS = "business"
    POLITICS = "politics"
    HEALTH = "health"
    ENVIRONMENT = "environment"
    CULTURE = "culture"
    SPORTS = "sports"
    SECURITY = "security"
    RECONNAISSANCE = "reconnaissance"
    RESOURCE_DEVELOPMENT = "resource_development"
    INITIAL_ACCESS = "initial_access"
    EXECUTION = "execution"
    PERSISTENCE = "persistence"
    PRIVILEGE_ESCALATION = "privilege_escalation"
    DEFENSE_EVASION = "defense_evasion"
    CREDENTIAL_ACCESS = "credential_access"
    DISCOVERY = "discovery"
    LATERAL_MOVEMENT = "lateral_movement"
    COLLECTION = "collection"
    COMMAND_AND_CONTROL = "command_and_control"
    EXFILTRATION = "exfiltration"
    IMPACT = "impact"
    OTHER = "other"


class ItemSource(StrEnum):
    """Where an item was collected."""

    REDDIT = "reddit"
    HACKERNEWS = "hackernews"
    RSS = "rss"
    YOUTUBE = "youtube"
    TWITTER = "twitter"
    MASTODON = "mastodon"
    BLUESKY = "bluesky"
    GITHUB = "github"
    ARXIV = "arxiv"
    NEWS = "news"
    MITRE_ATTACK = "mitre_attack"
    OTHER = "other"


class PluginStatus(StrEnum):
    """How a collector is doing."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILING = "failing"
    DISABLED = "disabled"


class RunStatus(StrEnum):
    """How far a pipeline run or an embedding job has come."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class UserRole(StrEnum):
    """What a user may do, least first."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class VectorDistance(StrEnum):
    """How the nearness of two vectors is measured."""

    COSINE = "cosine"
    EUCLID = "euclid"
    DOT = "dot"
    MANHATTAN = "manhattan"


class CollectionStatus(StrEnum):
    """Whether a vector collection may be searched."""

    CREATING = "creating"
    READY = "ready"
    SYNCING = "syncing"
    FAILED = "failed"


def _labels(enum: type[StrEnum]) -> list[str]:
    return [member.value for member in enum]


def enum_type(enum: type[StrEnum], name: str) -> sa.Enum:
    """A PostgreSQL enum whose labels are the values of `enum`, created with the metadata."""
    return sa.Enum(enum, name=name, metadata=metadata, values_callable=_labels)


trend_state = enum_type(TrendState, "trend_state")
trend_category = enum_type(TrendCategory, "trend_category")
item_source = enum_type(ItemSource, "item_source")
plugin_status = enum_type(PluginStatus, "plugin_status")
run_status = enum_type(RunStatus, "run_status")
user_role = enum_type(UserRole, "user_role")
vector_distance = enum_type(VectorDistance, "vector_distance")
collection_status = enum_type(CollectionStatus, "collection_status")

LANGUAGE_TAG = "language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'"
"""A CHECK on a column `language`: a BCP 47 tag such as `en` or `pt-BR`."""


def serial_key(comment: str) -> sa.Column[int]:
    """The bigint identity key `id`."""
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True, comment=comment)


def uuid_key(comment: str) -> sa.Column[Any]:
    """The uuid key `id`, drawn at random by the server."""
    return sa.Column(
        "id",
        sa.Uuid,
        primary_key=True,
        server_default=sa.text("gen_random_uuid()"),
        comment=comment,
    )


def required(name: str, type_: Any, comment: str, default: str | None = None) -> sa.Column[Any]:
    """A NOT NULL column; `default` is SQL text that the server evaluates."""
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, type_, nullable=False, server_default=server_default, comment=comment)


def optional(name: str, type_: Any, comment: str) -> sa.Column[Any]:
    """A column that may be null."""
    return sa.Column(name, type_, nullable=True, comment=comment)


def moment(name: str, comment: str) -> sa.Column[Any]:
    """A timestamp with time zone that may be null."""
    return optional(name, sa.DateTime(timezone=True), comment)


def instant(name: str, comment: str, default: str | None = None) -> sa.Column[Any]:
    """A NOT NULL timestamp with time zone."""
    return required(name, sa.DateTime(timezone=True), comment, default)


def document(name: str, comment: str) -> sa.Column[Any]:
    """A NOT NULL jsonb object, empty by default."""
    return required(name, pg.JSONB, comment, "'{}'::jsonb")


def words(name: str, comment: str) -> sa.Column[Any]:
    """A NOT NULL array of text, empty by default."""
    return required(name, pg.ARRAY(sa.Text), comment, "'{}'::text[]")


def created() -> sa.Column[Any]:
    """When the row was written."""
    return instant("created_at", "When this row was written.", "now()")


def updated() -> sa.Column[Any]:
    """When the row last changed; a trigger keeps it."""
    return instant("updated_at", "When this row last changed; kept by the database.", "now()")


def finite(column: str) -> str:
    """A CHECK that keeps NaN and both infinities out of a float column."""
    return f"{column} > '-Infinity'::float8 AND {column} < 'Infinity'::float8"


def positive(column: str) -> str:
    """A CHECK that keeps a float column at zero or above, NaN and infinity out."""
    return f"{column} >= 0 AND {column} < 'Infinity'::float8"


def whole(column: str) -> str:
    """A CHECK that keeps nulls out of an array."""
    return f"array_position({column}, NULL) IS NULL"


def search_vector(title: str, body: str) -> sa.Column[Any]:
    """The full-text column `search`: English stems, `title` weighing more than `body`.

    The text is spelt as PostgreSQL prints it back, so that a comparison with a live database
    finds them equal.
    """
    heading = f"""setweight(to_tsvector('english'::regconfig, {title}), 'A'::"char")"""
    text = f"""setweight(to_tsvector('english'::regconfig, {body}), 'B'::"char")"""
    return sa.Column(
        "search",
        pg.TSVECTOR,
        sa.Computed(f"{heading} || {text}", persisted=True),
        comment="The words of title and text, stemmed, for full-text search.",
    )
