"""Join the domain's classes into one Strawberry schema and the catalog of what is bound to what."""

from __future__ import annotations

import enum
import sys
import types
import typing
from dataclasses import dataclass, replace
from dataclasses import field as member
from typing import TYPE_CHECKING, Any, Union

import strawberry
from graphql import is_abstract_type
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types.enum import has_enum_definition

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
from gateway.schema.checks import check_classes, check_field, check_target
from gateway.schema.connection import Connection, Node, PageInfo
from gateway.schema.federation import (
    bind_entities,
    bind_service,
    required_by,
    schema_class,
    set_keys,
)
from gateway.schema.fulltext import full_text
from gateway.schema.guards import field_infos, type_requirements
from gateway.schema.inputs import Inputs
from gateway.schema.kinds import kind_of
from gateway.schema.mutations import Insert, WriteBinding, transaction
from gateway.schema.named.binding import NamedSql
from gateway.schema.named.fields import NamedFields
from gateway.schema.named.keys import key_owner
from gateway.schema.named.statement import NamedStatement
from gateway.schema.outputs import list_types
from gateway.schema.relations import relation_of
from gateway.schema.roots import queries
from gateway.schema.scalars import SCALARS
from gateway.schema.state_fields import StateRoot, StateValue, StateWrite, state_arguments
from gateway.schema.state_types import STRUCTURES, namespace_enum
from gateway.schema.stitching import stitch
from gateway.schema.vector_fields import VectorFields
from gateway.schema.vector_write_fields import VectorWriteFields
from gateway.schema.vector_write_types import VECTOR, Vector
from gateway.schema.vector_writes import VectorChange
from gateway.schema.writes import children, conflict_columns, writable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from strawberry.extensions import SchemaExtension
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.remote import Upstream

_ROOTS = (b.ByKey, b.Listing, WriteBinding)


@dataclass(frozen=True, slots=True)
class Domain:
    """What a resolvers package offers as `domain`: its entities and its root classes."""

    entities: Sequence[type]
    queries: Sequence[type]
    mutations: Sequence[type] = ()
    types: Sequence[type] = ()
    extensions: Sequence[type[SchemaExtension] | Callable[[], SchemaExtension]] = ()
    examples: Mapping[str, str] = member(default_factory=dict)
    """Queries to begin with, by a title for people."""
    warm: Sequence[str] = ()
    """Queries whose cached answers the warm-up reads anew, as an anonymous viewer sees them."""
    subgraph: bool = False
    """Whether other services may federate with the API: `_entities`, `_service`, keys."""
    upstreams: Sequence[Upstream] = ()
    """GraphQL services whose types and root fields are part of the schema."""
    policies: Mapping[str, Policy] = member(default_factory=dict)
    """What `@policy` may name."""
    namespaces: Sequence[str] = ()
    """The namespaces of stored values that `StateQueries` and `StateMutations` offer."""
    api_keys: type | None = None
    """A class whose one field is the named SQL that says whose an API key is."""


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


def build(domain: Domain, *, executor: type | None = None) -> Api:
    """Make the schema. Raises ConfigurationError naming the class and field that is wrong.

    `executor` is the execution context class for operations that graphql-core runs.
    """
    return _Builder(domain).build(executor)


class _Builder:
    def __init__(self, domain: Domain) -> None:
        check_classes(domain.entities, domain.queries, domain.mutations)
        self.domain = domain
        self.converter = NameConverter()
        self.inputs = Inputs()
        self.by_class: dict[type, EntityInfo] = {}
        self.vectors = VectorFields(self.inputs, self._target)
        self.vector_writes = VectorWriteFields(self.inputs, self.vectors.inputs_of)
        self.named = NamedFields(self.by_class)
        self.lists: dict[str, type] = {}
        self.aggregates: dict[str, Aggregates] = {}
        self.structures: set[str] = set()
        self.namespaces: type | None = None
        self.names = {cls.__name__: cls for cls in domain.entities}
        if len(self.names) != len(domain.entities):
            raise ConfigurationError("Two entities have the same class name.")

    def build(self, executor: type | None) -> Api:
        hints = {cls: self._hints(cls) for cls in self.domain.entities}
        for cls in self.domain.entities:
            found = self._entity(cls, hints[cls])
            search = self._options(cls, cls.__name__).search
            shown, _ = self._open(found)
            text = full_text(found.table, search, shown.values(), cls.__name__)
            self.by_class[cls] = replace(found, text=text)
        where_types = {
            info.name: self.inputs.declare(info.name, *self._open(info))
            for info in self.by_class.values()
        }
        for info in self.by_class.values():
            self._declare_list(info)
        write_types = self._write_types()
        roots = [*self.domain.queries, NodeQueries]
        for cls in self.domain.entities:
            _add_node_id(cls)
        for cls in (*self.domain.entities, *roots, *self.domain.mutations):
            self._finish(cls, hints.get(cls) or self._hints(cls), where_types, write_types)
        mutation = None
        if self.domain.mutations:
            mutation = _root("Mutation", self.domain.mutations, "Where every write begins.")
        set_keys(self.by_class.values(), subgraph=self.domain.subgraph)
        schema = schema_class(subgraph=self.domain.subgraph)(
            _root("Query", roots, "Where every read begins."),
            mutation,
            directives=[transaction] if mutation else (),
            types=[*self.domain.entities, *self.domain.types],
            extensions=self.domain.extensions,
            execution_context_class=executor,
            config=StrawberryConfig(scalar_map={**SCALARS, Vector: VECTOR}),
        )
        keys = self.domain.api_keys
        owner = key_owner(keys, self.named) if keys else None
        return Api(schema, self._catalog(schema), owner, self.domain.namespaces)

    def _open(self, entity: EntityInfo) -> tuple[Mapping[str, ColumnInfo], Mapping[str, Relation]]:
        """What anybody may filter and order by: not what needs a permission to be read."""
        guarded = {
            self.converter.from_field(field)
            for field in _fields(entity.cls)
            if field.permission_classes
        }
        columns = {name: of for name, of in entity.columns.items() if name not in guarded}
        relations = {name: of for name, of in entity.relations.items() if name not in guarded}
        return columns, relations

    def _declare_list(self, entity: EntityInfo) -> None:
        """The types of a list of the entity, and what may be computed over it."""
        aggregates = aggregates_of(entity, self._open(entity)[0])
        whole = whole_list(entity.name, aggregates, self.inputs)
        connection, edge = list_types(entity, whole.members)
        self.aggregates[entity.name] = aggregates
        self.lists[entity.name] = connection
        self.structures |= whole.structures | {self._type_name(connection), self._type_name(edge)}

    def _write_types(self) -> dict[str, tuple[type, type]]:
        """The inputs of writes, for the entities that some mutation writes and their children."""
        wanted = {info.name for info in self.by_class.values()} if self.domain.mutations else set()
        return {
            info.name: self.inputs.declare_writes(info.name, writable(info), children(info))
            for info in self.by_class.values()
            if info.name in wanted
        }

    def _hints(self, cls: type) -> dict[str, Any]:
        module = vars(sys.modules[cls.__module__])
        try:
            return typing.get_type_hints(cls, module, self.names, include_extras=True)
        except NameError as error:
            raise ConfigurationError(
                f"{cls.__name__}: annotation {error.name!r} is neither imported nor an entity "
                "of the domain."
            ) from None

    def _entity(self, cls: type, hints: Mapping[str, Any]) -> EntityInfo:
        options: b.EntityOptions = cls.__plait_entity__  # type: ignore[attr-defined]  # set by @entity
        name = self._type_name(cls)
        columns: dict[str, ColumnInfo] = {}
        attributes: dict[str, ColumnInfo] = {}
        relations = {}
        for field in _fields(cls):
            if not isinstance(field, b.Bound) or isinstance(field.binding, b.NodeIdBinding):
                continue
            public = self.converter.from_field(field)
            where = f"{cls.__name__}.{field.python_name}"
            inner, nullable = _optional(hints[field.python_name])
            if isinstance(field.binding, b.ColumnBinding):
                _declare_enums(inner)
                column = options.table.c[field.binding.column or field.python_name]
                kind = kind_of(column, inner, where)
                info = ColumnInfo(public, column, kind, nullable)
                columns[public] = attributes[field.python_name] = info
            elif isinstance(field.binding, b.BelongsTo | b.HasOne | b.HasMany | b.ManyThrough):
                many = typing.get_origin(inner) is Connection
                target = typing.get_args(inner)[0] if many else inner
                if not many and not nullable:
                    raise ConfigurationError(f"{where}: a to-one relation must be `… | None`.")
                far = self._options(target, where)
                check_target(where, target, self.domain.entities)
                relations[public] = relation_of(
                    public,
                    field.binding,
                    options,
                    far,
                    self._type_name(target),
                    many=many,
                    where=where,
                )
            elif not nullable:
                raise ConfigurationError(
                    f"{where}: a field of another source must be `… | None`, as it may fail."
                )
        _check_needs(cls, attributes)
        by_column = {info.column.name: info for info in reversed(columns.values())}
        missing = [column for column in options.key if column not in by_column]
        if missing:
            raise ConfigurationError(f"{cls.__name__}: key column {missing[0]!r} has no field.")
        key = tuple(by_column[column] for column in options.key)
        return EntityInfo(
            name,
            options.table,
            options.source,
            cls,
            key,
            columns,
            relations,
            attributes,
            options.rule,
            required=required_by(cls),
        )

    def _options(self, target: Any, where: str) -> b.EntityOptions:
        options = getattr(target, "__plait_entity__", None)
        if not isinstance(options, b.EntityOptions):
            raise ConfigurationError(f"{where}: {target!r} is not an entity.")
        return options

    def _type_name(self, cls: type) -> str:
        return self.converter.from_type(cls.__strawberry_definition__)  # type: ignore[attr-defined]

    def _finish(
        self,
        cls: type,
        hints: Mapping[str, Any],
        inputs: Mapping[str, tuple[type, type]],
        writes: Mapping[str, tuple[type, type]],
    ) -> None:
        """Give every bound field its resolved type and its arguments."""
        for field in _fields(cls):
            if not isinstance(field, b.Bound) or isinstance(field.binding, b.NodeIdBinding):
                continue
            where = f"{cls.__name__}.{field.python_name}"
            inner, nullable = _optional(hints[field.python_name])
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
            if isinstance(field.binding, Insert) and field.binding.conflict and entity:
                conflict_columns(entity, field.binding.conflict, where)
            field.settle(
                inner | None if nullable else inner,
                [*own, *arguments_for(field.binding, entity, inputs, writes)],
            )

    def _settled_apart(self, field: b.Bound, cls: type, inner: Any, *, nullable: bool) -> bool:
        """Settle a field whose binding has types of its own; whether it was one."""
        written = cls in self.domain.mutations
        if isinstance(field.binding, NamedSql):
            self.named.settle(field, cls, inner, nullable=nullable, writes=written)
            return True
        if isinstance(field.binding, StateRoot | StateWrite):
            self.namespaces = self.namespaces or namespace_enum(self.domain.namespaces)
            self.structures |= STRUCTURES
            field.settle(inner | None, state_arguments(field.binding, self.namespaces))
            return True
        if isinstance(field.binding, VectorChange):
            entity = cls in self.by_class
            self.vector_writes.settle(
                field, cls, inner, nullable=nullable, writes=written, entity=entity
            )
            return True
        return False

    def _target(self, inner: Any) -> EntityInfo | None:
        arguments = typing.get_args(inner)
        return self.by_class.get(arguments[0] if arguments else inner)

    def _catalog(self, schema: strawberry.Schema) -> Catalog:
        bind_entities(schema._schema)  # noqa: SLF001 - Strawberry offers no public way to its core schema
        core, upstreams = stitch(schema._schema, self.domain.upstreams, self.by_class)  # noqa: SLF001 - Strawberry offers no public way to its core schema
        schema._schema = core  # noqa: SLF001 - likewise
        entities = {info.name: info for info in self.by_class.values()}
        theirs = {name for info in upstreams.values() for name in info.types}
        own = {*self.vectors.structures, *self.structures, self._type_name(PageInfo)}
        if self.domain.subgraph:
            bind_service(schema, own)
        lists = {self._type_name(made): name for name, made in self.lists.items()}
        possible = {
            type_.name: frozenset(member.name for member in core.get_possible_types(type_))
            for type_ in core.type_map.values()
            if is_abstract_type(type_)
        }
        authority = Authority(self.domain.policies)
        types = type_requirements(core, {**lists, **self.vectors.made_of}, authority)
        fields = field_infos(core, types, entities, self.aggregates, authority)
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
        )


def _root(name: str, classes: Sequence[type], description: str) -> type:
    body = {"__annotations__": {}, "__module__": __name__}
    return strawberry.type(type(name, tuple(classes), body), name=name, description=description)


def _check_needs(cls: type, attributes: Mapping[str, ColumnInfo]) -> None:
    """Refuse a resolver or a key pattern that reads a column the entity does not show."""
    for field in _fields(cls):
        needs: tuple[str, ...] = getattr(field, "needs", ())
        binding = getattr(field, "binding", None)
        if isinstance(binding, b.Counter | StateValue):
            needs = b.placeholders(binding.pattern)
        for name in needs:
            if name not in attributes:
                raise ConfigurationError(
                    f"{cls.__name__}.{field.python_name}: {name!r} is not a column of this "
                    f"entity; it has {', '.join(sorted(attributes))}."
                )


def _declare_enums(hint: Any) -> None:
    """Make a plain Python enum a GraphQL one; its docstring is the description."""
    for part in (hint, *typing.get_args(hint)):
        if isinstance(part, type) and issubclass(part, enum.Enum) and not has_enum_definition(part):
            strawberry.enum(part, description=" ".join((part.__doc__ or "").split()) or None)


def _fields(cls: type) -> list[Any]:
    return list(cls.__strawberry_definition__.fields)  # type: ignore[attr-defined]


def _optional(hint: Any) -> tuple[Any, bool]:
    """The hint without `| None`, and whether there was one."""
    if typing.get_origin(hint) in {Union, types.UnionType}:
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return hint, False


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
