"""The best groups of points by a payload field, composed of the engine's plain queries.

The ranking of a point depends on nothing but the point. So the groups are found by asking for the
best points outside the groups found so far, and filled by one query for each: exact, whatever the
number of points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import qdrant_edge as edge
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
    from collections.abc import Iterable, Sequence

    from gateway.embedded.qdrant.collection import Collection
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

    GroupValue: TypeAlias = str | int
    Chosen: TypeAlias = dict[GroupValue, list[edge.ScoredPoint]]
    Groups: TypeAlias = dict[GroupValue, list[pb.ScoredPoint]]

_DEFAULT_SIZE = 3
_WIDEN = 8
_SHARED = (
    *("collection_name", "prefetch", "query", "using", "filter", "params", "score_threshold"),
    *("with_payload", "with_vectors", "lookup_from", "shard_key_selector"),
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
    groups = _Grouping(shards, _as_query(request), request.group_by).filled(limit, size)
    answers = [pb.PointGroup(id=_group_id(value), hits=hits) for value, hits in groups.items()]
    return pb.QueryGroupsResponse(result=pb.GroupsResult(groups=answers))


def _as_query(request: pb.QueryPointGroups) -> pb.QueryPoints:
    """The query that ranks the points, over those that have a value to group by."""
    given = {one.name: value for one, value in request.ListFields() if one.name in _SHARED}
    asked = pb.QueryPoints(**given)
    return _narrowed(asked, pb.Filter(must_not=[_condition(request.group_by, is_empty=True)]))


def _narrowed(asked: pb.QueryPoints, further: pb.Filter) -> pb.QueryPoints:
    """The same query with one more filter."""
    copied = pb.QueryPoints()
    copied.CopyFrom(asked)
    both = [pb.Condition(filter=one) for one in (asked.filter, further)]
    copied.filter.CopyFrom(pb.Filter(must=both))
    return copied


def _condition(key: str, **given: Any) -> pb.Condition:
    return pb.Condition(field=pb.FieldCondition(key=key, **given))


class _Grouping:
    """One request's groups."""

    def __init__(self, shards: Shards, asked: pb.QueryPoints, key: str) -> None:
        self._collection: Collection = shards.get(asked.collection_name)
        self._examples = Examples(self._collection, [asked])
        self._asked = asked
        self._key = key

    def filled(self, limit: int, size: int) -> Groups:
        """The best groups, each filled by a query of its own."""
        waiting = self._best_values(limit)
        chosen: Chosen = {value: [] for value in waiting}
        page = size
        while waiting:
            ranked = self._run([self._of_group(value, page) for value in waiting])
            short = []
            for value, points in zip(waiting, ranked, strict=True):
                chosen[value] = [point for point in points if self._values(point)][:size]
                if len(chosen[value]) < size and page == len(points) < MAX_LIMIT:
                    short.append(value)
            waiting, page = short, min(page * _WIDEN, MAX_LIMIT)
        return self._with_records(chosen)

    def _best_values(self, limit: int) -> list[GroupValue]:
        """The first `limit` different values of the ranking, in its order."""
        found: dict[GroupValue, None] = {}
        page = limit
        while len(found) < limit:
            known = len(found)
            asked = _narrowed(self._asked, _outside(self._key, found))
            asked.limit = page
            (points,) = self._run([self._values_only(asked)])
            for point in points:
                found.update(dict.fromkeys(self._values(point)))
            if len(points) < page or page == MAX_LIMIT:
                break
            if len(found) == known:  # points that have known values of both types
                page = min(page * _WIDEN, MAX_LIMIT)
        return list(found)[:limit]

    def _of_group(self, value: GroupValue, limit: int) -> pb.QueryPoints:
        match = pb.Match(keyword=value) if isinstance(value, str) else pb.Match(integer=value)
        mine = pb.Filter(must=[_condition(self._key, match=match)])
        asked = self._values_only(_narrowed(self._asked, mine))
        asked.limit = limit
        return asked

    def _values_only(self, asked: pb.QueryPoints) -> pb.QueryPoints:
        plain = pb.QueryPoints()
        plain.CopyFrom(asked)
        plain.with_payload.CopyFrom(
            pb.WithPayloadSelector(include=pb.PayloadIncludeSelector(fields=[self._key]))
        )
        plain.ClearField("with_vectors")
        return plain

    def _values(self, point: edge.ScoredPoint) -> list[GroupValue]:
        """The values a point is grouped by, each once: strings and integers.

        A point with any other value is in no group, as on a real server.
        """
        values = value_by_key(point.payload or {}, self._key) or []
        if not all(type(one) is str or (type(one) is int and one in _INT64) for one in values):
            return []
        return list(dict.fromkeys(values))

    def _run(self, asked: Sequence[pb.QueryPoints]) -> list[list[edge.ScoredPoint]]:
        queries = [engine_query(one, self._examples) for one in asked]
        with self._collection.using() as shard:
            return shard.query_batch(edge.QueryBatchRequest(queries))

    def _with_records(self, chosen: Chosen) -> Groups:
        """The hits with their payloads and vectors, which were not ranked along."""
        wanted = {point.id for hits in chosen.values() for point in hits}
        payload = wanted_payload(self._asked.with_payload, default=False)
        vectors = wanted_vectors(self._asked.with_vectors)
        with self._collection.using() as shard:
            found = shard.retrieve(list(wanted), payload, vectors)
        records = {record.id: record_message(record) for record in found}
        return {
            value: [_with_record(scored(one), records[one.id]) for one in hits if one.id in records]
            for value, hits in chosen.items()
        }


def _with_record(hit: pb.ScoredPoint, record: pb.RetrievedPoint) -> pb.ScoredPoint:
    hit.ClearField("payload")
    for name, value in record.payload.items():
        hit.payload[name].CopyFrom(value)
    if record.HasField("vectors"):
        hit.vectors.CopyFrom(record.vectors)
    return hit


def _outside(key: str, known: Iterable[GroupValue]) -> pb.Filter:
    """Points with a value that is none of `known`."""
    strings = [one for one in known if isinstance(one, str)]
    integers = [one for one in known if isinstance(one, int)]
    matches = []
    if strings:
        matches.append(pb.Match(except_keywords=pb.RepeatedStrings(strings=strings)))
    if integers:
        matches.append(pb.Match(except_integers=pb.RepeatedIntegers(integers=integers)))
    return pb.Filter(must=[_condition(key, match=one) for one in matches])


def _group_id(value: GroupValue) -> pb.GroupId:
    if isinstance(value, str):
        return pb.GroupId(string_value=value)
    return pb.GroupId(unsigned_value=value) if value >= 0 else pb.GroupId(integer_value=value)


GROUP_CALLS: dict[str, Call] = {"QueryGroups": _query_groups}
