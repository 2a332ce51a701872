"""What the planner asks of items: parts of one, of a list, of groups, in response order.

Plain values, equal when they ask the same. `spec` is the index of the argument reader whose one
value the part uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from gateway.schema.asks import Constant, Fact
from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation
from gateway.schema.items.kinds import ItemKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.schema.uploads import Upload


@dataclass(frozen=True, slots=True)
class ItemValue:
    """A field's value."""

    key: str
    column: ItemColumn


@dataclass(frozen=True, slots=True)
class ItemAsset:
    """The address of the file whose id a field holds."""

    key: str
    field: str


@dataclass(frozen=True, slots=True)
class ItemHole:
    """A row of the domain, whose key a field holds; `slot` is the dependent fetch."""

    key: str
    field: str
    slot: int


@dataclass(frozen=True, slots=True)
class ItemOne:
    """The related item, or null."""

    key: str
    relation: ItemRelation
    item: Item


@dataclass(frozen=True, slots=True)
class ItemMany:
    """Related items; of many to any one selection for each target, in the relation's order."""

    key: str
    relation: ItemRelation
    items: tuple[Item, ...]
    spec: int


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a collection."""

    collection: Collection
    parts: tuple[ItemPart, ...]

    def items(self) -> Iterator[Item]:
        """This one, and all that is asked of related ones."""
        yield self
        for part in self.parts:
            if isinstance(part, ItemOne):
                yield from part.item.items()
            elif isinstance(part, ItemMany):
                for item in part.items:
                    yield from item.items()


ItemPart: TypeAlias = Constant | ItemValue | ItemAsset | ItemHole | ItemOne | ItemMany


@dataclass(frozen=True, slots=True)
class ItemNodes:
    """The items of a list."""

    key: str
    item: Item


@dataclass(frozen=True, slots=True)
class ItemList:
    """A list under the arguments read by `spec`; its facts are counts."""

    collection: Collection
    spec: int
    parts: tuple[Constant | ItemNodes | Fact, ...]

    def items(self) -> Iterator[Item]:
        """All that is asked of items; one without fields where only counts are."""
        yield Item(self.collection, ())
        for part in self.parts:
            if isinstance(part, ItemNodes):
                yield from part.item.items()


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is asked of items alone, and nothing of a list of them."""

    item: Item

    @property
    def collection(self) -> Collection:
        """Where the items are."""
        return self.item.collection

    def items(self) -> Iterator[Item]:
        """All that is asked of items."""
        return self.item.items()


@dataclass(frozen=True, slots=True)
class ItemLookup(_Whole):
    """Items by the values of a field: their key, or another (`match`), the first by `sort`."""

    match: str
    sort: str = ""


class SingleItem(_Whole):
    """The only item of a singleton."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """A computed value: an aggregate `function` over a `field`, `*` for all items.

    An empty function is a value of `groupBy`: null where items are not grouped by it.
    """

    key: str
    function: str
    field: str
    kind: ItemKind
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class MeasuredObject:
    """An object of computed values."""

    key: str
    parts: tuple[Constant | Measured, ...]


@dataclass(frozen=True, slots=True)
class ItemGroupsAsk:
    """A list in groups, under the arguments read by `spec`."""

    collection: Collection
    spec: int
    parts: tuple[Constant | Measured | MeasuredObject, ...]

    def items(self) -> Iterator[Item]:
        """Items without fields: what is computed shows none."""
        yield Item(self.collection, ())

    def measured(self) -> Iterator[Measured]:
        """Everything that is computed."""
        for part in self.parts:
            inner = part.parts if isinstance(part, MeasuredObject) else (part,)
            yield from (one for one in inner if isinstance(one, Measured))


MAX_ITEMS = 1_000
"""Items that one field may write."""

ItemAsk: TypeAlias = ItemList | ItemLookup | SingleItem | ItemGroupsAsk


@dataclass(frozen=True, slots=True)
class ListValues:
    """The arguments of a list; `filter` and `sort` as the source has them."""

    filter: Any = None
    search: str | None = None
    sort: Any = None
    limit: int | None = None
    offset: int | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class GroupValues:
    """The arguments of groups; `by` are fields by their names in the source."""

    by: tuple[str, ...]
    values: ListValues


@dataclass(frozen=True, slots=True)
class ItemWrite:
    """A write, its arguments read by `spec`, and its items shown."""

    verb: Literal["create", "update", "delete", "upload"]
    shown: ItemLookup
    spec: int

    def reached(self) -> list[Collection]:
        """Where items may be written: its own collection, and those that inputs lead to."""
        written = [self.shown.collection]
        led: list[Collection] = []
        for collection in written:  # which grows meanwhile
            for relation in collection.relations.values():
                if relation.nested:
                    written += [one for one in relation.to if one not in written]
                elif relation.many and relation.through is None:
                    led += relation.to
        return [*written, *led]


@dataclass(frozen=True, slots=True)
class WriteValues:
    """The arguments of a write, by the source's names.

    `items`: new ones, as JSON objects; of an update the one object of changes; of an upload what is
    said of the file. `keys` are those of the items to change or delete.
    """

    items: tuple[Mapping[str, Any], ...] = ()
    keys: tuple[Any, ...] = ()
    file: Upload | None = None
