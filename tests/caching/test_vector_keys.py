"""Vector answers of two selections never share a key, though their description is the same."""

from __future__ import annotations

from gateway import VectorCollection
from gateway.sources.qdrant.reads.prepared import described, prepare_hits
from gateway.sources.qdrant.reads.shape import HitField, HitKind

NOTES = VectorCollection("notes", size=2, payload={"title": str, "text": str})


def hit(first, second):
    """`{ a: payload(path: first) b: payload(path: second) }`."""
    return (
        HitField("a", HitKind.PAYLOAD, fields=(first,)),
        HitField("b", HitKind.PAYLOAD, fields=(second,)),
    )


def test_which_payload_stands_where_is_part_of_it():
    """The engine is asked the same for both, and each is written in its own way."""
    one = prepare_hits("qdrant", NOTES, hit("title", "text"))
    same = prepare_hits("qdrant", NOTES, hit("title", "text"))
    other = prepare_hits("qdrant", NOTES, hit("text", "title"))
    assert described(one)["hit"] == described(other)["hit"]
    assert one.identity == same.identity
    assert one.identity != other.identity
