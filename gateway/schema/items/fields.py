"""Settles the fields bound to items: what classes say of collections, types and arguments."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Union

from graphql import GraphQLUnionType

from gateway.errors import ConfigurationError
from gateway.schema.access import requirements_of
from gateway.schema.arguments import argument
from gateway.schema.bindings import Bound
from gateway.schema.definitions import field_name, fields_of, type_name
from gateway.schema.entities import optional
from gateway.schema.items.bindings import (
    ITEM_FIELDS,
    AssetField,
    CollectionOptions,
    ItemField,
    ItemGrouping,
    ItemGroups,
    ItemLink,
    ItemListing,
    Items,
    ItemWriteField,
    LocalRowField,
    MatchedItem,
)
from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation
from gateway.schema.items.inputs import WriteTypes
from gateway.schema.items.kinds import item_kind
from gateway.schema.items.types import CollectionTypes, list_arguments, page_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import GraphQLSchema
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.inputs import Inputs


class CollectionFields:
    """The collections of one schema. `entity` finds the entity of the domain a class stands for."""

    def __init__(
        self,
        classes: Sequence[type],
        inputs: Inputs,
        entity: Callable[[Any], EntityInfo | None],
    ) -> None:
        self._classes = classes
        self._inputs = inputs
        self._entity = entity
        self._filters: dict[str, tuple[type, type]] = {}
        self._lists: dict[str, type] = {}
        self._groups: dict[str, list[type]] = {}
        self.by_class: dict[type, Collection] = {}
        self._by_name: dict[str, Collection] = {}
        self._writes = WriteTypes(inputs, self._open)

    @property
    def made_of(self) -> dict[str, str]:
        """Every generated type → the collection's type whose items it shows."""
        return {
            type_name(made): name
            for name, several in [
                *((name, [one]) for name, one in self._lists.items()),
                *self._groups.items(),
            ]
            for made in several
        }

    def read(self, hints: Mapping[type, Mapping[str, Any]]) -> None:
        """Learn what the classes bind, and declare their inputs. Raises ConfigurationError."""
        for cls in self._classes:
            one = self.by_class[cls] = self._collection(cls, hints[cls])
            self._by_name[one.name] = one
        for one in self.by_class.values():
            self._filters[one.name] = self._types.declare(one.name, *self._open(one))

    @cached_property
    def _types(self) -> CollectionTypes:
        """Makes the types, and some at once, so not where there is no collection."""
        return CollectionTypes(self._inputs)

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

    def filter_of(self, collection: Collection) -> type:
        """`<Type>Filter`."""
        return self._filters[collection.name][0]

    def settle(self, field: Bound, cls: type, inner: Any, *, nullable: bool, writes: bool) -> None:
        """Give a field its type and arguments; `writes`: it is one of a mutation.

        Raises ConfigurationError naming the field.
        """
        where = f"{cls.__name__}.{field.python_name}"
        binding = field.binding
        if isinstance(binding, ITEM_FIELDS) and cls not in self.by_class:
            raise ConfigurationError(f"{where}: this belongs on a class of a collection.")
        if isinstance(binding, ItemField | AssetField):
            field.settle(inner | None if nullable else inner, [])
            return
        if isinstance(binding, ItemLink):
            field.settle(inner | None, self._relation_arguments(cls, field))
            return
        if not nullable:
            raise ConfigurationError(f"{where}: a field of items must be `… | None`.")
        if isinstance(binding, LocalRowField):
            field.settle(inner | None, [])
            return
        if isinstance(binding, ItemWriteField):
            if not writes:
                raise ConfigurationError(f"{where}: a field that writes is one of @mutations.")
            self._settle_write(field, binding, inner, where)
            return
        form = {ItemListing: Items, ItemGrouping: ItemGroups}.get(type(binding))
        target = self._target(inner, form, where)
        if isinstance(binding, MatchedItem):
            self._check_match(cls, binding, target, where)
        made, arguments = self._root(binding, target)
        field.settle(made | None, arguments)

    def _settle_write(self, field: Bound, binding: ItemWriteField, inner: Any, where: str) -> None:
        collection = self._target(inner, list if binding.many else None, where)
        if collection.singleton or (binding.verb == "upload" and not collection.files):
            what = (
                "a class of the collection of files" if binding.verb == "upload" else "no singleton"
            )
            raise ConfigurationError(f"{where}: this writes {what}.")
        field.settle(inner | None, self._writes.arguments(binding, collection))

    def _root(self, binding: Any, collection: Collection) -> tuple[Any, list[StrawberryArgument]]:
        if isinstance(binding, MatchedItem):
            return collection.cls, []
        name = collection.name
        made, sort = self._filters[name]
        if isinstance(binding, ItemListing):
            if name not in self._lists:
                self._lists[name] = self._types.list_type(collection)
            return self._lists[name], self._open_arguments(collection, list_arguments(made, sort))
        if isinstance(binding, ItemGrouping):
            columns = _sortable(self._open(collection)[0])
            if name not in self._groups:
                self._groups[name] = self._types.group_type(collection, columns)
            given = self._types.group_arguments(name, made, columns)
            return list[self._groups[name][0]], self._open_arguments(collection, given)  # type: ignore[misc]  # made at run time
        key = collection.key
        says = f"The item's `{key.name}`."
        arguments = [] if collection.singleton else [argument("id", key.kind.annotation, says)]
        return collection.cls, arguments

    def _target(self, inner: Any, form: Any, where: str) -> Collection:
        bare = inner
        if form is not None:
            bare = typing.get_args(inner)[0] if typing.get_origin(inner) is form else None
        found = self.by_class.get(bare)
        if found is None:
            shape = "Collection" if form is None else f"{form.__name__}[Collection]"
            raise ConfigurationError(
                f"{where}: annotate it `{shape} | None`, with a class of a collection "
                "that the domain lists among its `collections`."
            )
        return found

    def _relation_arguments(self, cls: type, field: Bound) -> list[StrawberryArgument]:
        relation = self.by_class[cls].relations[field_name(field)]
        if not relation.many:
            return []
        if relation.any:
            return page_arguments()
        arguments = list_arguments(*self._filters[relation.targets[0]])
        if relation.through is not None:  # words are sought in the junction's own fields
            return _without_search(arguments)
        return self._open_arguments(relation.to[0], arguments)

    def _open_arguments(
        self, collection: Collection, arguments: list[StrawberryArgument]
    ) -> list[StrawberryArgument]:
        """Without `search` where it would look into a field that needs a permission."""
        hides = len(self._open(collection)[0]) < len(collection.columns)
        return _without_search(arguments) if hides else arguments

    # What a class says --------------------------------------------------------------------------

    def _collection(self, cls: type, hints: Mapping[str, Any]) -> Collection:
        options: CollectionOptions | None = vars(cls).get("__plait_collection__")
        if options is None:
            raise ConfigurationError(
                f"{cls.__name__} is listed as a collection; decorate it with "
                '@directus_collection("name").'
            )
        members = _Members()
        for field in fields_of(cls):
            self._read_field(members, cls, field, hints[field.python_name])
        key = members.key(cls.__name__, options.key)
        return Collection(
            type_name(cls),
            options.collection,
            options.source,
            cls,
            key,
            options.key_type,
            members.columns,
            members.relations,
            members.locals,
            members.assets,
            options.singleton,
            options.files,
        )

    def _read_field(self, members: _Members, cls: type, field: Any, hint: Any) -> None:
        where = f"{cls.__name__}.{field.python_name}"
        if not isinstance(field, Bound):
            raise ConfigurationError(
                f"{where}: a class of a collection has only fields bound to its source."
            )
        name = field_name(field)
        binding = field.binding
        inner, nullable = optional(hint)
        if isinstance(binding, ItemField):
            own = binding.field or field.python_name.rstrip("_")
            kind = item_kind(inner, where)
            members.columns[name] = ItemColumn(
                name, own, kind, nullable, binding.readonly, field.description
            )
        elif isinstance(binding, ItemLink):
            relation = self._relation(name, binding, inner, where, nullable=nullable)
            members.relations[name] = relation
        elif isinstance(binding, LocalRowField):
            members.locals[name] = (binding.field, self._local(inner, where))
        elif isinstance(binding, AssetField):
            if inner is not str or not nullable:
                raise ConfigurationError(f"{where}: annotate it `str | None`.")
            members.assets[name] = binding.field
        else:
            raise ConfigurationError(f"{where}: it is not bound to a field of an item.")

    def _relation(
        self, name: str, binding: ItemLink, inner: Any, where: str, *, nullable: bool
    ) -> ItemRelation:
        element = inner
        if binding.many:
            if typing.get_origin(inner) is not list:
                raise ConfigurationError(f"{where}: annotate it `list[Collection] | None`.")
            (element,) = typing.get_args(inner)
        if not nullable:
            raise ConfigurationError(f"{where}: a relation must be `… | None`.")
        classes = _members(element)
        if len(classes) > 1 and not binding.any:
            raise ConfigurationError(f"{where}: a union needs directus_any(…).")
        for cls in classes:
            if cls not in self._classes:
                raise ConfigurationError(
                    f"{where}: {cls!r} is no class of a collection that the domain lists "
                    "among its `collections`."
                )
        targets = tuple(type_name(cls) for cls in classes)
        return ItemRelation(
            name,
            binding.field,
            targets,
            binding.many,
            nullable,
            binding.through,
            any=binding.any,
            nested=binding.nested,
            known=self._by_name,
        )

    def _local(self, inner: Any, where: str) -> str:
        entity = self._entity(inner)
        if entity is None or len(entity.key) != 1:
            raise ConfigurationError(
                f"{where}: annotate it with an entity of the domain that has one key column."
            )
        return entity.name

    def _check_match(self, cls: type, binding: MatchedItem, target: Collection, where: str) -> None:
        if target.collection != binding.collection:
            raise ConfigurationError(
                f"{where}: {target.name} shows the collection {target.collection}, not "
                f"{binding.collection}."
            )
        entity = self._entity(cls)
        if entity is None or (not binding.key and len(entity.key) != 1):
            raise ConfigurationError(
                f"{where}: directus_item() belongs on an entity; where its key has several "
                "columns, say which one: key=…."
            )
        if binding.key and binding.key not in entity.attributes:
            raise ConfigurationError(
                f"{where}: {binding.key!r} is not a column of this entity; it has "
                f"{', '.join(sorted(entity.attributes))}."
            )

    def _open(
        self, collection: Collection
    ) -> tuple[Mapping[str, ItemColumn], Mapping[str, ItemRelation]]:
        """What anybody may filter, sort and group by: nothing that needs a permission."""
        guarded = {
            field_name(field)
            for field in fields_of(collection.cls)
            if field.permission_classes or requirements_of(field.directives or ())
        }
        closed = {
            one.name
            for one in self.by_class.values()
            if requirements_of(_definition(one.cls).directives or ())
        }
        return (
            {name: one for name, one in collection.columns.items() if name not in guarded},
            {
                name: one
                for name, one in collection.relations.items()
                if name not in guarded and closed.isdisjoint(one.targets)
            },
        )


@dataclass(slots=True)
class _Members:
    """What the fields of a class are bound to, by their GraphQL names."""

    columns: dict[str, ItemColumn] = dataclasses.field(default_factory=dict)
    relations: dict[str, ItemRelation] = dataclasses.field(default_factory=dict)
    locals: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    assets: dict[str, str] = dataclasses.field(default_factory=dict)

    def key(self, cls: str, name: str) -> ItemColumn:
        """The column of the key. Raises ConfigurationError where the class does not add up."""
        values = {one.field for one in self.columns.values()}
        values |= {field for field, _ in self.locals.values()}
        for relation in self.relations.values():
            if relation.field in values:
                raise ConfigurationError(
                    f"{cls}: field {relation.field!r} is bound as a value and as a "
                    "relation; it can be asked for as one of them only."
                )
        key = next((one for one in self.columns.values() if one.field == name), None)
        if key is None:
            raise ConfigurationError(f"{cls}: its key {name!r} has no field.")
        return key


def _without_search(arguments: list[StrawberryArgument]) -> list[StrawberryArgument]:
    return [one for one in arguments if one.python_name != "search"]


def _definition(cls: type) -> Any:
    return cls.__strawberry_definition__  # type: ignore[attr-defined]  # Strawberry sets it


def _sortable(columns: Mapping[str, ItemColumn]) -> dict[str, ItemColumn]:
    return {name: one for name, one in columns.items() if one.kind.sortable}


def _members(annotation: Any) -> tuple[Any, ...]:
    """The classes of a union, or the one class."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in {Union, types.UnionType}:
        return typing.get_args(annotation)
    return (annotation,)
