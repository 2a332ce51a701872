"""The best groups of points by a payload field, composed of the engine's plain queries.

Groups are read off the ranking of all points, of which as much is asked for as they need: exact up
to the 100,000 points that one query ranks.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from qdrant_client import grpc as pb
from qdrant_client.local.payload_value_extractor import value_by_key

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.queries import Examples, engine_query, scored
from gateway.embedded.qdrant.reads import (
    MAX_LIMIT,
    record_message,
    requested_limit,
    wanted_payload,
    wanted_vectors,
)

if TYPE_CHECKING:
    import qdrant_edge as edge

    from gateway.embedded.qdrant.collection import Collection
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

    GroupValue: TypeAlias = str | int
    Groups: TypeAlias = dict[GroupValue, list[edge.ScoredPoint]]

_DEFAULT_SIZE = 3
_WIDEN = 8
_SHARED = (
    *("collection_name", "prefetch", "query", "using", "filter", "params", "score_threshold"),
    *("lookup_from", "shard_key_selector"),
)
_INT64 = range(-(2**63), 2**63)


def _query_groups(shards: Shards, request: pb.QueryPointGroups) -> pb.QueryGroupsResponse:
    if not request.group_by:
        raise invalid("group_by names no payload field")
    limit = requested_limit(request)
    size = requested_limit(request, "group_size", _DEFAULT_SIZE)
    if limit * size > MAX_LIMIT:
        raise invalid(f"limit times group_size must be at most {MAX_LIMIT}, got {limit * size}")
    if request.HasField("with_lookup"):
        raise unsupported("groups looked up in another collection")
    collection = shards.get(request.collection_name)
    groups = _best(collection, _ranking(request), request.group_by, limit, size)
    hits = _with_records(collection, request, groups)
    return pb.QueryGroupsResponse(result=pb.GroupsResult(groups=hits))


def _ranking(request: pb.QueryPointGroups) -> pb.QueryPoints:
    """The query that ranks the points, over those that have a value to group by."""
    asked = pb.QueryPoints(
        **{one.name: value for one, value in request.ListFields() if one.name in _SHARED}
    )
    empty = pb.FieldCondition(key=request.group_by, is_empty=True)
    grouped = pb.Filter(must_not=[pb.Condition(field=empty)])
    both = [pb.Condition(filter=one) for one in (request.filter, grouped)]
    asked.filter.CopyFrom(pb.Filter(must=both))
    asked.with_payload.include.fields.append(request.group_by)
    return asked


def _best(collection: Collection, asked: pb.QueryPoints, key: str, limit: int, size: int) -> Groups:
    """The first groups of a ranking; more of it is asked for until they are full, or it ends."""
    examples = Examples(collection, [asked])
    asked.limit = limit * size
    while True:
        query = engine_query(asked, examples)
        with collection.using() as shard:
            points = shard.query(query)
        groups: Groups = {}
        for point in points:
            for value in _values(point, key):
                groups.setdefault(value, []).append(point)
        best = {value: hits[:size] for value, hits in islice(groups.items(), limit)}
        full = len(best) == limit and all(len(hits) == size for hits in best.values())
        if full or len(points) < asked.limit or asked.limit == MAX_LIMIT:
            return best
        asked.limit = min(asked.limit * _WIDEN, MAX_LIMIT)


def _values(point: edge.ScoredPoint, key: str) -> list[GroupValue]:
    """The values a point is grouped by, each once: strings and integers.

    A point with any other value is in no group, as on a real server.
    """
    values = value_by_key(point.payload or {}, key) or []
    if not all(type(one) is str or (type(one) is int and one in _INT64) for one in values):
        return []
    return list(dict.fromkeys(values))


def _with_records(
    collection: Collection, request: pb.QueryPointGroups, groups: Groups
) -> list[pb.PointGroup]:
    """The groups with their hits' payloads and vectors, which were not ranked along."""
    wanted = {point.id for hits in groups.values() for point in hits}
    payload = wanted_payload(request.with_payload, default=False)
    vectors = wanted_vectors(request.with_vectors)
    with collection.using() as shard:
        found = shard.retrieve(list(wanted), payload, vectors)
    records = {record.id: record_message(record) for record in found}
    return [
        pb.PointGroup(
            id=_group_id(value),
            hits=[_with_record(scored(one), records[one.id]) for one in hits if one.id in records],
        )
        for value, hits in groups.items()
    ]


def _with_record(hit: pb.ScoredPoint, record: pb.RetrievedPoint) -> pb.ScoredPoint:
    hit.ClearField("payload")
    for name, value in record.payload.items():
        hit.payload[name].CopyFrom(value)
    if record.HasField("vectors"):
        hit.vectors.CopyFrom(record.vectors)
    return hit


def _group_id(value: GroupValue) -> pb.GroupId:
    if isinstance(value, str):
        return pb.GroupId(string_value=value)
    return pb.GroupId(unsigned_value=value) if value >= 0 else pb.GroupId(integer_value=value)


GROUP_CALLS: dict[str, Call] = {"QueryGroups": _query_groups}
