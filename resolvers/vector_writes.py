"""Writes to the vector collections, and their upkeep by administrators."""

from gateway import (
    CollectionWrite,
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
)
from resolvers.items import ITEMS
from resolvers.trends import TRENDS


@queries
class VectorCollectionQueries:
    """Looking at the vector engine; for administrators."""

    vector_collections: list[VectorCollectionInfo] | None = vector_collections(
        description="All collections of the vector engine."
    )
    vector_collection: VectorCollectionInfo | None = vector_collection(
        description="The collection of this name; null where there is none."
    )


@mutations(roles=["editor", "admin"])
class TrendPointMutations:
    """Writing the points of trends."""

    upsert_trend_points: VectorWrite | None = upsert_points(
        TRENDS, description="Stores points of trends, in place of those with the same ids."
    )
    set_trend_payload: VectorWrite | None = set_payload(
        TRENDS, description="Sets fields stored with points of trends; the others stay."
    )
    delete_trend_points: VectorWrite | None = delete_points(
        TRENDS, description="Deletes points of trends."
    )


@mutations(roles=["editor", "admin"])
class ItemPointMutations:
    """Writing the points of items."""

    upsert_item_points: VectorWrite | None = upsert_points(
        ITEMS, description="Stores points of items, in place of those with the same ids."
    )
    set_item_payload: VectorWrite | None = set_payload(
        ITEMS, description="Sets fields stored with points of items; the others stay."
    )
    delete_item_points: VectorWrite | None = delete_points(
        ITEMS, description="Deletes points of items."
    )


@mutations
class VectorMutations:
    """Writing points of any collection, and looking after collections; for administrators."""

    create_vector_collection: CollectionWrite | None = create_collection(
        description="A new collection; an error where there is one of that name. Searches and reads"
        " are open to those called `…_embeddings`."
    )
    delete_vector_collection: CollectionWrite | None = delete_collection(
        description="Deletes a collection with all its points."
    )
    create_payload_index: CollectionWrite | None = create_payload_index(
        description="Indexes a payload field, for filters on it."
    )
    delete_payload_index: CollectionWrite | None = delete_payload_index(
        description="Removes the index of a payload field."
    )
    upsert_points: VectorWrite | None = upsert_points(
        description="Stores points in any collection, in place of those with the same ids."
    )
    set_payload: VectorWrite | None = set_payload(
        description="Sets fields of the payload of points; the others stay."
    )
    overwrite_payload: VectorWrite | None = overwrite_payload(
        description="Replaces the whole payload of points."
    )
    delete_payload: VectorWrite | None = delete_payload(
        description="Deletes fields of the payload of points."
    )
    delete_points: VectorWrite | None = delete_points(
        description="Deletes points of any collection."
    )
