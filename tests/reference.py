"""The other way to the same answer: plain graphql-core over rows in memory, a field at a time.

Knows the schema and its catalog, and nothing of planning, execution or SQL. Slow and obvious.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    default_field_resolver,
    execute,
    get_argument_values,
    parse,
)
from strawberry.exceptions import StrawberryGraphQLError
from toy.predicates import holds, ordered
from toy.values import LOST, as_text, rank, shown, taken

from gateway.errors import Code, PlaitError
from gateway.execution.context import Reference
from gateway.schema import bindings as b
from gateway.schema import opaque
from gateway.schema.build import build
from gateway.schema.lists.orders import cursor_head
from gateway.schema.lists.shapes import order_of
from gateway.schema.state.fields import StateValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import GraphQLResolveInfo
    from toy.store import Row, Store

    from gateway.schema.catalog import EntityInfo, FieldInfo
    from gateway.schema.domain import Domain
    from gateway.viewer import Viewer

_ROW = "_row"


@dataclass(frozen=True)
class Context:
    """What resolvers find in `info.context`; guarded planned fields turn to `walk`."""

    viewer: Viewer
    walk: PlainApi


@dataclass(frozen=True)
class PlainAnswer:
    """`data` is the text of the response's data; `errors` are (code, path)."""

    data: bytes
    errors: list[tuple[str, tuple[str | int, ...]]]


class PlainApi:
    """A domain whose every field is resolved by itself, from a store that the test loads."""

    def __init__(self, domain: Domain, counters: Mapping[str, bytes], page: int) -> None:
        self.api = build(domain, incremental=False)
        self.catalog = self.api.catalog
        self.counters = counters
        self.page_size = page
        self.store: Store
        for type_ in self.catalog.schema.type_map.values():
            if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
                self._install(type_)

    async def answer(self, document: str, variables: dict[str, Any], viewer: Viewer) -> PlainAnswer:
        """Execute a valid document."""
        result: Any = execute(
            self.catalog.schema,
            parse(document),
            context_value=Context(viewer, self),
            variable_values=variables,
        )
        if inspect.isawaitable(result):
            result = await result
        errors = [(_code(error), tuple(error.path or ())) for error in result.errors or ()]
        return PlainAnswer(orjson.dumps(result.data), errors)

    # Resolvers -------------------------------------------------------------------------------

    def _install(self, type_: GraphQLObjectType) -> None:
        for name, field in type_.fields.items():
            info = self.catalog.fields[type_.name, name]
            if type_.name in self.catalog.structures:
                field.resolve = lambda source, info: source[info.field_name]
            elif info.binding is None:
                field.resolve = self._dereferencing(field.resolve or default_field_resolver)
            elif not info.walked:
                field.resolve = lambda source, info, **_: self.resolve(source, info)

    def _dereferencing(self, resolver: Callable[..., Any]) -> Callable[..., Any]:
        """The resolver, with rows in the place of references."""

        def resolve(source: Any, info: Any, **arguments: Any) -> Any:
            result = resolver(source, info, **arguments)
            return later(result) if inspect.isawaitable(result) else self._dereferenced(result)

        async def later(result: Any) -> Any:
            return self._dereferenced(await result)

        return resolve

    def _dereferenced(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._dereferenced(part) for part in value]
        if not isinstance(value, Reference):
            return value
        entity = next(found for found in self.catalog.entities.values() if found.cls is value.cls)
        key = zip(entity.key, value.key, strict=True)
        return self._object(
            entity, self.store.find(entity, tuple(taken(c.column, part) for c, part in key))
        )

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        """The value of a field that is bound to something."""
        field = self.catalog.fields[info.parent_type.name, info.field_name]
        arguments = get_argument_values(
            info.parent_type.fields[info.field_name], info.field_nodes[0], info.variable_values
        )
        entity = self.catalog.entities.get(info.parent_type.name)
        if entity is None:
            return self._root(field, arguments)
        row = source.__dict__[_ROW]
        if isinstance(field.binding, b.ColumnBinding):
            column = entity.columns[field.name]
            value = shown(column, row[column.column.name])
            if value is LOST and not column.nullable:
                raise PlaitError("lost", code=Code.SOURCE_DATA)
            return None if value is LOST else value
        if isinstance(field.binding, b.NodeIdBinding):
            return self.node_id(entity, row)
        if isinstance(field.binding, StateValue):
            return self._counter(row)
        relation = entity.relations[field.name]
        target, rows = self.store.related(entity, row, relation)
        if relation.many:
            return self._page(target, rows, arguments)
        return self._object(target, rows[0] if rows else None)

    def _root(self, field: FieldInfo, arguments: Mapping[str, Any]) -> Any:
        if isinstance(field.binding, b.ByNodeId):
            decoded = opaque.decode(arguments["nodeId"])
            assert decoded is not None
            entity = self.catalog.entities[decoded[0]]
            rows = self.store.rows(entity)
            found = [row for row in rows if _key_texts(entity, row) == decoded[1]]
            return self._object(entity, found[0] if found else None)
        if isinstance(field.binding, b.ByKey):
            entity = self.catalog.entities[field.type_name]
            key = tuple(taken(info.column, arguments[info.name]) for info in entity.key)
            return self._object(entity, self.store.find(entity, key))
        nodes = self.catalog.fields[field.type_name, "nodes"]
        entity = self.catalog.entities[nodes.type_name]
        return self._page(entity, self.store.rows(entity), arguments)

    def node_id(self, entity: EntityInfo, row: Row) -> str:
        """The row's global id."""
        return opaque.encode(entity.name, _key_texts(entity, row))

    def _counter(self, row: Row) -> int:
        stored = self.counters.get(str(row["id"]), b"0").decode()
        if not stored.lstrip("-").isdecimal() or abs(int(stored)) >= 1 << 31:
            raise PlaitError("not an integer", code=Code.SOURCE_DATA)
        return int(stored)

    def _object(self, entity: EntityInfo, row: Row | None) -> Any:
        """The row as an instance of its class, with every column a resolver may need."""
        if row is None:
            return None
        made: Any = object.__new__(entity.cls)
        for name, info in entity.attributes.items():
            value = shown(info, row[info.column.name])
            made.__dict__[name] = None if value is LOST else value
        made.__dict__[_ROW] = row
        return made

    def _page(
        self, entity: EntityInfo, rows: Sequence[Row], arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        everything, cursors = self.cursors(entity, arguments.get("orderBy"))
        mine = {id(row) for row in rows}
        where = arguments.get("where")
        chosen = [
            place
            for place, row in enumerate(everything)
            if id(row) in mine and holds(self.store, entity, row, where)
        ]
        first_of: dict[tuple[Any, ...], int] = {}
        distinct = arguments.get("distinctOn") or ()
        columns = [entity.columns[getattr(name, "value", name)].column for name in distinct]
        for place in chosen:
            row = everything[place]
            same = tuple(None if row[of.name] is None else rank(of, row[of.name]) for of in columns)
            first_of.setdefault(same if columns else (place,), place)
        chosen = list(first_of.values())
        after, before = arguments.get("after"), arguments.get("before")
        window = [
            place
            for place in chosen
            if (after is None or place > cursors.index(after))
            and (before is None or place < cursors.index(before))
        ]
        first, last = arguments.get("first"), arguments.get("last")
        if last is None:
            size = self.page_size if first is None else first
            page = window[:size]
            previous, more = after is not None, len(window) > size
        else:
            page = window[-last:] if last else []
            previous, more = len(window) > last, before is not None
        nodes = [self._object(entity, everything[place]) for place in page]
        edges = [
            {"cursor": cursors[place], "node": node}
            for place, node in zip(page, nodes, strict=True)
        ]
        facts = {
            "hasNextPage": more,
            "hasPreviousPage": previous,
            "startCursor": cursors[page[0]] if page else None,
            "endCursor": cursors[page[-1]] if page else None,
        }
        return {"edges": edges, "nodes": nodes, "pageInfo": facts, "totalCount": len(chosen)}

    def cursors(
        self, entity: EntityInfo, order_by: list[Any] | None
    ) -> tuple[list[Row], list[str]]:
        """All rows of an entity in an order, and the cursor of each."""
        everything, keys = ordered(self.store, entity, self.store.rows(entity), order_by)
        head = cursor_head(entity, order_of(self.catalog, entity, order_by))
        return everything, [
            opaque.encode(head, tuple(as_text(value) for value in key)) for key in keys
        ]


def _key_texts(entity: EntityInfo, row: Row) -> tuple[str | None, ...]:
    return tuple(as_text(row[info.column.name]) for info in entity.key)


def _code(error: GraphQLError) -> str:
    original = error.original_error
    if isinstance(original, PlaitError):
        return original.code.value
    if isinstance(original, StrawberryGraphQLError):
        return Code.FORBIDDEN.value
    return Code.INTERNAL_SERVER_ERROR.value
