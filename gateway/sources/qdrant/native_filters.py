"""Frozen filters as qdrant-client's models. Imports the client: only called on open sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.sources.qdrant import conditions
from gateway.sources.qdrant.filters import Filter, HasId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.sources.qdrant.filters import Clause


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


def _has_id(clause: HasId) -> models.HasIdCondition:
    return models.HasIdCondition(has_id=list(clause.ids))


def _match(condition: conditions.Match) -> models.FieldCondition:
    values: list[Any] = list(condition.values)
    match: Any
    if condition.negated:
        match = models.MatchExcept(**{"except": values})
    elif len(condition.values) == 1:
        match = models.MatchValue(value=condition.values[0])
    else:
        match = models.MatchAny(any=values)
    return models.FieldCondition(key=condition.field, match=match)


def _text(condition: conditions.Text) -> models.FieldCondition:
    return models.FieldCondition(key=condition.field, match=models.MatchText(text=condition.text))


def _number_range(condition: conditions.NumberRange) -> models.FieldCondition:
    bounds = models.Range(**dict(condition.bounds))
    return models.FieldCondition(key=condition.field, range=bounds)


def _datetime_range(condition: conditions.DatetimeRange) -> models.FieldCondition:
    bounds = models.DatetimeRange(**dict(condition.bounds))
    return models.FieldCondition(key=condition.field, range=bounds)


def _values_count(condition: conditions.ValuesCount) -> models.FieldCondition:
    bounds = models.ValuesCount(**dict(condition.bounds))
    return models.FieldCondition(key=condition.field, values_count=bounds)


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
    circle = models.GeoRadius(center=center, radius=condition.radius)
    return models.FieldCondition(key=condition.field, geo_radius=circle)


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
    return models.FieldCondition(key=condition.field, geo_bounding_box=box)


_NATIVES: dict[type, Callable[[Any], Any]] = {
    HasId: _has_id,
    conditions.Match: _match,
    conditions.Text: _text,
    conditions.NumberRange: _number_range,
    conditions.DatetimeRange: _datetime_range,
    conditions.ValuesCount: _values_count,
    conditions.Absent: _absent,
    conditions.GeoRadius: _geo_radius,
    conditions.GeoBox: _geo_box,
}
