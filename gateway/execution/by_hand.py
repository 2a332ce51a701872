"""Objects of entities that Python resolvers give: made by hand, or the object they were called on.

What such an object holds is answered as it is; what is asked beyond that is read by its key, as
though the resolver had returned a reference (`Walk.complete`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import is_non_null_type
from strawberry import ID

from gateway.errors import PlaitError
from gateway.execution.objects import ROW, object_of
from gateway.schema.bindings import ColumnBinding
from gateway.schema.columns.tables import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from graphql import GraphQLResolveInfo
    from graphql.pyutils import Path

    from gateway.execution.context import Reference
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.columns import kinds
    from gateway.schema.selection import Field

GIVEN = "__plait_given__"
"""The attribute that holds what a resolver said of the row, by field."""
PLACE = "__plait_place__"
"""The attribute that tells for which place of the answer an object was made."""


def entity_of(
    catalog: Catalog, type_: Any, value: Any, info: GraphQLResolveInfo[Any], path: Path
) -> EntityInfo | None:
    """The entity whose object a resolver gave for this place; None for what is complete."""
    named = type_.of_type if is_non_null_type(type_) else type_
    name = getattr(named, "name", "")  # a list has none: its entries come here one by one
    entity, possible = catalog.entities.get(name), catalog.possible.get(name, ())
    if (entity is None and not possible) or value is None or isinstance(value, Exception):
        return None
    if not catalog.gives_python(catalog.fields[info.parent_type.name, info.field_name]):
        return None
    if getattr(value, "__dict__", {}).get(PLACE) is path:
        return None
    found = (catalog.entities[one] for one in sorted(possible) if one in catalog.entities)
    return entity or next((one for one in found if held_by(one, value) is not None), None)


def referred(catalog: Catalog, reference: Reference, info: GraphQLResolveInfo[Any]) -> EntityInfo:
    """The entity that a resolver refers to. Raises PlaitError for another, or a wrong key."""
    field = catalog.fields[info.parent_type.name, info.field_name]
    found = [catalog.entities[one] for one in catalog.types_of(field) if one in catalog.entities]
    name = reference.cls.__name__
    for entity in found:
        if entity.cls is reference.cls and len(entity.key) == len(reference.key):
            return entity
    right = [f"reference({one.cls.__name__}, {_named(one)})" for one in found]
    raise PlaitError(
        f"{info.parent_type}.{info.field_name} returned a reference to {name} by a key of "
        f"{len(reference.key)}; right would be {' or '.join(right)}."
    )


def _named(entity: EntityInfo) -> str:
    return ", ".join(part.name for part in entity.key)


def held_by(entity: EntityInfo, value: object) -> dict[str, Any] | None:
    """What an object that a resolver returned says of a row, by attribute.

    None where it stands for no row of the entity. Raises InputError for what is no such label.
    """
    columns = entity.attributes
    if isinstance(value, entity.cls):
        ours = {ROW, GIVEN, PLACE}
        held = {name: part for name, part in vars(value).items() if name not in ours}
    else:
        values = values_of(value, entity.table)
        if values is None:
            return None
        named = {attribute: info.column.name for attribute, info in columns.items()}
        held = {attribute: values[name] for attribute, name in named.items() if name in values}
    return {
        name: _told(columns[name].kind, part, name) if name in columns else part
        for name, part in held.items()
    }


def _told(kind: kinds.Kind, value: Any, name: str) -> Any:
    """The value of a column as `native` has it, where a resolver may have another for the same."""
    if value is None:
        return None
    if kind.item is not None and isinstance(value, list | tuple):
        return [_told(kind.item, part, name) for part in value]
    if kind.labels:
        return kind.annotation[dict(kind.labels)[kind.bind(value, name)]]
    return str(value) if kind.annotation is ID else value


def made(
    place: Path, entity: EntityInfo, row: dict[str, Any], held: dict[str, Any] | None = None
) -> Any:
    """The object for a place that a resolver gave: a row's, where what it `held` is so."""
    one = object_of(entity, row)
    one.__dict__[PLACE] = place
    if held is not None:
        one.__dict__ |= held
        attributes = entity.attributes.items()
        one.__dict__[GIVEN] = {
            info.name: held[attribute] for attribute, info in attributes if attribute in held
        }
    return one


def holds(entity: EntityInfo, held: Mapping[str, Any], asked: Iterable[Field]) -> bool:
    """Whether an object that holds so much has all that is asked of it."""
    fields = {info.name for attribute, info in entity.attributes.items() if attribute in held}
    for field in asked:
        if isinstance(field.binding, ColumnBinding):
            if field.name not in fields:
                return False
        elif field.info is not None and not (
            field.info.plain and held.keys() >= {*field.info.needs}
        ):
            return False
    return True


def key_of(entity: EntityInfo, held: Mapping[str, Any], where: str) -> list[Any]:
    """The key that an object holds; `where`: the field that gave it. Raises PlaitError."""
    key, missing = [], []
    for part in entity.key:
        names = [name for name, info in entity.attributes.items() if info.column is part.column]
        known = [held[name] for name in names if held.get(name) is not None]
        key += known[:1]
        missing += [] if known else names[:1]
    if missing:
        name = entity.cls.__name__
        raise PlaitError(
            f"{where} returned an object of {name} that does not hold its key "
            f"({', '.join(missing)}), by which the rest of it is read. Give it that, or return "
            f"`reference({name}, …)`; `self` holds what the resolver's `needs` name."
        )
    return key


def no_row(entity: EntityInfo, value: object, where: str) -> PlaitError:
    """The error of an object that stands for no row of the entity."""
    name = entity.cls.__name__
    return PlaitError(
        f"{where} returned an object of {type(value).__name__}; return one of {name}, or of a "
        f"class mapped to its table, or `reference({name}, …)`."
    )
