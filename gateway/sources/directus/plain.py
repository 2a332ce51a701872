"""Lists of items whose JSON may go out as it came: nothing of it is renamed or converted. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.schema.items.asks import ItemMany, ItemOne, ItemValue
from gateway.schema.items.kinds import BOOLEAN, DATE, FLOAT, TEXT

if TYPE_CHECKING:
    from gateway.schema.items.asks import Item, ItemPart

_VALUES: dict[Any, Any] = {TEXT: str, FLOAT: float, BOOLEAN: bool, DATE: dt.date}
"""The kinds of which all JSON of one type is as the GraphQL type has it."""


def plain_items(item: Item) -> msgspec.json.Decoder[Any] | None:
    """Takes a list of exactly such items, as JSON, and nothing besides; None where none may pass.

    Raises MsgspecError or UnicodeDecodeError for lists that must be read item by item.
    """
    plain = _plain(item)
    return None if plain is None else msgspec.json.Decoder(list[plain])  # type: ignore[valid-type]  # a run-time type


def _plain(item: Item) -> Any:
    """The type that exactly such items are of; None where there is none."""
    related = [not isinstance(part, ItemValue) for part in item.parts]
    found = [_field(part) for part in item.parts]
    names = [name for name, _ in found]
    # Directus writes values before related items, whatever the order they are asked for in.
    if names != [part.key for part in item.parts] or related != sorted(related):
        return None
    # Attributes have names of our own, as not all of Directus's are names to Python.
    own = {f"f{index}": name for index, name in enumerate(names)}
    types = zip(own, (kind for _, kind in found), strict=True)
    return msgspec.defstruct("PlainItem", types, rename=own, forbid_unknown_fields=True)


def _field(part: ItemPart) -> tuple[str, Any]:
    """The name in Directus and the type whose JSON may stay; no name where it must be read."""
    match part:
        case ItemValue(column=column) if (kind := _VALUES.get(column.kind)) is not None:
            return column.field, kind | None if column.nullable else kind
        case ItemOne(relation=relation) if (plain := _plain(part.item)) is not None:
            return relation.field, plain | None
        case ItemMany(relation=relation) if relation.through is None:
            (item,) = part.items
            if (plain := _plain(item)) is not None:
                return relation.field, list[plain] | None  # type: ignore[valid-type]  # a run-time type
    return "", None
