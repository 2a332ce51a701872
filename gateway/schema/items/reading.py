"""What a class of a collection binds: its values, relations and key, by their GraphQL names."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Union

from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import requirements_of
from gateway.schema.bindings import Bound
from gateway.schema.definitions import field_name, fields_of, type_name
from gateway.schema.items.bindings import (
    AssetField,
    CollectionOptions,
    ItemField,
    ItemLink,
    LocalRowField,
)
from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation
from gateway.schema.items.kinds import item_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.places import Placed


def read_collections(
    classes: Mapping[type, Iterable[Placed]], entity: Callable[[Any], EntityInfo | None]
) -> dict[type, Collection]:
    """What the classes bind. `classes`: their bound fields; `entity` finds that of a class.

    Raises ConfigurationError naming the field that is wrong.
    """
    known: dict[str, Collection] = {}
    found: dict[type, Collection] = {}
    for cls, fields in classes.items():
        for one in fields_of(cls):
            if not isinstance(one, Bound):
                raise ConfigurationError(
                    f"{cls.__name__}.{one.python_name}: a class of a collection has only fields "
                    "bound to its source."
                )
        members = _Members()
        for placed in fields:
            members.add(placed, classes, known, entity)
        found[cls] = known[type_name(cls)] = members.collection(cls)
    return found


def opened(
    collection: Collection,
) -> tuple[Mapping[str, ItemColumn], Mapping[str, ItemRelation]]:
    """What anybody may filter, sort, group by and write: nothing that needs a permission."""
    guarded = {
        field_name(one)
        for one in fields_of(collection.cls)
        if one.permission_classes or requirements_of(one.directives or ())
    }
    return (
        {name: one for name, one in collection.columns.items() if name not in guarded},
        {
            name: one
            for name, one in collection.relations.items()
            if name not in guarded and not any(_asks(target.cls) for target in one.to)
        },
    )


def _asks(cls: type) -> bool:
    """Whether a type asks something of a viewer."""
    definition = cls.__strawberry_definition__  # type: ignore[attr-defined]  # Strawberry sets it
    return bool(requirements_of(definition.directives or ()))


@dataclass(slots=True)
class _Members:
    """What the fields of a class are bound to, by their GraphQL names."""

    columns: dict[str, ItemColumn] = field(default_factory=dict)
    relations: dict[str, ItemRelation] = field(default_factory=dict)
    locals: dict[str, tuple[str, str]] = field(default_factory=dict)
    assets: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        placed: Placed,
        classes: Mapping[type, Any],
        known: Mapping[str, Collection],
        entity: Callable[[Any], EntityInfo | None],
    ) -> None:
        """Take over one field. Raises ConfigurationError."""
        name, inner = field_name(placed.field), placed.inner
        match placed.binding:
            case ItemField(field=own, readonly=readonly):
                own = own or placed.field.python_name.rstrip("_")
                kind, says = item_kind(inner, placed.where), placed.field.description
                self.columns[name] = ItemColumn(name, own, kind, placed.nullable, readonly, says)
            case ItemLink() as link:
                self.relations[name] = _relation(name, placed, link, classes, known)
            case LocalRowField(field=own):
                row = entity(inner)
                if row is None or len(row.key) != 1:
                    raise placed.wrong(
                        "annotate it with an entity of the domain that has one key column."
                    )
                self.locals[name] = (own, row.name)
            case AssetField(field=own):
                if inner is not str:
                    raise placed.wrong("annotate it `str | None`.")
                self.assets[name] = own

    def collection(self, cls: type) -> Collection:
        """All of them together. Raises ConfigurationError where they do not add up."""
        options: CollectionOptions = vars(cls)["__plait_collection__"]
        values = {one.field for one in self.columns.values()}
        values |= {own for own, _ in self.locals.values()}
        for relation in self.relations.values():
            if relation.field in values:
                raise ConfigurationError(
                    f"{cls.__name__}: field {relation.field!r} is bound as a value and as a "
                    "relation; it can be asked for as one of them only."
                )
        key = next((one for one in self.columns.values() if one.field == options.key), None)
        if key is None:
            raise ConfigurationError(f"{cls.__name__}: its key {options.key!r} has no field.")
        return Collection(
            type_name(cls),
            options.collection,
            options.source,
            cls,
            key,
            options.key_type,
            self.columns,
            self.relations,
            self.locals,
            self.assets,
            options.singleton,
            options.files,
        )


def _relation(
    name: str,
    placed: Placed,
    link: ItemLink,
    classes: Mapping[type, Any],
    known: Mapping[str, Collection],
) -> ItemRelation:
    element = placed.inner
    if link.many:
        if typing.get_origin(element) is not list:
            raise placed.wrong("annotate it `list[Collection] | None`.")
        (element,) = typing.get_args(element)
    targets = _united(element)
    if len(targets) > 1 and not link.any:
        raise placed.wrong("a union needs directus_any(…).")
    for cls in targets:
        if cls not in classes:
            raise placed.wrong(
                f"{cls!r} is no class of a collection that the domain lists among its "
                "`collections`."
            )
    return ItemRelation(
        name,
        link.field,
        tuple(type_name(cls) for cls in targets),
        link.many,
        placed.nullable,
        link.through,
        any=link.any,
        nested=link.nested,
        known=known,
    )


def _united(annotation: Any) -> tuple[Any, ...]:
    """The classes of a union, or the one class."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in {Union, types.UnionType}:
        return typing.get_args(annotation)
    return (annotation,)
