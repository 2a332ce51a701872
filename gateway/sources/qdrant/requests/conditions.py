"""Conditions on one payload field: from what a client wrote to frozen, typed values. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import InputError
from gateway.schema.vectors.collections import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

MAX_VALUES = 1_000
MAX_STRING = 4_096
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Match:
    """The field, or one of its values, is one of `values`; with `negated`, is something else.

    `type` tells `1`, `true` and `"1"` apart where Python's equality does not.
    """

    field: str
    type: str
    values: tuple[str | int | bool, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """The field holds all words of `text`."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Range:
    """The field is within `bounds`: pairs of gt, gte, lt or lte and a value.

    By `kind` it is a "number", finite; a "datetime", in UTC; or the "count" of its values.
    """

    field: str
    kind: str
    bounds: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """The field is null (`kind` "null"), or missing, null or `[]` ("empty"); or it is `not` so."""

    field: str
    kind: str
    holds: bool


@dataclass(frozen=True, slots=True)
class GeoRadius:
    """The field is a place less than `radius` metres from (`lat`, `lon`), degrees."""

    field: str
    lat: float
    lon: float
    radius: float


@dataclass(frozen=True, slots=True)
class GeoBox:
    """The field is a place in a box of degrees; across the date line when `left` > `right`."""

    field: str
    top: float
    left: float
    bottom: float
    right: float


Condition: TypeAlias = Match | Text | Range | Absent | GeoRadius | GeoBox


def parse_conditions(field: str, given: Mapping[str, Any], path: str) -> Iterator[Condition]:
    """The conditions in `given`, in a fixed order, for the payload field `field`.

    Raises `InputError` naming `path` for an unknown condition, a value of a wrong type, or no
    condition at all.
    """
    nothing = f"says nothing about field {field!r}; give a condition"
    bounds, others = known_conditions(given, OPERATORS, path, nothing)
    if bounds:
        yield within(field, bounds, path)
    for name, value in others.items():
        yield PARSERS[name](field, value, f"{path}.{name}")


def known_conditions(
    given: Mapping[str, Any], known: Sequence[str], path: str, nothing: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bounds and the other conditions that are given, in the order of `known`.

    Raises `InputError` for one that is unknown, and saying `nothing` where there are none.
    """
    for name in given:
        if name not in known:
            right = ", ".join(known)
            raise InputError.about(f"{path}.{name}", f"is not a known condition; known: {right}")
    others = {name: given[name] for name in known if given.get(name) is not None}
    if not others:
        raise InputError.about(path, nothing)
    return {name: others.pop(name) for name in BOUNDS if name in others}, others


def check_count(given: Sized, what: str, path: str, most: int, least: int = 0) -> None:
    """Refuse more than `most`, or fewer than `least`. Raises `InputError` calling them `what`."""
    if not least <= len(given) <= most:
        right = f"give {least} to {most}" if least else f"at most {most} are allowed"
        raise InputError.about(path, f"has {len(given)} {what}; {right}")


def match(field: str, value: Any, path: str) -> Match:
    """The field, or one of its values, is `value`. Raises `InputError`."""
    return Match(field, _type(value, path), (value,))


def one_of(field: str, value: Any, path: str, *, negated: bool) -> Match:
    """The field has one of these values, or one beside these. Raises `InputError`."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InputError.about(path, "must be a list of strings or of integers")
    check_count(value, "values", path, MAX_VALUES, 1)
    types = {_type(one, f"{path}[{i}]") for i, one in enumerate(value)}
    if types not in ({"string"}, {"integer"}):
        raise InputError.about(path, "must hold only strings or only integers")
    return Match(field, types.pop(), tuple(value), negated)


def _type(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if value not in _INT64:
            raise InputError.about(path, "is beyond 64 bits")
        return "integer"
    if isinstance(value, str):
        _string(value, path)
        return "string"
    raise InputError.about(path, "must be a string, an integer or a boolean; numbers: gte and lte")


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_STRING:
        raise InputError.about(path, f"must be a string of at most {MAX_STRING} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError.about(path, "is not valid Unicode: it holds a lone surrogate") from None
    return value


def _text(field: str, value: Any, path: str) -> Text:
    if not _string(value, path).strip():
        raise InputError.about(path, "is empty; give at least one word")
    return Text(field, value)


def within(field: str, given: Mapping[str, Any], path: str) -> Range:
    """The field is within the bounds `given`: numbers, or datetimes. Raises `InputError`."""
    if all(_is_number(value) for value in given.values()):
        numbers = {name: _number(value, f"{path}.{name}") for name, value in given.items()}
        return Range(field, "number", _tightest(numbers))
    moments = {name: _moment(value, f"{path}.{name}") for name, value in given.items()}
    return Range(field, "datetime", _tightest(moments))


def _tightest(given: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """At most one bound on either side: Qdrant's indexes forget one of two."""
    bounds = dict(given)
    if "gt" in bounds and "gte" in bounds:
        del bounds["gte" if bounds["gt"] >= bounds["gte"] else "gt"]
    if "lt" in bounds and "lte" in bounds:
        del bounds["lte" if bounds["lt"] <= bounds["lte"] else "lt"]
    return tuple(bounds.items())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any, path: str, low: float = -math.inf, high: float = math.inf) -> float:
    try:
        number = float(value) if _is_number(value) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not low <= number <= high:
        limits = "" if math.isinf(low) else f" from {low:g} to {high:g}"
        raise InputError.about(path, f"must be a finite number{limits}")
    return number


def _moment(value: Any, path: str) -> datetime:
    """A datetime in UTC; one without an offset is taken as UTC already."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                return moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InputError.about(path, "must be a number or an ISO 8601 datetime, all bounds of one kind")


def _values_count(field: str, value: Any, path: str) -> Range:
    given = _object(value, path, BOUNDS)
    for name, bound in given.items():
        if isinstance(bound, bool) or not isinstance(bound, int) or not 0 <= bound < 2**63:
            raise InputError.about(f"{path}.{name}", "must be an integer of 0 or more")
    return Range(field, "count", _tightest(dict(given)))


def _absent(field: str, value: Any, path: str, *, kind: str) -> Absent:
    if not isinstance(value, bool):
        raise InputError.about(path, "must be true or false")
    return Absent(field, kind, value)


def _geo_radius(field: str, value: Any, path: str) -> GeoRadius:
    given = _object(value, path, ("center", "radius"), every=True)
    lat, lon = _place(given["center"], f"{path}.center")
    return GeoRadius(field, lat, lon, _number(given["radius"], f"{path}.radius", 0, 1e8))


def _geo_box(field: str, value: Any, path: str) -> GeoBox:
    given = _object(value, path, ("topLeft", "bottomRight"), every=True)
    top, left = _place(given["topLeft"], f"{path}.topLeft")
    bottom, right = _place(given["bottomRight"], f"{path}.bottomRight")
    if top < bottom:
        raise InputError.about(f"{path}.topLeft", "must lie north of bottomRight")
    return GeoBox(field, top, left, bottom, right)


def _place(value: Any, path: str) -> tuple[float, float]:
    given = _object(value, path, ("lat", "lon"), every=True)
    lat = _number(given["lat"], f"{path}.lat", -90, 90)
    return lat, _number(given["lon"], f"{path}.lon", -180, 180)


def _object(
    value: Any, path: str, names: tuple[str, ...], *, every: bool = False
) -> Mapping[str, Any]:
    """The non-null entries of `value` in the order of `names`: at least one, or `every` one."""
    if not isinstance(value, Mapping) or not set(value) <= set(names):
        raise InputError.about(path, f"must be an object with {', '.join(names)}")
    given = {name: value[name] for name in names if value.get(name) is not None}
    if len(given) < (len(names) if every else 1):
        raise InputError.about(
            path, f"needs {' and '.join(names) if every else ' or '.join(names)}"
        )
    return given


PARSERS: Mapping[str, Callable[[str, Any, str], Condition]] = {
    "match": match,
    "any": partial(one_of, negated=False),
    "except": partial(one_of, negated=True),
    "text": _text,
    "isNull": partial(_absent, kind="null"),
    "isEmpty": partial(_absent, kind="empty"),
    "geoRadius": _geo_radius,
    "geoBox": _geo_box,
    "valuesCount": _values_count,
}
"""How the operand of each condition but bounds is read: payload field, operand, path in errors."""

OPERATORS = (*PARSERS, *BOUNDS)
"""Every condition a field may carry, by its GraphQL name."""
