"""A selection of items compiled: what Directus is asked for, and how its items are read. Pure.

Directus takes a field once at each place. Where a client selects one list twice, under different
arguments, the second is asked for under an alias of Directus's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from gateway.schema.asks import Constant
from gateway.schema.items.asks import (
    Item,
    ItemAsset,
    ItemHole,
    ItemMany,
    ItemOne,
    ItemValue,
    ListValues,
)
from gateway.sources.directus import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.items.asks import ItemPart

ALIAS = "plait_"
"""How aliases of ours begin."""


@dataclass(slots=True, eq=False)
class Level:
    """What is asked at one place: fields, those below them, aliases, and a list's reader."""

    below: dict[str, Level | None] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    spec: int | None = None

    def value(self, name: str) -> None:
        """Ask for a field's value, or where its item is asked for, for the item's key."""
        level = self.below.setdefault(name, None)
        if level is not None:
            level.value(shapes.FILE_KEY)

    def one(self, name: str) -> Level:
        """What is asked of the item that a field leads to."""
        level = self.below.get(name)
        if level is None:
            level = Level()
            if name in self.below:
                level.value(shapes.FILE_KEY)
            self.below[name] = level
        return level

    def many(self, name: str, spec: int) -> tuple[str, Level]:
        """A list, and the name that the answer has it under."""
        own = name
        if name in self.below:
            own = f"{ALIAS}{len(self.alias)}_{name}"
            self.alias[own] = name
        level = self.below[own] = Level(spec=spec)
        return own, level

    def fields(self, prefix: str = "") -> list[str]:
        """The paths of all fields, as `fields` takes them."""
        found: list[str] = []
        for name, level in self.below.items():
            path = prefix + name
            found += [path] if level is None else level.fields(f"{path}.")
        return found

    def deep(self, lists: Mapping[int, ListValues]) -> dict[str, Any]:
        """The arguments of the lists below, as `deep` takes them."""
        found: dict[str, Any] = {}
        for name, level in self.below.items():
            if level is None:
                continue
            inner = level.deep(lists)
            if level.alias:
                inner["_alias"] = level.alias
            if level.spec is not None:
                inner |= {f"_{key}": value for key, value in listed(lists[level.spec]).items()}
            if inner:
                found[name] = inner
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What is asked of items. `specs` are the readers of its lists; `reads` read the items.

    There is one for each selection that shows the same items.
    """

    level: Level
    specs: tuple[int, ...]
    reads: tuple[shapes.Read, ...]

    @property
    def mixes(self) -> bool:
        """Whether items of other selections may come from the same request."""
        return not self.specs and not self.level.alias

    def query(self, arguments: Sequence[Any]) -> tuple[dict[str, Any], Sequence[Any]]:
        """`fields`, and `alias` and `deep` where needed; and what the viewer passes on.

        `arguments` are the values of the lists, in the order of `specs`, and what is passed on.
        """
        count = len(self.specs)
        asked = self.outline()
        deep = self.level.deep(dict(zip(self.specs, arguments[:count], strict=True)))
        return asked | ({"deep": deep} if deep else {}), arguments[count:]

    def outline(self) -> dict[str, Any]:
        """What of a query is known beforehand."""
        alias = {"alias": self.level.alias} if self.level.alias else {}
        return {"fields": self.level.fields(), **alias}


def listed(values: ListValues) -> dict[str, Any]:
    """The arguments of a list by Directus's names; those that are not given are left out."""
    asked = {
        "filter": None if values.filter is None else orjson.Fragment(values.filter),
        "search": values.search,
        "sort": list(values.sort or ()) or None,
        "limit": values.limit,
        "offset": values.offset,
        "page": values.page,
    }
    return {name: value for name, value in asked.items() if value is not None}


def compile_selection(
    items: Sequence[Item], key: str, assets: str = "", also: Sequence[str] = ()
) -> Selection:
    """Compile what is asked of the same items of a collection with this `key`.

    `assets` is what the address of a file begins with. The fields `also` are asked for too, for the
    source's own use.
    """
    compiling = _Compiling(assets)
    level = Level()
    made = tuple(compiling.item(item, level) for item in items)
    for name in also:
        level.value(name)
    if not level.below:  # of nothing Directus gives everything
        level.value(key)
    return Selection(level, tuple(compiling.specs), made)


class _Compiling:
    """One selection on its way."""

    def __init__(self, assets: str) -> None:
        self._assets = assets
        self.specs: list[int] = []

    def item(self, item: Item, level: Level) -> shapes.Read:
        return shapes.object_of([self._part(part, level) for part in item.parts])

    def _part(self, part: ItemPart, level: Level) -> shapes.Part:
        match part:
            case Constant():
                return shapes.Part(part.key, "", shapes.constant(part.text))
            case ItemValue(column=column):
                level.value(column.field)
                read = shapes.value(column.kind.read)
                return shapes.Part(part.key, column.field, read, column.nullable)
            case ItemAsset():
                level.value(part.field)
                return shapes.Part(part.key, part.field, shapes.asset(self._assets))
            case ItemHole():
                level.value(part.field)
                return shapes.Part(part.key, part.field, shapes.hole(part.slot))
            case ItemOne(relation=relation):
                read = self._reached(part.item, level.one(relation.field))
                return shapes.Part(part.key, relation.field, read)
            case ItemMany():
                return self._many(part, level)

    def _many(self, part: ItemMany, level: Level) -> shapes.Part:
        self.specs.append(part.spec)
        relation = part.relation
        name, inner = level.many(relation.field, part.spec)
        through = relation.through
        if through is None:
            (item,) = part.items
            return shapes.Part(part.key, name, shapes.many(self._reached(item, inner)))
        if not relation.any:
            (item,) = part.items
            read = self._reached(item, inner.one(through))
            return shapes.Part(part.key, name, shapes.through(through, read))
        inner.value(shapes.COLLECTION)
        reads = {}
        for item in part.items:
            collection = item.collection.collection
            reads[collection] = self._reached(item, inner.one(f"{through}:{collection}"))
        return shapes.Part(part.key, name, shapes.any_of(through, reads))

    def _reached(self, item: Item, level: Level) -> shapes.Read:
        """A related item: of nothing else the key is asked for, as else Directus leaves it out."""
        read = self.item(item, level)
        if not level.below:
            level.value(item.collection.key.field)
        return read
