"""What is stored with the stage's vectors, and a collection that stands for no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import AsyncQdrantClient, models

from gateway.sources.qdrant.points import PayloadIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEXES = tuple(PayloadIndex(name, "keyword") for name in ("category", "state", "source"))

_TRENDS: Mapping[int, tuple[Any, ...]] = {
    1: ("science", "viral", "rss", "en", 98.5, 1.5, 1, "2025-03-01T00:00:00Z"),
    2: ("technology", "emerging", "hackernews", "en", 71.25, 0.5, 1, "2025-03-05T00:00:00Z"),
    3: ("credential_access", "sustained", "rss", "en", 88.0, -0.25, 2, "2025-02-01T00:00:00Z"),
    4: ("security", "emerging", "rss", "en", 60.0, 0.0, 2, "2025-03-10T00:00:00Z"),
    5: ("sports", "declining", "youtube", "de", 42.5, -2.0, 3, "2025-01-10T00:00:00Z"),
}
_NAMES = ("category", "state", "source", "language", "score", "velocity", "topicId", "firstSeen")
_ITEMS: Mapping[int, tuple[str, str]] = {
    1: ("reddit", "science"),
    2: ("rss", "science"),
    3: ("mitre_attack", "security"),
    4: ("mitre_attack", "credential_access"),
    5: ("hackernews", "security"),
    6: ("youtube", "sports"),
}

NOTES = "note_embeddings"
_NOTES = (
    (1, [1.0, 0.0], {7: 1.0, 4_000_000_000: 0.5}, {"lang": "en", "tags": ["sun", "rome"]}, (41.9, 12.5)),
    (2, [0.8, 0.6], {7: 0.25}, {"lang": "en", "tags": []}, (52.5, 13.4)),
    (3, [0.0, 1.0], {9: 2.0}, {"lang": "de", "tags": ["lauf"]}, (48.2, 16.4)),
    ("0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10", [0.6, 0.8], {9: 1.0}, {"lang": "it"}, None),
)  # fmt: skip


def trend_payload(key: int, text: str) -> dict[str, Any]:
    """What is stored with a trend's vector; of a trend that is gone, little."""
    known = dict(zip(_NAMES, _TRENDS[key], strict=True)) if key in _TRENDS else {}
    return {"text": text, "odd": key % 2 == 1, **known}


def item_payload(key: int) -> dict[str, Any]:
    """What is stored with an item's vector."""
    known = dict(zip(("source", "category"), _ITEMS[key], strict=True)) if key in _ITEMS else {}
    return {"item": key, **known}


async def fill_notes(url: str) -> None:
    """A collection with a named dense vector and a sparse one, and nested payloads."""
    port = int(url.rpartition(":")[2])
    client = AsyncQdrantClient(
        url=url, grpc_port=port, prefer_grpc=True, check_compatibility=False, timeout=30
    )
    try:
        if await client.collection_exists(NOTES):
            await client.delete_collection(NOTES)
        await client.create_collection(
            NOTES,
            vectors_config={"mood": models.VectorParams(size=2, distance=models.Distance.DOT)},
            sparse_vectors_config={"words": models.SparseVectorParams()},
        )
        await client.create_payload_index(NOTES, "meta.lang", models.PayloadSchemaType.KEYWORD)
        await client.upsert(
            NOTES,
            [
                models.PointStruct(id=key, vector=_vectors(dense, sparse), payload=_note(meta, at))
                for key, dense, sparse, meta, at in _NOTES
            ],
            wait=True,
        )
    finally:
        await client.close()


def _vectors(dense: list[float], sparse: Mapping[int, float]) -> dict[str, Any]:
    words = models.SparseVector(indices=list(sparse), values=list(sparse.values()))
    return {"mood": dense, "words": words}


def _note(meta: dict[str, Any], place: tuple[float, float] | None) -> dict[str, Any]:
    if place is None:
        return {"meta": meta}
    return {"meta": meta, "place": {"lat": place[0], "lon": place[1]}}
