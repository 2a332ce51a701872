"""A payload that a client gave, as it is stored."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Any

from gateway.schema.columns.scalars import write_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.vectors.collections import VectorCollection


def stored_payload(collection: VectorCollection | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """A coerced payload as it is stored: by path, in JSON's types."""
    if collection is None or not collection.fields:
        return dict(given)
    stored: dict[str, Any] = {}
    for name, value in given.items():
        *parents, last = collection.fields[name].path.split(".")
        place = stored
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = _stored(value)
    return stored


def stored_names(collection: VectorCollection | None, names: list[Any]) -> list[str]:
    """Named fields as paths."""
    texts = [str(name.value if isinstance(name, enum.Enum) else name) for name in names]
    if collection is None or not collection.fields:
        return texts
    return [collection.fields[name].path for name in texts]


def _stored(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [_stored(one) for one in value]
    return write_moment(value) if isinstance(value, dt.datetime) else value
