"""Hypothesis strategies for `where` and `orderBy`, as JSON, over values the zoo's columns hold."""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from graphql import GraphQLInputObjectType, get_named_type
from hypothesis import strategies as st
from toy.rows import ROWS
from toy.values import LOST, shown

from gateway.schema.columns.scalars import write_duration
from gateway.schema.lists.patterns import PARTS

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo

_PATTERNS = ["%", "", "%a%", "A%", "_o", "%\\_%", "a_a", "%\\%%", "ada", "ADA", "%ß%", "%E"]
_PARTS = ["", "%", "_", "\\", "a", "A_", "a%", "%\\", "ada", "DA", "ß", "E"]
_JSON = [[], {}, {"a": 1}, [1], "text", {"a": {"c": True}}, {"y": [{"k": "v\t"}]}, ["x"], 1]
_PATHS = ["a", "a c", "b 0", "b -1", "b 9", "0", "-1", "y 0 k", "ccc", "x", "nope a"]
_DIRECTIONS = ["ASC", "DESC", "ASC_NULLS_FIRST", "DESC_NULLS_FIRST"]


def pool(info: ColumnInfo) -> list[Any]:
    """The values in a column that a client may send, as JSON."""
    found = []
    for row in ROWS[info.column.table.name]:
        value = row[info.column.name]
        seen = shown(info, value)
        if seen is not None and seen is not LOST:
            found.append(as_input(info, value))
    return found


def as_input(info: ColumnInfo, value: Any) -> Any:
    """A stored value as a client writes it."""
    if isinstance(value, list):
        return [as_input(info, part) for part in value]
    labels = (info.kind.item or info.kind).labels
    if labels:
        return dict(labels)[value]
    return _written(info, value)


def _written(info: ColumnInfo, value: Any) -> Any:  # noqa: PLR0911 - a table, row by row
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dt.timedelta):
        return write_duration(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    wide = (info.kind.item or info.kind).name in {"BigInt", "IntID"}
    return str(value) if wide else value


@st.composite
def wheres(draw: DrawFn, catalog: Catalog, entity: EntityInfo, depth: int = 3) -> dict[str, Any]:
    """A `<Entity>Where`."""
    type_ = catalog.schema.type_map[f"{entity.name}Where"]
    assert isinstance(type_, GraphQLInputObjectType)
    names = [name for name in type_.fields if depth > 0 or name in entity.columns]
    chosen = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    return {name: draw(_member(catalog, entity, name, depth)) for name in chosen}


def _member(catalog: Catalog, entity: EntityInfo, name: str, depth: int) -> SearchStrategy[Any]:
    if name in {"and", "or"}:
        return st.lists(wheres(catalog, entity, depth - 1), max_size=3)
    if name == "not":
        return wheres(catalog, entity, depth - 1)
    if name in entity.columns:
        return _operators(catalog, entity, name)
    relation = entity.relations[name]
    inner = wheres(catalog, catalog.entities[relation.target], depth - 1)
    if not relation.many:
        return inner
    some = st.dictionaries(st.sampled_from(["some", "every", "none"]), inner, max_size=2)
    operators = st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"])
    count = st.dictionaries(operators, st.integers(-1, 3), max_size=2)
    number = st.fixed_dictionaries({"count": count}) | st.just({})
    return st.builds(lambda given, more: {**given, **more}, some, number)


@st.composite
def _operators(draw: DrawFn, catalog: Catalog, entity: EntityInfo, name: str) -> dict[str, Any]:
    info = entity.columns[name]
    where: Any = catalog.schema.type_map[f"{entity.name}Where"]
    filters: Any = get_named_type(where.fields[name].type)
    chosen = draw(st.lists(st.sampled_from(sorted(filters.fields)), max_size=2, unique=True))
    return {operator: draw(_operand(info, operator)) for operator in chosen}


def _operand(info: ColumnInfo, operator: str) -> SearchStrategy[Any]:  # noqa: PLR0911 - a table, row by row
    if operator == "isNull":
        return st.booleans()
    if operator in {"like", "ilike"}:
        return st.sampled_from(_PATTERNS)
    if operator in PARTS and info.kind.item is None and info.kind.name != "JSON":
        return st.sampled_from(_PARTS)
    if operator == "hasKey":
        return st.sampled_from(["a", "y", "text", "x", ""])
    if operator == "path":
        return st.lists(_at_path(), max_size=2)
    values = pool(info)
    if info.kind.name == "JSON":
        return st.sampled_from([*_JSON, *values])
    if info.kind.item is not None:
        items = [item for value in values for item in value]
        some = st.lists(st.sampled_from(items), max_size=3) if items else st.just([])
        return st.sampled_from(values) | some
    one = st.sampled_from(values)
    return st.lists(one, max_size=4) if operator in {"in", "notIn"} else one


@st.composite
def _at_path(draw: DrawFn) -> dict[str, Any]:
    scalars = st.sampled_from([1, 2, 0.5, "x", "", "v\t"])
    values = scalars | st.sampled_from([True, [1], {"c": True}, []])
    operators = {
        **dict.fromkeys(["eq", "ne", "contains"], values),
        **dict.fromkeys(["lt", "lte", "gt", "gte"], scalars),
        **dict.fromkeys(["like", "ilike"], st.sampled_from(["%", "X", "v_"])),
        **dict.fromkeys(PARTS.keys() - {"contains"}, st.sampled_from(["", "X", "v", "\t", "_"])),
        **dict.fromkeys(["exists", "isNull"], st.booleans()),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(operators)), max_size=2, unique=True))
    condition: dict[str, Any] = {name: draw(operators[name]) for name in chosen}
    return {"at": draw(st.sampled_from(_PATHS)).split(), **condition}


@st.composite
def orders(draw: DrawFn, catalog: Catalog, entity: EntityInfo) -> list[dict[str, Any]]:
    """An `orderBy`."""
    return draw(st.lists(_order(catalog, entity, 2), max_size=3))


@st.composite
def _order(draw: DrawFn, catalog: Catalog, entity: EntityInfo, depth: int) -> dict[str, Any]:
    type_: Any = catalog.schema.type_map[f"{entity.name}OrderBy"]
    names = [name for name in type_.fields if depth > 0 or name in entity.columns]
    name = draw(st.sampled_from(names))
    if name in entity.columns:
        return {name: draw(st.sampled_from(_DIRECTIONS))}
    relation = entity.relations[name]
    target = catalog.entities[relation.target]
    if relation.many:
        ways = [{"count": way} for way in _DIRECTIONS] + [
            {function: {column: way}}
            for function in ("min", "max")
            for column in catalog.aggregates[target.name].keys
            for way in _DIRECTIONS
        ]
        return {name: draw(st.sampled_from(ways))}
    return {name: draw(_order(catalog, target, depth - 1))}
