"""Qdrant: vector search in response shape, over gRPC or REST.

`qdrant_client` is imported when a source opens and nowhere else in the gateway: it costs a second
and 50 MB.
"""

from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.write_types import Distance
from gateway.sources.qdrant.points import PayloadIndex, Point
from gateway.sources.qdrant.reads.prepared import PreparedHits, prepare_hits
from gateway.sources.qdrant.reads.shape import HitField, HitKind
from gateway.sources.qdrant.requests.filters import Filter, parse_filter
from gateway.sources.qdrant.requests.wish_arguments import MAX_LIMIT, MAX_OFFSET
from gateway.sources.qdrant.requests.wishes import Nearest, Search
from gateway.sources.qdrant.source import QdrantSource

__all__ = [
    "MAX_LIMIT",
    "MAX_OFFSET",
    "Distance",
    "Filter",
    "HitField",
    "HitKind",
    "Nearest",
    "PayloadIndex",
    "Point",
    "PreparedHits",
    "QdrantSource",
    "Search",
    "VectorCollection",
    "parse_filter",
    "prepare_hits",
]
