"""What is compiled once for Directus: queries, and how their answers become values. Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.schema.asks import Fact
from gateway.schema.items.asks import (
    ItemGroupsAsk,
    ItemList,
    ItemLookup,
    ItemNodes,
    SingleItem,
)
from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation
from gateway.schema.items.kinds import ItemKind
from gateway.sources.contract import Prepared, Slots
from gateway.sources.directus.plain import plain_items
from gateway.sources.directus.selecting import Selection, compile_selection
from gateway.sources.directus.sending import items_path

if TYPE_CHECKING:
    from collections.abc import Hashable

    from msgspec.json import Decoder

    from gateway.schema.items.asks import ItemAsk

COUNTS = {"totalCount": "total_count", "filterCount": "filter_count"}
"""Figures of `meta`, by what is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Read(Prepared):
    """What all reads have: the place of a collection, and what is asked."""

    path: str
    ask: ItemAsk
    slots: Slots

    @property
    def types(self) -> tuple[str, ...]:
        """The types of all items that are read, for the tags of what is kept."""
        return tuple(dict.fromkeys(item.collection.name for item in self.ask.items()))

    @property
    def identity(self) -> Any:
        """What tells it from reads that look the same to Directus."""
        return _outline(self.ask)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedItems(Read):
    """A list. Its arguments are its own, those of the lists below, and what the viewer passes.

    `counts` are the figures of `meta` that are asked for. `plain` takes items that may stay as they
    are, where there are such.
    """

    ask: ItemList
    selection: Selection
    counts: tuple[str, ...]
    plain: Decoder[Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class PreparedLookup(Read):
    """Items by the values of `match`. Its arguments are the values of the lists below, and so on.

    `unique`: a value has at most one item. Look-ups in one place travel together, unless lists hang
    on them.
    """

    match: str
    unique: bool
    key_type: type
    sort: str
    selection: Selection

    def together(self, arguments: tuple[Any, ...]) -> Hashable:
        """The same place, order and caller."""
        if not self.selection.mixes:
            return None
        return (self.path, self.match, self.sort, arguments)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSingle(Read):
    """The only item of a singleton, which is there where its `key` is."""

    key: str
    selection: Selection


@dataclass(frozen=True, slots=True, eq=False)
class PreparedGroups(Read):
    """A list in groups; `aggregate` as Directus takes it."""

    ask: ItemGroupsAsk
    aggregate: dict[str, list[str]]


PreparedRead: TypeAlias = PreparedItems | PreparedLookup | PreparedSingle | PreparedGroups


def prepare(source: str, ask: ItemAsk, assets: str, viewer: Slots = ()) -> PreparedRead:
    """Compile an ask.

    `assets` is what the address of a file begins with, `viewer` the viewer's values it takes.
    """
    collection = ask.collection
    path, key = items_path(collection.collection), collection.key.field
    if isinstance(ask, ItemGroupsAsk):
        slots = ((ask.spec, 0), *viewer)
        return PreparedGroups(source, False, path, ask, slots, _aggregate(ask))  # noqa: FBT003 - by_key
    if isinstance(ask, ItemList):
        nodes = [part.item for part in ask.parts if isinstance(part, ItemNodes)]
        selection = compile_selection(nodes, key, assets)
        counts = {COUNTS[part.name]: None for part in ask.parts if isinstance(part, Fact)}
        slots = ((ask.spec, 0), *_of(selection), *viewer)
        plain = plain_items(nodes[0]) if len(nodes) == 1 else None
        return PreparedItems(source, False, path, ask, slots, selection, tuple(counts), plain)  # noqa: FBT003 - by_key
    if isinstance(ask, SingleItem):
        selection = compile_selection([ask.item], key, assets, [key])
        slots = (*_of(selection), *viewer)
        return PreparedSingle(source, False, path, ask, slots, key, selection)  # noqa: FBT003 - by_key
    return _lookup(source, path, ask, assets, viewer)


def _lookup(source: str, path: str, ask: ItemLookup, assets: str, viewer: Slots) -> PreparedLookup:
    key = ask.collection.key.field
    selection = compile_selection([ask.item], key, assets, [ask.match])
    return PreparedLookup(
        source=source,
        by_key=True,
        path=path,
        ask=ask,
        match=ask.match,
        unique=ask.match == key,
        key_type=ask.collection.key_type if ask.match == key else str,
        sort=ask.sort or key,
        selection=selection,
        slots=(*_of(selection), *viewer),
    )


def _of(selection: Selection) -> Slots:
    return tuple((spec, 0) for spec in selection.specs)


def _aggregate(ask: ItemGroupsAsk) -> dict[str, list[str]]:
    """What is computed; the count always, as groups of nothing else are no groups to Directus."""
    found: dict[str, dict[str, None]] = {"count": {"*": None}}
    for measured in ask.measured():
        if measured.function:
            found.setdefault(measured.function, {})[measured.field] = None
    return {function: list(fields) for function, fields in found.items()}


_ELSEWHERE = "spec"
"""A member that tells where arguments are read, which are compared by themselves."""


def _outline(value: Any) -> Any:
    """An ask, or a part of one, as JSON values: response keys, what stands there, how read.

    Answers to asks with equal ones look the same.
    """
    if isinstance(value, tuple):
        return [_outline(part) for part in value]
    if isinstance(value, Collection | ItemColumn | ItemRelation | ItemKind):
        return value.name
    if dataclasses.is_dataclass(value):
        names = [one.name for one in dataclasses.fields(value) if one.name != _ELSEWHERE]
        return [type(value).__name__, *(_outline(getattr(value, name)) for name in names)]
    return value
