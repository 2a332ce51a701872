"""Filters as clients write them, checked and frozen. Pure; knows no client library.

A filter is a mapping of clauses that must all hold:

    {"must": [filter, …], "should": [filter, …], "mustNot": [filter, …],
     "hasId": [id, …],
     "state": {"match": "EMERGING"},              a payload field with its conditions
     "field": "meta.lang", "any": ["en", "de"]}   the same, for names GraphQL cannot spell

Conditions of a field: `match` (string, integer, boolean), `any` and `except` (strings or
integers), `text`, `gt gte lt lte` (numbers, or datetimes), `isNull`, `isEmpty`,
`geoRadius {center {lat lon} radius}` (metres), `geoBox {topLeft bottomRight}`,
`valuesCount {gt gte lt lte}`. A null condition or clause is as if it were not there.

Where a collection's payload is declared, its fields stand by their names instead, each with the
conditions of its type:

    eq ne in notIn gt gte lt lte text isNull isEmpty geoRadius geoBox     a single value
    contains overlaps some valuesCount …                                  a list

`ne` and `notIn` mean "has another value", so that a missing one does not meet them, as in SQL.
Both become the same frozen `Filter`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from gateway.errors import InputError
from gateway.schema.vectors.collections import BOUNDS
from gateway.sources.qdrant.points import PointId, parse_point_id
from gateway.sources.qdrant.requests.conditions import (
    MAX_VALUES,
    OPERATORS,
    PARSERS,
    Condition,
    check_count,
    known_conditions,
    match,
    one_of,
    parse_conditions,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.schema.vectors.collections import PayloadField

MAX_DEPTH = 8
MAX_CLAUSES = 256
MAX_IDS = 10_000
_MAX_FIELD_NAME = 256
_GROUPS = ("must", "should", "mustNot")


@dataclass(frozen=True, slots=True)
class HasId:
    """The point is one of `ids`."""

    ids: tuple[PointId, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """All of `must`, at least one of `should` (if there are any), none of `must_not`.

    Equal filters are equal in the types of their values too, so one may stand for another.
    """

    must: tuple[Clause, ...] = ()
    should: tuple[Clause, ...] = ()
    must_not: tuple[Clause, ...] = ()

    def __bool__(self) -> bool:
        """False when it lets every point through."""
        return bool(self.must or self.should or self.must_not)


Clause: TypeAlias = Filter | Condition | HasId


def parse_filter(
    value: Mapping[str, Any],
    name: str = "filter",
    fields: Mapping[str, PayloadField] | None = None,
) -> Filter:
    """Check and freeze a filter; `fields` are the collection's, where its payload is declared.

    Raises `InputError` that gives the path of what is wrong, and says what would be right, for
    an unknown field or condition, a value of a wrong type, or a filter too deep or too large.
    """
    parsed = _Reading(fields).filter(value, name, 1)
    count = sum(1 for _ in _clauses(parsed))
    if count > MAX_CLAUSES:
        raise InputError.about(name, f"has {count} conditions; at most {MAX_CLAUSES} are allowed")
    return parsed


class _Reading:
    """Reads one filter: with declared fields, or with conditions on any field."""

    def __init__(self, fields: Mapping[str, PayloadField] | None) -> None:
        self._fields = fields

    def filter(self, value: Any, path: str, depth: int) -> Filter:
        if not isinstance(value, Mapping):
            raise InputError.about(path, "must be an object of conditions")
        if depth > MAX_DEPTH:
            raise InputError.about(path, f"is nested deeper than the {MAX_DEPTH} levels allowed")
        groups = {name: self._group(value.get(name), f"{path}.{name}", depth) for name in _GROUPS}
        direct = _any_field if self._fields is None else self._declared
        own = [_has_id(value["hasId"], f"{path}.hasId")] if value.get("hasId") is not None else []
        return Filter(
            must=(*groups["must"], *own, *direct(value, path)),
            should=groups["should"],
            must_not=groups["mustNot"],
        )

    def _group(self, value: Any, path: str, depth: int) -> tuple[Clause, ...]:
        if value is None:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InputError.about(path, "must be a list of filters")
        check_count(value, "filters", path, MAX_CLAUSES)
        clauses = (self.filter(one, f"{path}[{i}]", depth + 1) for i, one in enumerate(value))
        return tuple(_simplest(clause) for clause in clauses)

    def _declared(self, value: Mapping[str, Any], path: str) -> Iterator[Clause]:
        """The conditions on declared fields."""
        fields = self._fields or {}
        for name, one in value.items():
            if name in _GROUPS or name == "hasId" or one is None:
                continue
            if name not in fields:
                known = ", ".join([*_GROUPS, "hasId", *fields])
                raise InputError.about(
                    f"{path}.{name}", f"is not a payload field; there are {known}"
                )
            yield from _declared(fields[name], one, f"{path}.{name}")


def _simplest(clause: Filter) -> Clause:
    """A filter of a single positive clause is that clause."""
    if len(clause.must) == 1 and not clause.should and not clause.must_not:
        return clause.must[0]
    return clause


def _any_field(value: Mapping[str, Any], path: str) -> Iterator[Clause]:
    """The conditions written straight into a filter, on whatever field they name."""
    generic = {name: one for name, one in value.items() if name in OPERATORS}
    field = value.get("field")
    if field is not None:
        yield from parse_conditions(field_path(field, f"{path}.field"), generic, path)
    elif generic:
        raise InputError.about(f"{path}.{next(iter(generic))}", 'needs a field: add field: "name"')
    for name, one in value.items():
        if name in _GROUPS or name in OPERATORS or name in ("hasId", "field") or one is None:
            continue
        if not isinstance(one, Mapping):
            raise InputError.about(f"{path}.{name}", f"is not a known condition; known: {_known()}")
        yield from parse_conditions(field_path(name, f"{path}.field"), one, f"{path}.{name}")


def _known() -> str:
    return ", ".join([*_GROUPS, "hasId", "field", *OPERATORS])


def _declared(field: PayloadField, given: Any, path: str) -> Iterator[Condition]:
    """The conditions in `given` on a declared field, in a fixed order.

    Raises `InputError` naming `path` for a condition its type has not, or none at all.
    """
    known = ", ".join(field.conditions)
    if not isinstance(given, Mapping):
        raise InputError.about(path, f"must be an object of {known}")
    nothing = f"says nothing; give one of {known}"
    bounds, others = known_conditions(given, field.conditions, path, nothing)
    if bounds:
        yield within(field.path, bounds, path)
    for name, value in others.items():
        yield from _condition(field, name, value, f"{path}.{name}")


def _condition(field: PayloadField, name: str, value: Any, path: str) -> Iterator[Condition]:
    if name == "some":
        yield _some(field, value, path)
    elif name == "contains":
        for one in _values(field, value, path):
            yield match(field.path, one, path)
    elif name in {"in", "notIn", "overlaps"}:
        yield one_of(field.path, _values(field, value, path), path, negated=name == "notIn")
    elif name in {"eq", "ne"}:
        yield _equal(field, _stored(field, value, path), path, holds=name == "eq")
    else:
        yield PARSERS[name](field.path, value, path)


def _equal(field: PayloadField, value: Any, path: str, *, holds: bool) -> Condition:
    if isinstance(value, bool):
        return match(field.path, value is holds, path)
    if holds:
        return match(field.path, value, path)
    return one_of(field.path, [value], path, negated=True)


def _some(field: PayloadField, value: Any, path: str) -> Condition:
    given = value if isinstance(value, Mapping) else {}
    bounds = {name: given[name] for name in BOUNDS if given.get(name) is not None}
    if not bounds or not set(given) <= set(BOUNDS):
        raise InputError.about(path, f"must be an object with one of {', '.join(BOUNDS)}")
    return within(field.path, bounds, path)


def _values(field: PayloadField, value: Any, path: str) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InputError.about(path, "must be a list")
    check_count(value, "values", path, MAX_VALUES, 1)
    return [_stored(field, one, f"{path}[{place}]") for place, one in enumerate(value)]


def _stored(field: PayloadField, value: Any, path: str) -> Any:
    """What the payload holds for a value of the API: an enum's value for its member."""
    if field.labels is not None:
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, str) and value in field.labels.__members__:
            return field.labels[value].value
        raise InputError.about(path, f"must be one of {', '.join(field.labels.__members__)}")
    return str(value) if isinstance(value, UUID) else value


def field_path(value: Any, name: str) -> str:
    """The path of a payload field as a client gives it. Raises `InputError` calling it `name`."""
    if not isinstance(value, str) or not value or len(value) > _MAX_FIELD_NAME:
        raise InputError.about(name, f"must be a name of 1 to {_MAX_FIELD_NAME} characters")
    if not value.isprintable():
        raise InputError.about(name, "holds a control character")
    return value


def _has_id(value: Any, path: str) -> HasId:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MAX_IDS:
        raise InputError.about(path, f"must be a list of at most {MAX_IDS} ids")
    return HasId(tuple(parse_point_id(one, f"{path}[{i}]") for i, one in enumerate(value)))


def _clauses(clause: Clause) -> Iterator[Clause]:
    yield clause
    if isinstance(clause, Filter):
        for one in (*clause.must, *clause.should, *clause.must_not):
            yield from _clauses(one)
