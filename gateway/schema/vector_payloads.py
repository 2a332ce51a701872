"""The payload of a collection as an input type, and what a client gave as it is stored."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import JSON

from gateway.schema.definitions import describe_values
from gateway.schema.scalars import write_moment
from gateway.schema.vector_collections import ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.schema.inputs import Inputs
    from gateway.schema.vector_collections import PayloadField, VectorCollection

_LISTED = "[]"


def written_fields(collection: VectorCollection) -> Iterator[PayloadField]:
    """The declared fields a client may write: not those within the objects of a list."""
    return (field for field in collection.fields.values() if _LISTED not in field.path)


def stored_at(field: PayloadField) -> str:
    """What a member that holds or names a payload field says."""
    return f"What is stored at `{field.path}`."


def payload_input(inputs: Inputs, collection: VectorCollection, label: str) -> Any:
    """`<label>PayloadInput`; any JSON object where no payload is declared."""
    if not collection.fields:
        return JSON
    members: dict[str, tuple[Any, str]] = {}
    for field in written_fields(collection):
        value = field.labels if field.labels is not None else ANNOTATIONS[field.kind]
        shown = list[value] if field.many else value  # type: ignore[valid-type]  # made at run time
        members[field.name] = (shown | None, stored_at(field))
    return inputs.make(
        f"{label}PayloadInput", members, "What is stored with a point; what is left out is absent."
    )


def payload_names(collection: VectorCollection, label: str) -> Any:
    """`<label>PayloadField`, for naming fields; None where no payload is declared."""
    says = {field.name: stored_at(field) for field in written_fields(collection)}
    if not says:
        return None
    made: Any = enum.Enum(f"{label}PayloadField", {name: name for name in says})  # type: ignore[misc]  # made of the declaration
    strawberry.enum(made, description="A field of the payload.")
    describe_values(made, says.__getitem__)
    return made


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
