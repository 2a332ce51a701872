"""Calls that read points without ranking them: get, scroll, count, facet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.filters import requested_filter
from gateway.embedded.qdrant.values import (
    payload_message,
    point_id,
    point_id_message,
    point_ids,
)
from gateway.embedded.qdrant.vectors import vectors_message

if TYPE_CHECKING:
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

MAX_LIMIT = 100_000
_DEFAULT_LIMIT = 10


def wanted_payload(message: pb.WithPayloadSelector, *, default: bool) -> Any:
    """Which payload fields to return, as the engine takes it."""
    kind = message.WhichOneof("selector_options")
    if kind == "enable":
        return message.enable
    if kind == "include":
        return edge.PayloadSelector.Include(list(message.include.fields))
    if kind == "exclude":
        return edge.PayloadSelector.Exclude(list(message.exclude.fields))
    return default


def wanted_vectors(message: pb.WithVectorsSelector) -> Any:
    """Which vectors to return, as the engine takes it; none unless asked for."""
    kind = message.WhichOneof("selector_options")
    if kind == "include":
        return list(message.include.names)
    return message.enable


def requested_limit(request: Any, field: str = "limit", default: int = _DEFAULT_LIMIT) -> int:
    """How many results a request wants. Raises `Fault` for none or too many."""
    limit = int(getattr(request, field)) if request.HasField(field) else default
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(f"{field} must be from 1 to {MAX_LIMIT}, got {limit}")
    return limit


def record_message(record: edge.Record) -> pb.RetrievedPoint:
    """Write a point that was read."""
    return pb.RetrievedPoint(
        id=point_id_message(record.id),
        payload=payload_message(record.payload),
        vectors=vectors_message(record.vector),
    )


def _get(shards: Shards, request: pb.GetPoints) -> pb.GetResponse:
    ids = point_ids(request.ids)
    payload = wanted_payload(request.with_payload, default=False)
    vectors = wanted_vectors(request.with_vectors)
    with shards.get(request.collection_name).using() as shard:
        records = shard.retrieve(ids, payload, vectors)
    return pb.GetResponse(result=[record_message(record) for record in records])


def _scroll(shards: Shards, request: pb.ScrollPoints) -> pb.ScrollResponse:
    collection = shards.get(request.collection_name)
    if request.HasField("order_by"):
        raise unsupported("pages in the order of a field")
    asked = edge.ScrollRequest(
        offset=point_id(request.offset) if request.HasField("offset") else None,
        limit=requested_limit(request),
        filter=requested_filter(request),
        with_payload=wanted_payload(request.with_payload, default=True),
        with_vector=wanted_vectors(request.with_vectors),
    )
    with collection.using() as shard:
        records, following = shard.scroll(asked)
    next_offset = None if following is None else point_id_message(following)
    points = [record_message(record) for record in records]
    return pb.ScrollResponse(result=points, next_page_offset=next_offset)


def _count(shards: Shards, request: pb.CountPoints) -> pb.CountResponse:
    collection = shards.get(request.collection_name)
    exact = request.exact if request.HasField("exact") else True
    asked = edge.CountRequest(exact, requested_filter(request))
    with collection.using() as shard:
        count = shard.count(asked)
    return pb.CountResponse(result=pb.CountResult(count=count))


def _facet(shards: Shards, request: pb.FacetCounts) -> pb.FacetResponse:
    collection = shards.get(request.collection_name)
    limit, wanted = requested_limit(request), requested_filter(request)
    with collection.using() as shard:
        found = shard.facet(edge.FacetRequest(request.key, limit, request.exact, wanted))
    hits = [pb.FacetHit(value=_facet_value(hit.value), count=hit.count) for hit in found.hits]
    return pb.FacetResponse(hits=hits)


def _facet_value(value: Any) -> pb.FacetValue:
    if isinstance(value, bool):
        return pb.FacetValue(bool_value=value)
    if isinstance(value, int):
        return pb.FacetValue(integer_value=value)
    if isinstance(value, str):
        return pb.FacetValue(string_value=value)
    raise unsupported(f"facets of {type(value).__name__} values")


READ_CALLS: dict[str, Call] = {
    "Get": _get,
    "Scroll": _scroll,
    "Count": _count,
    "Facet": _facet,
}
