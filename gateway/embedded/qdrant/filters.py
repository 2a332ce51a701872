"""Filters: from Qdrant's protobuf to the engine's own, condition by condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import qdrant_edge as edge

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.values import point_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.timestamp_pb2 import Timestamp
    from qdrant_client import grpc as pb

_MAX_DEPTH = 32
_BOUNDS = ("lt", "gt", "gte", "lte")


def requested_filter(request: Any) -> edge.Filter | None:
    """The filter of a request, or None where it has none."""
    return filter_(request.filter) if request.HasField("filter") else None


def filter_(message: pb.Filter, depth: int = 0) -> edge.Filter:
    """Read a filter with everything nested in it. Raises `Fault` for what the engine lacks."""
    if depth > _MAX_DEPTH:
        raise invalid(f"a filter may be nested {_MAX_DEPTH} levels deep")
    if message.HasField("min_should"):
        raise unsupported("min_should")
    return edge.Filter(
        must=_conditions(message.must, depth) or None,
        should=_conditions(message.should, depth) or None,
        must_not=_conditions(message.must_not, depth) or None,
    )


def _condition(message: pb.Condition, depth: int) -> Any:
    kind = message.WhichOneof("condition_one_of")
    if kind is None:
        raise invalid("a filter condition is empty")
    if kind == "filter":
        return filter_(message.filter, depth + 1)
    if kind == "nested":
        return edge.NestedCondition(message.nested.key, filter_(message.nested.filter, depth + 1))
    read = _CONDITIONS.get(kind)
    if read is None:
        raise unsupported(f"the filter condition {kind}")
    return read(getattr(message, kind))


def _conditions(messages: Iterable[pb.Condition], depth: int) -> list[Any]:
    return [_condition(message, depth) for message in messages]


def _field(message: Any) -> edge.FieldCondition:
    """A condition on a payload field: exactly what was given, at least one thing."""
    given: dict[str, Any] = {
        name: read(getattr(message, name))
        for name, read in _PARTS.items()
        if message.HasField(name)
    }
    if message.HasField("geo_polygon"):
        raise unsupported("geo_polygon")
    if message.HasField("datetime_range"):
        given["range"] = _datetime_range(message.datetime_range)
    if not given:
        raise invalid(f"the condition on field {message.key!r} says nothing")
    return edge.FieldCondition(message.key, **given)


def _match(message: pb.Match) -> Any:
    kind = message.WhichOneof("match_value")
    if kind is None:
        raise invalid("a match condition is empty")
    read = _MATCHES.get(kind)
    if read is None:
        raise unsupported(f"the match condition {kind}")
    return read(getattr(message, kind))


def _range(message: pb.Range) -> edge.RangeFloat:
    return edge.RangeFloat(**_bounds(message))


def _datetime_range(message: pb.DatetimeRange) -> edge.RangeDateTime:
    return edge.RangeDateTime(**{name: _moment(one) for name, one in _bounds(message).items()})


def _values_count(message: pb.ValuesCount) -> edge.ValuesCount:
    return edge.ValuesCount(**_bounds(message))


def _bounds(message: Any) -> dict[str, Any]:
    """The bounds that were given; of two on one side the narrower, as an index heeds one only."""
    given = {name: getattr(message, name) for name in _BOUNDS if message.HasField(name)}
    if "lt" in given and "lte" in given:
        del given["lte" if _order(given["lt"]) <= _order(given["lte"]) else "lt"]
    if "gt" in given and "gte" in given:
        del given["gte" if _order(given["gt"]) >= _order(given["gte"]) else "gt"]
    return given


def _order(bound: Any) -> Any:
    return (bound.seconds, bound.nanos) if hasattr(bound, "seconds") else bound


def _moment(message: Timestamp) -> str:
    try:
        return message.ToJsonString()
    except ValueError:
        raise invalid("a datetime is outside the years 1 to 9999") from None


def _geo_point(message: pb.GeoPoint) -> edge.GeoPoint:
    return edge.GeoPoint(lon=message.lon, lat=message.lat)


def _geo_box(message: pb.GeoBoundingBox) -> edge.GeoBoundingBox:
    return edge.GeoBoundingBox(_geo_point(message.top_left), _geo_point(message.bottom_right))


def _geo_radius(message: pb.GeoRadius) -> edge.GeoRadius:
    return edge.GeoRadius(_geo_point(message.center), message.radius)


_CONDITIONS: dict[str, Callable[[Any], Any]] = {
    "field": _field,
    "has_id": lambda message: edge.HasIdCondition(set(point_ids(message.has_id))),
    "is_empty": lambda message: edge.IsEmptyCondition(message.key),
    "is_null": lambda message: edge.IsNullCondition(message.key),
}

_MATCHES: dict[str, Callable[[Any], Any]] = {
    "keyword": edge.MatchValue,
    "integer": edge.MatchValue,
    # The engine takes Python's bool for an integer, numpy's for what it is.
    "boolean": lambda value: edge.MatchValue(cast("bool", np.bool_(value))),
    "text": edge.MatchText,
    "text_any": edge.MatchTextAny,
    "keywords": lambda message: edge.MatchAny(list(message.strings)),
    "integers": lambda message: edge.MatchAny(list(message.integers)),
    "except_keywords": lambda message: edge.MatchExcept(list(message.strings)),
    "except_integers": lambda message: edge.MatchExcept(list(message.integers)),
}

_PARTS: dict[str, Callable[[Any], Any]] = {
    "match": _match,
    "range": _range,
    "geo_bounding_box": _geo_box,
    "geo_radius": _geo_radius,
    "values_count": _values_count,
    "is_empty": bool,
    "is_null": bool,
}
