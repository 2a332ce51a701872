"""Join the domain's classes into one Strawberry schema and the catalog of what is bound to what."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import strawberry.federation
from graphql import is_abstract_type
from strawberry.schema.config import StrawberryConfig

from gateway.schema import bindings as b
from gateway.schema.access.guards import check_synced, field_infos, type_requirements
from gateway.schema.access.requirements import Authority
from gateway.schema.arguments import arguments_for
from gateway.schema.catalog import Aggregates, Catalog, ColumnInfo, EntityInfo, Relation
from gateway.schema.checks import check_field
from gateway.schema.columns.scalars import SCALARS
from gateway.schema.definitions import guarded, type_name
from gateway.schema.domain import Domain, check_classes
from gateway.schema.entities import read_entity
from gateway.schema.federation import bind_entities, bind_service, set_keys, told_to
from gateway.schema.items.bindings import ITEM_BINDINGS
from gateway.schema.items.fields import CollectionFields
from gateway.schema.lists.aggregates import aggregates_of, whole_list
from gateway.schema.lists.connection import Connection, Node, PageInfo, list_types
from gateway.schema.lists.inputs import Inputs, ListInputs, WriteInputs
from gateway.schema.named.binding import NamedSql
from gateway.schema.named.fields import NamedFields
from gateway.schema.named.keys import key_owner
from gateway.schema.named.statement import NamedStatement
from gateway.schema.places import NO_ENTITY, Place, Placed, placed_fields
from gateway.schema.roots import queries
from gateway.schema.state.fields import StateRoot, StateWrite, state_arguments
from gateway.schema.state.types import STRUCTURES, namespace_enum
from gateway.schema.subscriptions import (
    MESSAGE,
    Changes,
    Messages,
    change_arguments,
    change_type,
    live,
    message_arguments,
)
from gateway.schema.uploads import UPLOAD, Upload
from gateway.schema.upstreams.stitching import stitch
from gateway.schema.vectors.fields import VectorFields
from gateway.schema.vectors.payload_inputs import VectorInputs
from gateway.schema.vectors.write_fields import VectorWriteFields
from gateway.schema.vectors.write_types import VECTOR, Vector
from gateway.schema.vectors.writes import VectorChange
from gateway.schema.writes.insertable import check_columns, insert_fields, insertable
from gateway.schema.writes.mutations import WriteBinding, transaction
from gateway.turns import undisturbed

if TYPE_CHECKING:
    from graphql import GraphQLField
    from strawberry.types.arguments import StrawberryArgument

_ROOTS = (b.ByKey, b.Listing, WriteBinding)


@dataclass(frozen=True, slots=True)
class Api:
    """A built domain: the Strawberry schema and what its fields are bound to."""

    schema: strawberry.Schema
    catalog: Catalog
    key_owner: NamedStatement | None = None
    namespaces: Sequence[str] = ()


@queries
class NodeQueries:
    """The root field every API has."""

    node: Node | None = b.bound(b.ByNodeId(), {"description": "Any row, by its global id."})


@undisturbed()
def build(domain: Domain, *, executor: type | None = None, incremental: bool = True) -> Api:
    """Make the schema. Raises ConfigurationError naming the class and field that is wrong.

    `executor` is the execution context class for operations that graphql-core runs; `incremental`
    says that the schema has `@defer` and `@stream`.
    """
    return _Builder(domain).build(executor, incremental=incremental)


class _Builder:
    def __init__(self, domain: Domain) -> None:
        check_classes(domain)
        self.domain = domain
        self.names = {cls.__name__: cls for cls in (*domain.entities, *domain.collections)}
        self.placed: dict[type, list[Placed]] = {}
        self.inputs = Inputs()
        self.by_class: dict[type, EntityInfo] = {}
        of_collections = VectorInputs(self.inputs)
        self.vectors = VectorFields(of_collections, self._target)
        self.vector_writes = VectorWriteFields(of_collections)
        self.named = NamedFields(self.by_class)
        self.lists: dict[str, type] = {}
        self.changes: dict[str, type] = {}
        self.list_inputs: Mapping[str, ListInputs] = {}
        self.write_types: Mapping[str, WriteInputs] = {}
        self.aggregates: dict[str, Aggregates] = {}
        self.inserts: Mapping[str, str] = {}
        self.structures: set[str] = set()
        self.collections = CollectionFields(self.inputs, self._target)

    def build(self, executor: type | None, *, incremental: bool) -> Api:
        roots = (*self.domain.queries, NodeQueries)
        for cls, place in self._classes(roots):
            self.placed[cls] = list(placed_fields(cls, place, self.names))
            for placed in self.placed[cls]:
                check_field(placed)
        self._read_entities()
        self.collections.read({cls: self.placed[cls] for cls in self.domain.collections})
        if self.domain.mutations:
            self._read_writes()
        for cls in self.domain.entities:
            _add_node_id(cls)
        for fields in self.placed.values():
            for placed in fields:
                self._settle(placed)
        set_keys(self.by_class.values(), subgraph=self.domain.subgraph)
        schema = self._schema(roots, executor, incremental=incremental)
        keys = self.domain.api_keys
        owner = key_owner(keys, self.named) if keys else None
        return Api(schema, self._catalog(schema), owner, self.domain.namespaces)

    def _classes(self, roots: Sequence[type]) -> Iterator[tuple[type, Place]]:
        for classes, place in (
            (self.domain.entities, Place.ENTITY),
            (self.domain.collections, Place.COLLECTION),
            (roots, Place.QUERIES),
            (self.domain.mutations, Place.MUTATIONS),
            (self.domain.subscriptions, Place.SUBSCRIPTIONS),
        ):
            yield from ((cls, place) for cls in classes)

    def _read_entities(self) -> None:
        """Learn what the entities bind, and declare what their lists take and give."""
        for cls in self.domain.entities:
            self.by_class[cls] = read_entity(cls, self.placed[cls], self.domain.entities)
        self.list_inputs = {
            info.name: self.inputs.declare(info.name, *self._open(info))
            for info in self.by_class.values()
        }
        for info in self.by_class.values():
            self._declare_list(info)

    def _read_writes(self) -> None:
        """Learn whose rows are inserted, and declare what writes take."""
        fields = (one for cls in self.domain.mutations for one in self.placed[cls])
        self.inserts = insert_fields(fields, self._target)
        entities = {info.name: info for info in self.by_class.values()}
        self.write_types = {
            name: self.inputs.declare_writes(
                name, info.key, insertable(info, entities, self.inserts)
            )
            for name, info in entities.items()
        }

    def _schema(
        self, roots: Sequence[type], executor: type | None, *, incremental: bool
    ) -> strawberry.Schema:
        domain = self.domain
        mutation = _root("Mutation", domain.mutations, "Where every write begins.")
        subscription = _root(
            "Subscription", domain.subscriptions, "Where every subscription begins."
        )
        kind: type[strawberry.Schema] = strawberry.Schema
        if domain.subgraph:
            kind = strawberry.federation.Schema
        return kind(
            _root("Query", roots, "Where every read begins."),
            mutation,
            subscription,
            directives=[live, transaction] if mutation else [live],
            types=[*self.names.values(), *domain.types],
            extensions=domain.extensions,
            execution_context_class=executor,
            config=StrawberryConfig(
                scalar_map={**SCALARS, Vector: VECTOR, Upload: UPLOAD},
                enable_experimental_incremental_execution=incremental,
            ),
        )

    def _open(self, entity: EntityInfo) -> tuple[Mapping[str, ColumnInfo], Mapping[str, Relation]]:
        """What anybody may filter and order by: not what needs a permission to be read."""
        closed = guarded(entity.cls)
        columns = {name: of for name, of in entity.columns.items() if name not in closed}
        relations = {name: of for name, of in entity.relations.items() if name not in closed}
        return columns, relations

    def _declare_list(self, entity: EntityInfo) -> None:
        """The types of a list of the entity, and what may be computed over it."""
        aggregates = aggregates_of(entity, self._open(entity)[0])
        columns = self.list_inputs[entity.name].columns
        whole, made = whole_list(entity.name, aggregates, self.inputs, columns)
        connection, edge = list_types(entity, whole)
        self.aggregates[entity.name] = aggregates
        self.lists[entity.name] = connection
        self.structures |= made | {type_name(connection), type_name(edge)}

    @cached_property
    def namespaces(self) -> type:
        """The enum of the namespaces, made where a field takes one."""
        return namespace_enum(self.domain.namespaces)

    def _settle(self, placed: Placed) -> None:
        """Give a bound field its resolved type and its arguments."""
        if self._settled_apart(placed):
            return
        field, inner, binding = placed.field, placed.inner, placed.binding
        entity = self._target(inner)
        own: list[StrawberryArgument] = []
        if isinstance(binding, b.Vectors):
            inner, entity, own = self.vectors.settle(placed, binding)
        if isinstance(binding, b.ColumnBinding):
            inner = self.by_class[placed.cls].attributes[field.python_name].kind.annotation
        elif typing.get_origin(inner) is Connection and entity is not None:
            inner = self.lists[entity.name]
        elif isinstance(binding, _ROOTS) and entity is None:
            raise placed.wrong(NO_ENTITY)
        if isinstance(binding, WriteBinding) and entity is not None:
            check_columns(entity, binding, placed)
        own += arguments_for(binding, entity, self.list_inputs, self.write_types)
        field.settle(inner | None if placed.nullable else inner, own)

    def _settled_apart(self, placed: Placed) -> bool:
        """Settle a field whose binding has types of its own; whether it was one."""
        field, inner = placed.field, placed.inner
        match field.binding:
            case NamedSql() as binding:
                self.named.settle(placed, binding)
            case VectorChange() as binding:
                self.vector_writes.settle(placed, binding)
            case StateRoot() | StateWrite():
                self.structures |= STRUCTURES
                field.settle(inner | None, state_arguments(field.binding, self.namespaces))
            case Messages():
                self.structures.add(MESSAGE)
                field.settle(inner | None, message_arguments(self.namespaces))
            case Changes():
                changed = self._target(inner)
                if changed is None:
                    raise placed.wrong(NO_ENTITY)
                made = self.changes.setdefault(changed.name, change_type(changed))
                self.structures.add(type_name(made))
                condition = self.list_inputs[changed.name].where
                field.settle(made | None, change_arguments(changed, condition))
            case _ if isinstance(field.binding, ITEM_BINDINGS):
                self.collections.settle(placed)
            case _:
                return False
        return True

    def _target(self, inner: Any) -> EntityInfo | None:
        arguments = typing.get_args(inner)
        return self.by_class.get(arguments[0] if arguments else inner)

    def _list_field(self, schema: strawberry.Schema, entity: EntityInfo) -> GraphQLField:
        """A list of an entity for a type that Strawberry did not make."""
        made = b.bound(b.HasMany(()), {})
        arguments = arguments_for(made.binding, entity, self.list_inputs, {})
        made.settle(self.lists[entity.name] | None, arguments)
        field: GraphQLField = schema.schema_converter.from_field(made)
        field.resolve = None
        return field

    def _catalog(self, schema: strawberry.Schema) -> Catalog:
        bind_entities(schema._schema)  # noqa: SLF001 - Strawberry offers no public way to its core schema
        core, upstreams = stitch(
            schema._schema,  # noqa: SLF001 - Strawberry offers no public way to its core schema
            self.domain.upstreams,
            self.by_class,
            partial(self._list_field, schema),
        )
        schema._schema = core  # noqa: SLF001 - likewise
        entities = {info.name: info for info in self.by_class.values()}
        theirs = {name for info in upstreams.values() for name in info.types}
        of_items = self.collections.made_of
        own = {*self.vectors.structures, *self.structures, *of_items, type_name(PageInfo)}
        own |= self.collections.unions(core)
        if self.domain.subgraph:
            bind_service(schema, own)
        of_rows = [*self.lists.items(), *self.changes.items()]
        lists = {type_name(made): name for name, made in of_rows}
        possible = {
            type_.name: frozenset(member.name for member in core.get_possible_types(type_))
            for type_ in core.type_map.values()
            if is_abstract_type(type_)
        }
        authority = Authority(self.domain.policies)
        made_of = {**lists, **self.vectors.made_of, **of_items}
        types = type_requirements(core, made_of, authority) | told_to(self.domain.router_roles)
        fields = field_infos(core, types, entities, self.aggregates, authority)
        check_synced(self.domain.syncs, entities.values(), fields)
        short = not self.domain.extensions
        return Catalog(
            schema=core,
            entities=entities,
            fields=fields,
            hits=self.vectors.hits,
            possible=possible,
            structures=frozenset(own | theirs),
            short=short,
            aggregates=self.aggregates,
            types=types,
            authority=authority,
            upstreams=upstreams,
            collections={one.name: one for one in self.collections.by_class.values()},
            items_of=of_items,
            inserts=self.inserts,
        )


def _root(name: str, classes: Sequence[type], description: str) -> Any:
    """A root type; None where the domain lists no class for it."""
    if not classes:
        return None
    body = {"__annotations__": {}, "__module__": __name__}
    return strawberry.type(type(name, tuple(classes), body), name=name, description=description)


def _add_node_id(cls: type) -> None:
    """Make the entity a Node: its global id is planned like a column."""
    definition = cls.__strawberry_definition__  # type: ignore[attr-defined]
    node = Node.__strawberry_definition__  # type: ignore[attr-defined]
    if node in definition.interfaces:
        return
    definition.interfaces = [*definition.interfaces, node]
    node_id = b.Bound(
        b.NodeIdBinding(),
        python_name="node_id",
        description="An id that is unique over all types; hand it to `node(nodeId:)`.",
        origin=cls,
    )
    node_id.settle(strawberry.ID, [])
    definition.fields = [node_id, *definition.fields]
