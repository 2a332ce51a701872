"""A domain without a database: two declared collections, and all there is to vector writes."""

from __future__ import annotations

import enum
from datetime import datetime

from strawberry import ID
from strawberry.scalars import JSON

from gateway import (
    CollectionWrite,
    Domain,
    VectorCollection,
    VectorCollectionInfo,
    VectorWrite,
    create_collection,
    create_payload_index,
    delete_collection,
    delete_payload,
    delete_payload_index,
    delete_points,
    mutations,
    overwrite_payload,
    queries,
    set_payload,
    upsert_points,
    vector_collection,
    vector_collections,
    vector_queries,
)
from gateway.schema.columns.scalars import BigInt
from gateway.schema.vectors.inputs import GeoPoint


class Mood(enum.Enum):
    """How a note sounds."""

    GOOD = "good mood"
    BAD = "bad mood"


NOTES = VectorCollection(
    "jottings",
    size=256,
    label="Note",
    payload={
        "title": str,
        "mood": Mood,
        "stars": int,
        "weight": float,
        "big": BigInt,
        "owner": ID,
        "open": bool,
        "written": datetime,
        "place": GeoPoint,
        "tags": list[str],
        "meta.lang": str,
        "meta.depth.level": int,
        "parts[].name": str,
        "extra": JSON,
    },
)
SHAPES = VectorCollection("shapes", size=4, label="Shape")


@queries
class Looking:
    """Of the engine."""

    scratch_collections: list[VectorCollectionInfo] | None = vector_collections(
        opened=("scratch_*",), roles=("guest",)
    )
    vector_collections: list[VectorCollectionInfo] | None = vector_collections()
    vector_collection: VectorCollectionInfo | None = vector_collection()


@mutations(roles=["editor", "admin"])
class NoteWrites:
    """Of the declared collections."""

    upsert_notes: VectorWrite | None = upsert_points(NOTES)
    set_note_payload: VectorWrite | None = set_payload(NOTES)
    overwrite_note_payload: VectorWrite | None = overwrite_payload(NOTES)
    delete_note_payload: VectorWrite | None = delete_payload(NOTES)
    delete_notes: VectorWrite | None = delete_points(NOTES)
    upsert_shapes: VectorWrite | None = upsert_points(SHAPES)
    delete_shapes: VectorWrite | None = delete_points(SHAPES)


@mutations
class AnyWrites:
    """Of collections that an argument names."""

    create_collection: CollectionWrite | None = create_collection()
    delete_collection: CollectionWrite | None = delete_collection()
    create_payload_index: CollectionWrite | None = create_payload_index()
    delete_payload_index: CollectionWrite | None = delete_payload_index()
    upsert_scratch: VectorWrite | None = upsert_points(opened=("scratch_*",), roles=("guest",))
    upsert_points: VectorWrite | None = upsert_points()
    set_payload: VectorWrite | None = set_payload()
    overwrite_payload: VectorWrite | None = overwrite_payload()
    delete_payload: VectorWrite | None = delete_payload()
    delete_points: VectorWrite | None = delete_points()


domain = Domain(entities=[], queries=[Looking, vector_queries()], mutations=[NoteWrites, AnyWrites])
