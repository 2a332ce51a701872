"""Settles the fields bound to items: their types and arguments."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from graphql import GraphQLUnionType

from gateway.schema.definitions import field_name, type_name
from gateway.schema.items.bindings import (
    ItemById,
    ItemGrouping,
    ItemGroups,
    ItemLink,
    ItemListing,
    Items,
    ItemWriteField,
    MatchedItem,
)
from gateway.schema.items.inputs import WriteTypes
from gateway.schema.items.reading import opened, read_collections
from gateway.schema.items.types import (
    declare_filters,
    group_arguments,
    group_type,
    list_arguments,
    list_type,
    page_arguments,
)
from gateway.schema.members import argument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from graphql import GraphQLSchema
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.items.catalog import Collection
    from gateway.schema.lists.inputs import Inputs
    from gateway.schema.places import Placed


class CollectionFields:
    """The collections of one schema. `entity` finds the entity of the domain a class stands for."""

    def __init__(self, inputs: Inputs, entity: Callable[[Any], EntityInfo | None]) -> None:
        self._inputs = inputs
        self._entity = entity
        self._filters: dict[str, tuple[type, type]] = {}
        self._lists: dict[str, type] = {}
        self._groups: dict[str, type] = {}
        self._writes = WriteTypes(inputs)
        self.by_class: dict[type, Collection] = {}
        self.made_of: dict[str, str] = {}
        """Every generated type → the collection's type whose items it shows."""

    def read(self, classes: Mapping[type, Iterable[Placed]]) -> None:
        """Learn what the classes bind by their fields, and declare their inputs.

        Raises ConfigurationError.
        """
        self.by_class = read_collections(classes, self._entity)
        for one in self.by_class.values():
            self._filters[one.name] = declare_filters(self._inputs, one.name, *opened(one))

    def unions(self, schema: GraphQLSchema) -> set[str]:
        """The names of the unions of collections, whose members answers tell by `__typename`."""
        shown = {one.name for one in self.by_class.values()}
        found = set()
        for type_ in schema.type_map.values():
            if isinstance(type_, GraphQLUnionType) and shown.issuperset(
                member.name for member in type_.types
            ):
                type_.resolve_type = None
                found.add(type_.name)
        return found

    def settle(self, placed: Placed) -> None:
        """Give a field its type and arguments. Raises ConfigurationError naming the field."""
        field, binding, inner = placed.field, placed.binding, placed.inner
        shown = inner | None if placed.nullable else inner
        if isinstance(binding, ItemLink):
            field.settle(shown, self._relation_arguments(placed.cls, field))
        elif isinstance(binding, ItemWriteField):
            field.settle(shown, self._write_arguments(binding, placed))
        elif isinstance(binding, ItemListing | ItemGrouping | ItemById | MatchedItem):
            made, arguments = self._root(binding, placed)
            field.settle(made | None, arguments)
        else:
            field.settle(shown, [])

    def _write_arguments(self, binding: ItemWriteField, placed: Placed) -> list[StrawberryArgument]:
        collection = self._target(placed, list if binding.many else None)
        if binding.verb == "upload" and not collection.files:
            raise placed.wrong("this writes a class of the collection of files.")
        if collection.singleton:
            raise placed.wrong("this writes no singleton.")
        return self._writes.arguments(binding, collection)

    def _root(self, binding: Any, placed: Placed) -> tuple[Any, list[StrawberryArgument]]:
        form = {ItemListing: Items, ItemGrouping: ItemGroups}.get(type(binding))
        collection = self._target(placed, form)
        name, key = collection.name, collection.key
        wanted, sort = self._filters[name]
        if isinstance(binding, MatchedItem):
            self._check_match(placed, binding, collection)
        elif isinstance(binding, ItemListing):
            if name not in self._lists:
                self._lists[name] = list_type(collection)
                self.made_of[type_name(self._lists[name])] = name
            return self._lists[name], _searchable(collection, list_arguments(wanted, sort))
        elif isinstance(binding, ItemGrouping):
            columns = {own: one for own, one in opened(collection)[0].items() if one.kind.sortable}
            if name not in self._groups:
                types = group_type(collection, columns)
                self._groups[name] = types[0]
                self.made_of |= {type_name(one): name for one in types}
            group: Any = self._groups[name]
            return list[group], _searchable(collection, group_arguments(name, wanted, columns))
        elif not collection.singleton:
            says = f"The item's `{key.name}`."
            return collection.cls, [argument("id", key.kind.annotation, says)]
        return collection.cls, []

    def _target(self, placed: Placed, form: Any) -> Collection:
        bare = inner = placed.inner
        if form is not None:
            bare = typing.get_args(inner)[0] if typing.get_origin(inner) is form else None
        found = self.by_class.get(bare)
        if found is None:
            shape = "Collection" if form is None else f"{form.__name__}[Collection]"
            raise placed.wrong(
                f"annotate it `{shape} | None`, with a class of a collection that the domain lists "
                "among its `collections`."
            )
        return found

    def _relation_arguments(self, cls: type, field: Any) -> list[StrawberryArgument]:
        relation = self.by_class[cls].relations[field_name(field)]
        if not relation.many:
            return []
        if relation.any:
            return page_arguments()
        arguments = list_arguments(*self._filters[relation.targets[0]])
        if relation.through is not None:  # words are sought in the junction's own fields
            return _without_search(arguments)
        return _searchable(relation.to[0], arguments)

    def _check_match(self, placed: Placed, binding: MatchedItem, target: Collection) -> None:
        if target.collection != binding.collection:
            raise placed.wrong(
                f"{target.name} shows the collection {target.collection}, not {binding.collection}."
            )
        entity = self._entity(placed.cls)
        if entity is None or (not binding.key and len(entity.key) != 1):
            raise placed.wrong("the key of this entity has several columns; say which one: key=….")
        if binding.key and binding.key not in entity.attributes:
            known = ", ".join(sorted(entity.attributes))
            raise placed.wrong(f"{binding.key!r} is not a column of this entity; it has {known}.")


def _searchable(
    collection: Collection, arguments: list[StrawberryArgument]
) -> list[StrawberryArgument]:
    """Without `search` where it would look into a field that needs a permission."""
    hides = len(opened(collection)[0]) < len(collection.columns)
    return _without_search(arguments) if hides else arguments


def _without_search(arguments: list[StrawberryArgument]) -> list[StrawberryArgument]:
    return [one for one in arguments if one.python_name != "search"]
