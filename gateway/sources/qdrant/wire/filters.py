"""Frozen filters as qdrant-client's models. Imports the client: only called on open sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.sources.qdrant.requests import conditions
from gateway.sources.qdrant.requests.filters import Filter, HasId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.sources.qdrant.requests.filters import Clause


def native_filter(value: Filter | None) -> models.Filter | None:
    """The client's filter; None where every point passes."""
    if not value:
        return None
    return models.Filter(
        must=_natives(value.must), should=_natives(value.should), must_not=_natives(value.must_not)
    )


def _natives(clauses: Iterable[Clause]) -> list[Any] | None:
    return [_native(clause) for clause in clauses] or None


def _native(clause: Clause) -> Any:
    if isinstance(clause, Filter):
        return native_filter(clause) or models.Filter()
    return _NATIVES[type(clause)](clause)


def _on(condition: Any, **given: Any) -> models.FieldCondition:
    return models.FieldCondition(key=condition.field, **given)


def _match(condition: conditions.Match) -> models.FieldCondition:
    values: list[Any] = list(condition.values)
    if condition.negated:
        return _on(condition, match=models.MatchExcept(**{"except": values}))
    if len(values) == 1:
        return _on(condition, match=models.MatchValue(value=values[0]))
    return _on(condition, match=models.MatchAny(any=values))


def _range(condition: conditions.Range) -> models.FieldCondition:
    bounds = dict(condition.bounds)
    if condition.kind == "count":
        return _on(condition, values_count=models.ValuesCount(**bounds))
    range_ = models.Range if condition.kind == "number" else models.DatetimeRange
    return _on(condition, range=range_(**bounds))


def _absent(condition: conditions.Absent) -> Any:
    field = models.PayloadField(key=condition.field)
    positive: Any = (
        models.IsNullCondition(is_null=field)
        if condition.kind == "null"
        else models.IsEmptyCondition(is_empty=field)
    )
    return positive if condition.holds else models.Filter(must_not=[positive])


def _geo_radius(condition: conditions.GeoRadius) -> models.FieldCondition:
    center = models.GeoPoint(lat=condition.lat, lon=condition.lon)
    return _on(condition, geo_radius=models.GeoRadius(center=center, radius=condition.radius))


def _geo_box(condition: conditions.GeoBox) -> Any:
    """One box, or the two halves of one across the date line: Qdrant's geo index misses those."""
    if condition.left <= condition.right:
        return _box(condition, condition.left, condition.right)
    halves: list[Any] = [
        _box(condition, condition.left, 180),
        _box(condition, -180, condition.right),
    ]
    return models.Filter(should=halves)


def _box(condition: conditions.GeoBox, left: float, right: float) -> models.FieldCondition:
    box = models.GeoBoundingBox(
        top_left=models.GeoPoint(lat=condition.top, lon=left),
        bottom_right=models.GeoPoint(lat=condition.bottom, lon=right),
    )
    return _on(condition, geo_bounding_box=box)


_NATIVES: dict[type, Callable[[Any], Any]] = {
    HasId: lambda clause: models.HasIdCondition(has_id=list(clause.ids)),
    conditions.Match: _match,
    conditions.Text: lambda one: _on(one, match=models.MatchText(text=one.text)),
    conditions.Range: _range,
    conditions.Absent: _absent,
    conditions.GeoRadius: _geo_radius,
    conditions.GeoBox: _geo_box,
}
