"""What fields with these arguments ask of a collection."""

from __future__ import annotations

from gateway.schema.bindings import Vectors
from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.reading import Reading
from gateway.sources.qdrant.requests.wish_arguments import wish_of

ANY = VectorCollection("any")


def search_wish(given, collection=ANY):
    """That of a search."""
    return wish_of(Vectors(Reading.SEARCH, collection), given)


def nearest_wish(given, collection=ANY):
    """That of "more like this"."""
    return wish_of(Vectors(Reading.NEAREST, collection), given)
