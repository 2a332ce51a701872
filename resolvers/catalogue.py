"""The vector catalogue: who owns which collection, and what was embedded when."""

from datetime import datetime
from uuid import UUID

from strawberry import ID

from gateway import (
    BigInt,
    Connection,
    Row,
    belongs_to,
    by_key,
    delete,
    delete_many,
    entity,
    has_many,
    insert,
    listing,
    mutations,
    named_sql,
    queries,
    update,
    upsert_many,
)
from resolvers import models
from resolvers.models import CollectionStatus, RunStatus, UserRole, VectorDistance


@entity(models.users, rule=models.admin_or_self)
class User:
    """Someone who may use the platform; password and API keys never leave the database.

    Administrators see every user, everybody else only themselves.
    """

    id: UUID
    email: str
    role: UserRole
    active: bool
    created_at: datetime
    collections: "Connection[Collection]" = has_many("owner_id", description="What they own.")


@entity(models.collections)
class Collection:
    """A vector collection."""

    id: ID
    name: str
    vector_size: int
    distance: VectorDistance
    embedding_model: str
    point_count: BigInt
    status: CollectionStatus
    created_at: datetime
    updated_at: datetime
    version: int
    owner: User | None = belongs_to("owner_id", description="Who owns it.")
    vectors: "Connection[VectorMetadata]" = has_many(
        "collection_id", description="What was embedded into it."
    )
    jobs: "Connection[EmbeddingJob]" = has_many(
        "collection_id", description="The jobs that fill it."
    )


@entity(models.vector_metadata)
class VectorMetadata:
    """What a stored vector was made of."""

    id: ID
    point_id: str
    entity_type: str
    entity_id: str
    content_hash: str
    model: str
    embedded_at: datetime
    collection: Collection | None = belongs_to("collection_id", description="Where it is stored.")


@entity(models.embedding_jobs)
class EmbeddingJob:
    """A job that embeds rows into a collection."""

    id: UUID
    status: RunStatus
    total: int
    done: int
    failed: int
    attempts: int
    last_error: str | None
    started_at: datetime | None
    finished_at: datetime | None
    collection: Collection | None = belongs_to("collection_id", description="What it fills.")


@queries
class CatalogueQueries:
    """Reading the catalogue."""

    user: User | None = by_key(description="The user with this id.")
    users: Connection[User] | None = listing(description="All users.")
    collection: Collection | None = by_key(description="The collection with this id.")
    collections: Connection[Collection] | None = listing(description="All collections.")
    vector_metadata: Connection[VectorMetadata] | None = listing(description="All vectors' origin.")
    embedding_job: EmbeddingJob | None = by_key(description="The job with this id.")
    embedding_jobs: Connection[EmbeddingJob] | None = listing(description="All jobs.")


@queries
class ApiKeys:
    """Whose an API key is: asked by the gateway itself, and not part of the schema."""

    owner: Row | None = named_sql("api_key_owner.sql")


@mutations(roles=["editor", "admin"])
class CatalogueMutations:
    """Writing the catalogue."""

    insert_collection: Collection | None = insert(description="A new collection's entry.")
    update_collection: Collection | None = update(
        version="version", description="Changes to a collection's entry."
    )
    delete_collection: Collection | None = delete(description="Deletes a collection's entry.")
    upsert_vector_metadata: list[VectorMetadata] | None = upsert_many(
        "collection_id", "point_id", description="What stored vectors were made of."
    )
    delete_vector_metadata: list[VectorMetadata] | None = delete_many(
        description="Forgets what vectors were made of."
    )
    insert_embedding_job: EmbeddingJob | None = insert(description="A job to do.")
    update_embedding_job: EmbeddingJob | None = update(description="A job's progress or end.")
