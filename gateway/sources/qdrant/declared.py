"""Conditions on a declared payload field, from its type's own operators. Pure.

    eq ne in notIn gt gte lt lte text isNull isEmpty geoRadius geoBox     a single value
    contains overlaps some valuesCount …                                  a list

`ne` and `notIn` mean "has another value", so that a missing one does not meet them, as in SQL.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.errors import InputError
from gateway.schema.vector_inputs import MANY, ONE
from gateway.sources.qdrant.conditions import (
    BOUNDS,
    MAX_VALUES,
    PARSERS,
    match,
    one_of,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.schema.vector_collections import PayloadField
    from gateway.sources.qdrant.conditions import Condition


def parse_declared(field: PayloadField, given: Any, path: str) -> Iterator[Condition]:
    """The conditions in `given` on a declared field, in a fixed order.

    Raises `InputError` naming `path` for a condition its type has not, or none at all.
    """
    known = (MANY if field.many else ONE)[field.kind]
    if not isinstance(given, Mapping):
        raise InputError.about(path, f"must be an object of {', '.join(known)}")
    for name in given:
        if name not in known:
            raise InputError.about(
                f"{path}.{name}", f"is not a known condition; known: {', '.join(known)}"
            )
    present = {name: given[name] for name in known if given.get(name) is not None}
    if not present:
        raise InputError.about(path, f"says nothing; give one of {', '.join(known)}")
    bounds = {name: present.pop(name) for name in BOUNDS if name in present}
    if bounds:
        yield within(field.path, bounds, path)
    for name, value in present.items():
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
        yield _equal(field, stored(field, value, path), path, holds=name == "eq")
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
    if not 1 <= len(value) <= MAX_VALUES:
        raise InputError.about(path, f"has {len(value)} values; give 1 to {MAX_VALUES}")
    return [stored(field, one, f"{path}[{place}]") for place, one in enumerate(value)]


def stored(field: PayloadField, value: Any, path: str) -> Any:
    """What the payload holds for a value of the API: an enum's value for its member."""
    if field.labels is not None:
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, str) and value in field.labels.__members__:
            return field.labels[value].value
        raise InputError.about(path, f"must be one of {', '.join(field.labels.__members__)}")
    return str(value) if isinstance(value, UUID) else value
