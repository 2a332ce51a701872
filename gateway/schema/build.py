"""Join the domain's classes into one Strawberry schema and the catalog of what is bound to what."""

from __future__ import annotations

import sys
import typing
from dataclasses import dataclass, replace
from dataclasses import field as member
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import strawberry
from graphql import is_abstract_type
from strawberry.schema.config import StrawberryConfig

from gateway.errors import ConfigurationError
from gateway.schema import bindings as b
from gateway.schema.access import Authority, Policy
from gateway.schema.aggregates import aggregates_of, whole_list
from gateway.schema.arguments import arguments_for
from gateway.schema.catalog import (
    Aggregates,
    Catalog,
    ColumnInfo,
    EntityInfo,
    Relation,
)
from gateway.schema.checks import check_classes, check_field
from gateway.schema.connection import Connection, Node, PageInfo
from gateway.schema.definitions import fields_of, guarded, type_name
from gateway.schema.entities import entity_options, optional, read_entity
from gateway.schema.federation import bind_entities, bind_service, schema_class, set_keys, told_to
from gateway.schema.fulltext import full_text
from gateway.schema.guards import check_synced, field_infos, type_requirements
from gateway.schema.inputs import Inputs, ListInputs, WriteInputs
from gateway.schema.items.bindings import ITEM_BINDINGS
from gateway.schema.items.fields import CollectionFields
from gateway.schema.mutations import WriteBinding, transaction
from gateway.schema.named.binding import NamedSql
from gateway.schema.named.fields import NamedFields
from gateway.schema.named.keys import key_owner
from gateway.schema.named.statement import NamedStatement
from gateway.schema.outputs import list_types
from gateway.schema.roots import queries
from gateway.schema.scalars import SCALARS
from gateway.schema.state_fields import StateRoot, StateWrite, state_arguments
from gateway.schema.state_types import STRUCTURES, namespace_enum
from gateway.schema.stitching import stitch
from gateway.schema.subscriptions import (
    MESSAGE,
    Changes,
    Messages,
    change_arguments,
    change_type,
    check_subscriptions,
    live,
    message_arguments,
)
from gateway.schema.uploads import UPLOAD, Upload
from gateway.schema.vector_fields import VectorFields
from gateway.schema.vector_write_fields import VectorWriteFields
from gateway.schema.vector_write_types import VECTOR, Vector
from gateway.schema.vector_writes import VectorChange
from gateway.schema.writes import check_columns, insert_fields, insertable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from graphql import GraphQLField
    from strawberry.extensions import SchemaExtension
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.remote import Upstream
    from gateway.schema.vector_sync import VectorSync

_ROOTS = (b.ByKey, b.Listing, WriteBinding)


@dataclass(frozen=True, slots=True)
class Domain:
    """What a resolvers package offers as `domain`: its entities and its root classes."""

    entities: Sequence[type]
    queries: Sequence[type]
    mutations: Sequence[type] = ()
    subscriptions: Sequence[type] = ()
    types: Sequence[type] = ()
    extensions: Sequence[type[SchemaExtension] | Callable[[], SchemaExtension]] = ()
    examples: Mapping[str, str] = member(default_factory=dict)
    """Queries to begin with, by a title for people."""
    warm: Sequence[str] = ()
    """Queries whose cached answers the warm-up reads anew, as an anonymous viewer sees them."""
    subgraph: bool = False
    """Whether other services may federate with the API: `_entities`, `_service`, keys."""
    router_roles: Sequence[str] = ()
    """Roles of which `_service`, which tells the whole schema, asks for one; none asks nobody."""
    upstreams: Sequence[Upstream] = ()
    """GraphQL services whose types and root fields are part of the schema."""
    collections: Sequence[type] = ()
    """Classes bound to collections of items."""
    policies: Mapping[str, Policy] = member(default_factory=dict)
    """What `@policy` may name."""
    namespaces: Sequence[str] = ()
    """The namespaces of stored values that `StateQueries` and `StateMutations` offer."""
    api_keys: type | None = None
    """A class whose one field is the named SQL that says whose an API key is."""
    workflows: Sequence[object] = ()
    """Workflows that the settings may offer."""
    nodes: Mapping[str, Callable[..., Awaitable[Any]]] = member(default_factory=dict)
    """Async functions that workflows in JSON documents may name."""
    syncs: Sequence[VectorSync] = ()
    """The vector collections that are kept in step with rows."""


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


def build(domain: Domain, *, executor: type | None = None, incremental: bool = True) -> Api:
    """Make the schema. Raises ConfigurationError naming the class and field that is wrong.

    `executor` is the execution context class for operations that graphql-core runs; `incremental`
    says that the schema has `@defer` and `@stream`.
    """
    return _Builder(domain).build(executor, incremental=incremental)


class _Builder:
    def __init__(self, domain: Domain) -> None:
        check_classes(domain.entities, domain.queries, domain.mutations, domain.subscriptions)
        check_subscriptions(domain.subscriptions, (*domain.queries, *domain.mutations))
        self.domain = domain
        self.inputs = Inputs()
        self.by_class: dict[type, EntityInfo] = {}
        self.vectors = VectorFields(self.inputs, self._target)
        self.vector_writes = VectorWriteFields(self.inputs, self.vectors.inputs_of)
        self.named = NamedFields(self.by_class)
        self.lists: dict[str, type] = {}
        self.changes: dict[str, type] = {}
        self.list_inputs: Mapping[str, ListInputs] = {}
        self.write_types: Mapping[str, WriteInputs] = {}
        self.aggregates: dict[str, Aggregates] = {}
        self.structures: set[str] = set()
        self.collections = CollectionFields(domain.collections, self.inputs, self._target)
        classes = (*domain.entities, *domain.collections)
        self.names: dict[str, type] = {}
        for cls in classes:
            other = self.names.get(cls.__name__)
            if other is not None:
                raise ConfigurationError(
                    f"{cls.__module__}.{cls.__name__}: {other.__module__} has an entity or "
                    "collection of the same class name; rename one."
                )
            self.names[cls.__name__] = cls

    def build(self, executor: type | None, *, incremental: bool) -> Api:
        hints = {cls: self._hints(cls) for cls in self.names.values()}
        for cls in self.domain.entities:
            found = read_entity(cls, hints[cls], self.domain.entities)
            search = entity_options(cls, cls.__name__).search
            shown, _ = self._open(found)
            text = full_text(found.table, search, shown.values(), cls.__name__)
            self.by_class[cls] = replace(found, text=text)
        self.list_inputs = {
            info.name: self.inputs.declare(info.name, *self._open(info))
            for info in self.by_class.values()
        }
        for info in self.by_class.values():
            self._declare_list(info)
        self.collections.read(hints)
        self.inserts = insert_fields(
            self.domain.mutations,
            lambda cls, field: self._target(optional(self._hints(cls)[field.python_name])[0]),
        )
        if self.domain.mutations:
            entities = self.by_class.values()
            self.write_types = {
                info.name: self.inputs.declare_writes(
                    info.name, info.key, insertable(info, entities, self.inserts)
                )
                for info in entities
            }
        roots = [*self.domain.queries, NodeQueries]
        for cls in self.domain.entities:
            _add_node_id(cls)
        streams = self.domain.subscriptions
        for cls in (*self.names.values(), *roots, *self.domain.mutations, *streams):
            self._finish(cls, hints.get(cls) or self._hints(cls))
        mutation = None
        if self.domain.mutations:
            mutation = _root("Mutation", self.domain.mutations, "Where every write begins.")
        set_keys(self.by_class.values(), subgraph=self.domain.subgraph)
        schema = schema_class(subgraph=self.domain.subgraph)(
            _root("Query", roots, "Where every read begins."),
            mutation,
            _root("Subscription", streams, "Where every subscription begins.") if streams else None,
            directives=[live, transaction] if mutation else [live],
            types=[*self.names.values(), *self.domain.types],
            extensions=self.domain.extensions,
            execution_context_class=executor,
            config=StrawberryConfig(
                scalar_map={**SCALARS, Vector: VECTOR, Upload: UPLOAD},
                enable_experimental_incremental_execution=incremental,
            ),
        )
        keys = self.domain.api_keys
        owner = key_owner(keys, self.named) if keys else None
        return Api(schema, self._catalog(schema), owner, self.domain.namespaces)

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
        whole = whole_list(entity.name, aggregates, self.inputs, columns)
        connection, edge = list_types(entity, whole.members)
        self.aggregates[entity.name] = aggregates
        self.lists[entity.name] = connection
        self.structures |= whole.structures | {type_name(connection), type_name(edge)}

    @cached_property
    def namespaces(self) -> type:
        """The enum of the namespaces, made where a field takes one."""
        return namespace_enum(self.domain.namespaces)

    def _hints(self, cls: type) -> dict[str, Any]:
        module = vars(sys.modules[cls.__module__])
        try:
            return typing.get_type_hints(cls, module, self.names, include_extras=True)
        except NameError as error:
            raise ConfigurationError(
                f"{cls.__name__}: annotation {error.name!r} is neither imported nor an entity "
                "of the domain."
            ) from None

    def _finish(self, cls: type, hints: Mapping[str, Any]) -> None:
        """Give every bound field its resolved type and its arguments."""
        for field in fields_of(cls):
            if not isinstance(field, b.Bound) or isinstance(field.binding, b.NodeIdBinding):
                continue
            where = f"{cls.__name__}.{field.python_name}"
            inner, nullable = optional(hints[field.python_name])
            root = cls not in self.by_class
            check_field(where, field.binding, inner, nullable=nullable, root=root)
            if self._settled_apart(field, cls, inner, nullable=nullable):
                continue
            entity = self._target(inner)
            own: list[StrawberryArgument] = []
            if isinstance(field.binding, b.Vectors):
                inner, entity, own = self.vectors.settle(field.binding, inner, where)
            if isinstance(field.binding, b.ColumnBinding):
                inner = self.by_class[cls].attributes[field.python_name].kind.annotation
            elif typing.get_origin(inner) is Connection and entity is not None:
                inner = self.lists[entity.name]
            elif isinstance(field.binding, _ROOTS) and entity is None:
                raise ConfigurationError(f"{where}: annotate it with an entity of the domain.")
            if isinstance(field.binding, WriteBinding) and entity is not None:
                check_columns(entity, field.binding, where)
            field.settle(
                inner | None if nullable else inner,
                [
                    *own,
                    *arguments_for(field.binding, entity, self.list_inputs, self.write_types),
                ],
            )

    def _settled_apart(self, field: b.Bound, cls: type, inner: Any, *, nullable: bool) -> bool:
        """Settle a field whose binding has types of its own; whether it was one."""
        written = cls in self.domain.mutations
        match field.binding:
            case NamedSql():
                self.named.settle(field, cls, inner, nullable=nullable, writes=written)
            case VectorChange():
                entity = cls in self.by_class
                self.vector_writes.settle(
                    field, cls, inner, nullable=nullable, writes=written, entity=entity
                )
            case StateRoot() | StateWrite():
                self.structures |= STRUCTURES
                field.settle(inner | None, state_arguments(field.binding, self.namespaces))
            case Messages():
                self.structures.add(MESSAGE)
                field.settle(inner | None, message_arguments(self.namespaces))
            case Changes():
                changed = self._target(inner)
                if changed is None:
                    where = f"{cls.__name__}.{field.python_name}"
                    raise ConfigurationError(f"{where}: annotate it with an entity of the domain.")
                made = self.changes.setdefault(changed.name, change_type(changed))
                self.structures.add(type_name(made))
                condition = self.list_inputs[changed.name].where
                field.settle(made | None, change_arguments(changed, condition))
            case _ if isinstance(field.binding, ITEM_BINDINGS):
                self.collections.settle(field, cls, inner, nullable=nullable, writes=written)
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


def _root(name: str, classes: Sequence[type], description: str) -> type:
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
