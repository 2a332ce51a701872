"""What is planned of items: selections of them, and the readers of their arguments. Pure.

How a filter, an order or a value to write looks to a source is told by the source itself
(`gateway.planning.registry.ItemSource`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import ArgumentsSpec, CheckedSpec
from gateway.planning.steps import Verb
from gateway.planning.walked import Walked
from gateway.schema.asks import Constant, Fact
from gateway.schema.columns.kinds import must_be
from gateway.schema.items.asks import (
    MAX_ITEMS,
    GroupValues,
    Item,
    ItemAsset,
    ItemGroupsAsk,
    ItemHole,
    ItemList,
    ItemLookup,
    ItemMany,
    ItemNodes,
    ItemOne,
    ItemPart,
    ItemValue,
    ListValues,
    Measured,
    MeasuredObject,
    SingleItem,
    WriteValues,
)
from gateway.schema.items.bindings import (
    ItemById,
    ItemGrouping,
    ItemListing,
    ItemWriteField,
    MatchedItem,
)
from gateway.schema.items.kinds import INT
from gateway.schema.items.types import result_kind
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from gateway.planning.arguments import PageLimits
    from gateway.planning.making import Making
    from gateway.planning.steps import Step
    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.schema.items.asks import ItemAsk
    from gateway.schema.items.catalog import Collection
    from gateway.schema.selection import Field

_FAR = 2**31 - 1
_MAX_SEARCH = 1_000
_COUNTS = {"totalCount", "filterCount"}


# Arguments ---------------------------------------------------------------------------------------


class ListSpec(ArgumentsSpec):
    """The arguments of a list of `collection`; `path` leads to it from what is listed there.

    `collection` None: of a list of several collections, which has a page only.
    """

    def __init__(
        self,
        field: Field,
        collection: Collection | None,
        making: Making,
        path: tuple[str, ...] = (),
    ) -> None:
        super().__init__(field)
        self._collection = collection
        self._planner = making.planner
        self._path = path

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the one value."""
        return (), (self._narrowed(values),)

    def _narrowed(self, given: Mapping[str, Any]) -> ListValues:
        values = _listed(given, self._planner.limits)
        collection = self._collection
        if collection is None or not (given.get("filter") or given.get("sort")):
            return values
        source = self._planner.sources.item_source(collection.source)
        where, order = source.narrowing(collection, given, self._path)
        return replace(values, filter=where, sort=order)


class GroupSpec(ListSpec):
    """The arguments of groups of a collection."""

    def __init__(self, field: Field, collection: Collection, making: Making) -> None:
        self._columns = collection.columns
        super().__init__(field, collection, making)

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the one value."""
        names = [getattr(one, "value", one) for one in values.get("groupBy") or ()]
        by = tuple(dict.fromkeys(self._columns[name].field for name in names))
        return (), (GroupValues(by, self._narrowed(values)),)


def _listed(given: Mapping[str, Any], limits: PageLimits) -> ListValues:
    limit, offset, page = given.get("limit"), given.get("offset"), given.get("page")
    limit = limits.size("limit", min(limits.default, limits.most) if limit is None else limit)
    if offset is not None and page is not None:
        raise InputError("Give `offset` or `page`, not both.")
    if offset is not None and not 0 <= offset <= _FAR:
        raise must_be("offset", f"from 0 to {_FAR}")
    if page is not None and not 1 <= page <= _FAR:
        raise must_be("page", f"from 1 to {_FAR}")
    search = given.get("search")
    if search is not None and not 0 < len(search) <= _MAX_SEARCH:
        raise must_be("search", f"a text of 1 to {_MAX_SEARCH} characters")
    return ListValues(search=search, limit=limit, offset=offset, page=page)


class ItemWriteSpec(ArgumentsSpec):
    """The arguments of one write field."""

    keeps = False

    def __init__(
        self, field: Field, binding: ItemWriteField, collection: Collection, making: Making
    ) -> None:
        super().__init__(field)
        self._binding = binding
        self._collection = collection
        self._source = making.planner.sources.item_source(collection.source)

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the `WriteValues`."""
        return (), (getattr(self, f"_{self._binding.verb}")(values),)

    def _create(self, given: Mapping[str, Any]) -> WriteValues:
        if not self._binding.many:
            return WriteValues(items=(self._item(given["input"], "input"),))
        several = _bounded(given["inputs"], "inputs")
        return WriteValues(items=tuple(self._item(one, "inputs") for one in several))

    def _update(self, given: Mapping[str, Any]) -> WriteValues:
        changes = self._item(given["set"], "set")
        if not changes:
            raise InputError("`set` is empty; give at least one field a value.")
        return WriteValues(items=(changes,), keys=self._keys(given))

    def _delete(self, given: Mapping[str, Any]) -> WriteValues:
        return WriteValues(keys=self._keys(given))

    def _upload(self, given: Mapping[str, Any]) -> WriteValues:
        said = given.get("info") or {}
        return WriteValues(items=(self._item(said, "info"),), file=given["file"])

    def _keys(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        many = self._binding.many
        name = "ids" if many else "id"
        several = _bounded(given["ids"], "ids") if many else [given["id"]]
        bind = self._collection.key.kind.bind
        return tuple(dict.fromkeys(bind(one, name) for one in several))

    def _item(self, given: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        return self._source.written(self._collection, given, where)


def _bounded(values: Sequence[Any], name: str) -> Sequence[Any]:
    if not 1 <= len(values) <= MAX_ITEMS:
        raise must_be(name, f"a list of 1 to {MAX_ITEMS}")
    return values


# Selections --------------------------------------------------------------------------------------


class ItemSelection:
    """Selections of one outline in the making; other sources' steps join the `holes`."""

    def __init__(self, making: Making) -> None:
        self._making = making
        self._catalog = making.catalog
        self._parts = making.reader.parts
        self.holes: list[Step] = []

    def item(self, field: Field, type_name: str) -> Item:
        """What is asked below `field` of an item shown as `type_name`."""
        collection = self._catalog.collections[type_name]
        return Item(
            collection, self._parts(field, lambda child: self._part(child, collection), type_name)
        )

    def _part(self, child: Field, collection: Collection) -> ItemPart:
        name = child.name
        if name in collection.columns:
            return ItemValue(child.key, collection.columns[name])
        if name in collection.assets:
            return ItemAsset(child.key, collection.assets[name])
        if name in collection.locals:
            field, entity = collection.locals[name]
            rows = self._making.rows(child, self._catalog.entities[entity])
            self.holes.append(replace(rows, foreign=True))
            return ItemHole(child.key, field, len(self.holes) - 1)
        relation = collection.relations[name]
        if not relation.many:
            return ItemOne(child.key, relation, self.item(child, relation.targets[0]))
        only = None if relation.any else relation.to[0]
        path = () if relation.through is None else (relation.through,)
        spec = self._making.spec(ListSpec(child, only, self._making, path))
        items = tuple(self.item(child, target) for target in relation.targets)
        if relation.any and Walked(self._catalog, self._making.reader).walks_below(child):
            items = tuple(map(_telling, items))
        return ItemMany(child.key, relation, items, spec)

    def list(self, field: Field) -> ItemList:
        """A list from the root."""
        collection = self._shown(field)
        spec = self._making.spec(ListSpec(field, collection, self._making))

        def part(child: Field) -> Fact | ItemNodes:
            if child.name in _COUNTS:
                return Fact(child.key, child.name)
            return ItemNodes(child.key, self.item(child, collection.name))

        return ItemList(collection, spec, self._parts(field, part))

    def groups(self, field: Field) -> ItemGroupsAsk:
        """What a list amounts to."""
        collection = self._shown(field)
        spec = self._making.spec(GroupSpec(field, collection, self._making))

        def part(child: Field) -> Measured | MeasuredObject:
            if child.name == "count":
                return Measured(child.key, "count", "*", INT, nullable=False)
            return self._measured(child, collection)

        return ItemGroupsAsk(collection, spec, self._parts(field, part))

    def _measured(self, field: Field, collection: Collection) -> MeasuredObject:
        function = "" if field.name == "key" else field.name

        def part(child: Field) -> Measured:
            column = collection.columns[child.name]
            kind = result_kind(function, column.kind)
            return Measured(child.key, function, column.field, kind)

        return MeasuredObject(field.key, self._parts(field, part))

    def _shown(self, field: Field) -> Collection:
        return self._catalog.collections[self._catalog.items_of[field.type_name]]


def _telling(item: Item) -> Item:
    """An item that says of which type it is, for graphql-core to walk into."""
    told = Constant(TYPENAME, item.collection.name)
    rest = (part for part in item.parts if part.key != TYPENAME)
    return Item(item.collection, (told, *rest))


# Root fields and entity fields -------------------------------------------------------------------


def ask_of(selection: ItemSelection, field: Field, binding: Any) -> tuple[Verb, ItemAsk]:
    """What a root field without a key asks, or the item of an entity's field."""
    if isinstance(binding, ItemListing):
        return Verb.ITEMS, selection.list(field)
    if isinstance(binding, ItemGrouping):
        return Verb.ITEM_GROUPS, selection.groups(field)
    item = selection.item(field, field.type_name)
    if isinstance(binding, MatchedItem):
        return Verb.ITEMS_BY_KEY, ItemLookup(item, binding.match, binding.sort)
    if item.collection.singleton:
        return Verb.SINGLE_ITEM, SingleItem(item)
    return Verb.ITEMS_BY_KEY, ItemLookup(item, item.collection.key.field)


def item_key(binding: Any, field: Field, catalog: Catalog) -> CheckedSpec | None:
    """The reader of a root field's key, None where it has none."""
    if not isinstance(binding, ItemById) or catalog.collections[field.type_name].singleton:
        return None
    bind = catalog.collections[field.type_name].key.kind.bind
    return CheckedSpec(field, lambda given: str(bind(given["id"], "id")))


def match_columns(binding: MatchedItem, entity: EntityInfo) -> tuple[ColumnInfo, ...]:
    """The column of an entity whose value the item holds."""
    return (entity.attributes[binding.key],) if binding.key else entity.key
