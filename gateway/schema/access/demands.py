"""What an operation and its arguments demand of a viewer.

Fields are found in the document, whatever the conditions and whoever gives their values. Of
arguments the columns and relations count that they name: who may not read a column may neither
filter nor order by it, nor write it, as the answer would tell what it holds.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

from gateway.schema.access.requirements import Requirement, Requirements
from gateway.schema.lists.shapes import columns_of
from gateway.schema.writes.operators import OPERATORS

if TYPE_CHECKING:
    from graphql import FragmentDefinitionNode, SelectionSetNode

    from gateway.schema.catalog import Aggregates, Catalog, ColumnInfo, EntityInfo, Relation
    from gateway.schema.lists.shapes import GroupShape, OrderKey, PageShape, WhereShape
    from gateway.schema.writes.written import NewRow, Write


class Demand(NamedTuple):
    """A part of an argument and what it asks for; `what` is how a refusal calls it."""

    what: str
    access: Requirements


# Fields ------------------------------------------------------------------------------------------


def demanded_by_fields(
    catalog: Catalog,
    root: str,
    selections: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> tuple[Requirement, ...]:
    """What the fields of an operation ask for, each once."""
    found: dict[Requirement, None] = {}
    seen: set[tuple[int, str]] = set()
    waiting: list[tuple[SelectionSetNode, str]] = [(selections, root)]
    while waiting:
        selection_set, type_name = waiting.pop()
        if (id(selection_set), type_name) in seen:
            continue
        seen.add((id(selection_set), type_name))
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                info = catalog.fields.get((type_name, node.name.value))
                if info is not None:
                    found.update(dict.fromkeys(info.access))
                if info is not None and node.selection_set is not None:
                    waiting += [(node.selection_set, name) for name in catalog.types_of(info)]
            elif isinstance(node, InlineFragmentNode):
                waiting.append((node.selection_set, type_name))
            elif isinstance(node, FragmentSpreadNode):
                waiting.append((fragments[node.name.value].selection_set, type_name))
    return tuple(found)


# Arguments ---------------------------------------------------------------------------------------


def demanded_by_page(catalog: Catalog, entity: EntityInfo, shape: PageShape) -> Iterator[Demand]:
    """Of a page's `where`, `orderBy`, `distinctOn` and `search`."""
    if shape.where is not None:
        yield from demanded_by_where(catalog, entity, shape.where, "where")
    yield from _of_order(catalog, entity, shape.order)
    for name in shape.distinct:
        yield from _of_field(catalog, entity, name, "distinctOn")
    if shape.search and entity.text is not None:
        for info in entity.columns.values():
            if info.column.name in entity.text.texts:
                yield from _of_field(catalog, entity, info.name, "search")


def demanded_by_groups(
    catalog: Catalog, aggregates: Aggregates, shape: GroupShape
) -> Iterator[Demand]:
    """Of the arguments of `groups`; what is selected of the groups is the affair of its fields."""
    (entity,) = (one for one in catalog.entities.values() if one.cls is aggregates.group.cls)
    for name in shape.by:
        column, _ = aggregates.keys[name]
        yield from _of_field(catalog, entity, column.name, "by")
    ordered = [key.column for key in shape.order]
    for name in [*ordered, *columns_of(shape.having)]:
        measure = aggregates.measures.get(name)
        if measure is not None and measure.column is not None:
            yield from _of_field(catalog, entity, measure.column.name, "groups")


def demanded_by_where(
    catalog: Catalog, entity: EntityInfo, shape: WhereShape, what: str
) -> Iterator[Demand]:
    """Of a condition on rows of an entity."""
    match shape:
        case ("all" | "any", parts):
            for part in parts:
                yield from demanded_by_where(catalog, entity, part, what)
        case ("not", part):
            yield from demanded_by_where(catalog, entity, part, what)
        case ("is" | "path", name, *_):
            yield from _of_field(catalog, entity, name, what)
        case ("one" | "some" | "every" | "none", name, inner):
            yield from _of_field(catalog, entity, name, what)
            target = catalog.entities[entity.relations[name].target]
            yield from demanded_by_where(catalog, target, inner, f"{what}.{name}")
        case ("count", name, _):
            yield from _of_field(catalog, entity, name, what)
        case _:
            raise TypeError(f"not a condition: {shape!r}")


def _of_order(catalog: Catalog, entity: EntityInfo, keys: Iterable[OrderKey]) -> Iterator[Demand]:
    for key in keys:
        place, column = entity, key.column
        for name in key.path:
            yield from _of_field(catalog, place, name, "orderBy")
            place = catalog.entities[place.relations[name].target]
        measure = catalog.aggregates[place.name].measures.get(column)
        if measure is not None and measure.column is not None:
            column = measure.column.name
        if column in place.columns:
            yield from _of_field(catalog, place, column, "orderBy")


def demanded_by_node(catalog: Catalog, entity: str) -> Iterator[Demand]:
    """Of a global id of this type."""
    if entity in catalog.types:
        yield Demand("nodeId", catalog.types[entity])


def demanded_by_key(
    catalog: Catalog, entity: EntityInfo, key: Iterable[ColumnInfo]
) -> Iterator[Demand]:
    """Of a reference to a row by these columns."""
    for info in key:
        yield from _of_field(catalog, entity, info.name, "representations")


# Writes ------------------------------------------------------------------------------------------


def demanded_by_write(catalog: Catalog, write: Write) -> Iterator[Demand]:
    """Of everything a write says: its condition, its new values, its children."""
    entity = write.entity
    if write.where is not None:
        yield from demanded_by_where(catalog, entity, write.where, "where")
    for what in ("set", *OPERATORS):
        given = [name for name in write.patch or () if write.operators.get(name, "set") == what]
        yield from _of_values(catalog, entity, given, what)
    for row in write.rows or ():
        yield from _of_row(catalog, entity, row, "input")
    if write.version is not None and write.version[1] is not None:
        yield from _of_values(catalog, entity, write.version[:1], "version")


def _of_row(catalog: Catalog, entity: EntityInfo, row: NewRow, what: str) -> Iterator[Demand]:
    yield from _of_values(catalog, entity, row.values, what)
    for relation, parent in row.parents:
        above = f"{what}.{relation.name}"
        yield from _of_nested(catalog, entity, relation, what)
        yield from _of_row(catalog, catalog.entities[relation.target], parent, above)
    for relation, rows in row.children:
        yield from _of_nested(catalog, entity, relation, what)
        target = catalog.entities[relation.target]
        for child in rows:
            yield from _of_row(catalog, target, child, f"{what}.{relation.name}")


def _of_nested(
    catalog: Catalog, entity: EntityInfo, relation: Relation, what: str
) -> Iterator[Demand]:
    """Of rows inserted along: what the relation asks for, and their own insert, if there is one."""
    yield from _of_field(catalog, entity, relation.name, what)
    if relation.target in catalog.inserts:
        insert = catalog.fields["Mutation", catalog.inserts[relation.target]]
        yield Demand(f"{what}.{relation.name}", insert.access)


def _of_values(
    catalog: Catalog, entity: EntityInfo, values: Container[str], what: str
) -> Iterator[Demand]:
    """A column asks for what any field asks for that shows it, or that it is the reference of."""
    for info in entity.columns.values():
        if info.column.name in values:
            yield from _of_field(catalog, entity, info.name, what)
    for relation in entity.relations.values():
        if not relation.many and any(own in values for own, _ in relation.pairs):
            yield from _of_field(catalog, entity, relation.name, what)


def _of_field(catalog: Catalog, entity: EntityInfo, name: str, what: str) -> Iterator[Demand]:
    info = catalog.fields.get((entity.name, name))
    if info is not None and info.access:
        yield Demand(f"{what}.{name}", info.access)
