"""What makes two reads the same read: their bind values *and* the types of these.

Python thinks `1`, `True` and `1.0` equal, `0.0` and `-0.0`, `Decimal("1.0")` and `Decimal("1.00")`,
and one instant in two time zones; on the wire each of them is something else.
"""

from __future__ import annotations

import dataclasses
from array import array
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

_EXACT = frozenset({NoneType, bool, int, str, bytes, date, timedelta, UUID})
"""Types whose equal values are encoded equally, once the type itself is compared too."""

_WRITTEN: Mapping[type, Callable[[Any], str]] = {
    float: float.hex,
    Decimal: str,
    datetime: datetime.isoformat,
    time: time.isoformat,
}
"""Types of which equal values may be encoded differently, and what tells those apart."""

_ONLY_FLOATS = frozenset({float})


def identity(values: tuple[Any, ...]) -> Hashable:
    """A hashable that is equal for tuples of equal values of equal types, however deeply nested.

    A value of a type unknown here is equal to itself only: what may be encoded differently is
    never shared. The result is good for as long as `values` is alive.
    """
    if not values:
        return values
    kinds = tuple(map(type, values))
    if _EXACT.issuperset(kinds):
        return (values, kinds)
    if _ONLY_FLOATS.issuperset(kinds):
        return (array("d", values).tobytes(), float)  # a vector's: their bits tell all apart
    return (tuple(map(_told_apart, values)), kinds)


def _told_apart(value: Any) -> Hashable:
    """What stands for `value` beside its type."""
    kind = type(value)
    if kind in _EXACT:
        return cast("Hashable", value)
    written = _WRITTEN.get(kind)
    if written is not None:
        return written(value)
    if isinstance(value, (tuple, list)):
        return identity(tuple(value))
    if isinstance(value, frozenset):
        return frozenset((type(member), _told_apart(member)) for member in value)
    names = _names(kind)  # type: ignore[arg-type]  # a type can be hashed
    return id(value) if names is None else identity(tuple([getattr(value, one) for one in names]))


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    """What dataclasses of a kind are compared by; None for another type."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind) if field.compare)
