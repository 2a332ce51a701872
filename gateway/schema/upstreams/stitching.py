"""Joins the schemas of upstream GraphQL services to our own: root fields, joins, objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLDirective, GraphQLField, GraphQLObjectType, GraphQLSchema

from gateway.errors import ConfigurationError
from gateway.schema.definitions import definition_of, note, noted
from gateway.schema.relations import joining_column
from gateway.schema.upstreams.remote import (
    Join,
    LocalRow,
    RemoteNamespace,
    RemoteObject,
    RemoteRoot,
    Upstream,
    UpstreamInfo,
)
from gateway.schema.upstreams.schema import SUBGRAPH, UpstreamSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.schema.bindings import Binding
    from gateway.schema.catalog import EntityInfo

BINDING = "plait-binding"
"""Where a field that Strawberry did not make keeps its binding, among its extensions."""


def stitch(
    core: GraphQLSchema,
    upstreams: Sequence[Upstream],
    entities: Mapping[type, EntityInfo],
    list_of: Callable[[EntityInfo], GraphQLField],
) -> tuple[GraphQLSchema, dict[str, UpstreamInfo]]:
    """One schema of ours and the upstreams', and the catalog of the upstreams.

    The field objects of `core` are changed in place: roots are added, and fields bound to an
    object of an upstream get its type. `list_of` makes a field that is a list of an entity, with
    the arguments of such. Raises ConfigurationError naming the upstream, and the type
    or field that collides or is not there.
    """
    if not upstreams:
        _settle_objects(core, {}, entities)
        return core, {}
    roots = {
        "query": core.query_type,
        "mutation": core.mutation_type or GraphQLObjectType("Mutation", {}),
        "subscription": core.subscription_type or GraphQLObjectType("Subscription", {}),
    }
    made: dict[str, _Stitching] = {}
    for upstream in upstreams:
        if upstream.name in made:
            raise ConfigurationError(f"upstream {upstream.name} is listed twice.")
        taken = [name for other in made.values() for name in other.theirs.types]
        one = _Stitching(core, UpstreamSchema(upstream, core, taken))
        one.add_roots(roots)
        one.join(entities, list_of)
        made[upstream.name] = one
    _settle_objects(core, made, entities)
    own = [type_ for name, type_ in core.type_map.items() if not name.startswith("__")]
    theirs = [type_ for each in made.values() for type_ in each.theirs.types.values()]
    changed: dict[str, Any] = {
        **{kind: root if root and root.fields else None for kind, root in roots.items()},
        "types": [*own, *theirs],
        "directives": _with_theirs(core, made.values()),
        "assume_valid": False,
    }
    kwargs: dict[str, Any] = {**core.to_kwargs(), **changed}
    whole = GraphQLSchema(**kwargs)
    return whole, {name: each.info() for name, each in made.items()}


class _Stitching:
    """One upstream on its way into our schema."""

    def __init__(self, core: GraphQLSchema, theirs: UpstreamSchema) -> None:
        self.upstream = theirs.upstream
        self.theirs = theirs
        self.joins: dict[tuple[str, str], EntityInfo] = {}
        self._core = core

    def info(self) -> UpstreamInfo:
        """The upstream's part of the catalog."""
        theirs, upstream = self.theirs, self.upstream
        directives = frozenset(one.name for one in theirs.directives)
        return UpstreamInfo(
            upstream.name, theirs.names, theirs.finders, self.joins, directives, upstream.optional
        )

    def add_roots(self, roots: Mapping[str, GraphQLObjectType | None]) -> None:
        """Add the upstream's root fields to ours, by the kind of operation."""
        upstream = self.upstream
        for kind, theirs in self.theirs.roots.items():
            own = roots[kind]
            if own is None or theirs is None:
                continue
            # A subscription has one root field, so that a namespace can only stand in its name.
            held = upstream.namespace and kind != "subscription"
            fields = {name: field for name, field in theirs.fields.items() if name not in SUBGRAPH}
            for name, field in fields.items():
                field.resolve = None
                note(field, BINDING, RemoteRoot(upstream.name, name))
            if held:
                fields = {upstream.namespace: self._namespace(own, fields)}
            for name, field in fields.items():
                public = name if held else _prefixed(upstream.namespace or upstream.prefix, name)
                if public in own.fields:
                    raise ConfigurationError(
                        f"upstream {upstream.name}: {own.name}.{public} exists already; give the "
                        "upstream a prefix, or a namespace field of its own."
                    )
                own.fields[public] = field

    def join(
        self,
        entities: Mapping[type, EntityInfo],
        list_of: Callable[[EntityInfo], GraphQLField],
    ) -> None:
        """Add the domain's fields to the upstream's types."""
        for join in self.upstream.joins:
            where = f"upstream {self.upstream.name}: join {join.type}.{join.name}"
            type_ = self.theirs.type_for(join.type)
            entity = _joined_entity(where, join, entities)
            if not isinstance(type_, GraphQLObjectType):
                raise ConfigurationError(f"{where}: the upstream has no object type {join.type}.")
            if join.key not in type_.fields:
                raise ConfigurationError(f"{where}: {join.type} has no field {join.key}.")
            if join.name in type_.fields:
                raise ConfigurationError(f"{where}: {join.type} has a field of this name already.")
            if join.column is None:
                row = LocalRow(entity.name, join.key)
                field = _field(self._core.type_map[entity.name], row, join.description)
            else:
                column = joining_column(entity.table, join.column, where)
                field = list_of(entity)
                field.description = join.description
                field.extensions = {BINDING: LocalRow(entity.name, join.key, column)}
            type_.fields[join.name] = field
            self.joins[type_.name, join.name] = entity

    def _namespace(self, root: GraphQLObjectType, fields: dict[str, GraphQLField]) -> GraphQLField:
        upstream = self.upstream
        name = f"{upstream.namespace[0].upper()}{upstream.namespace[1:]}{root.name}"
        if name in self._core.type_map or name in self.theirs.types:
            raise ConfigurationError(
                f"upstream {upstream.name}: type {name} exists already; choose another namespace."
            )
        holder = GraphQLObjectType(name, fields, description=f"What {upstream.name} offers.")
        self.theirs.types[name] = holder
        return _field(holder, RemoteNamespace(upstream.name), holder.description)


def _with_theirs(core: GraphQLSchema, made: Iterable[_Stitching]) -> tuple[GraphQLDirective, ...]:
    """Our directives and the upstreams'; of those of one name the first counts."""
    found = {one.name: one for one in core.directives}
    for each in made:
        for one in each.theirs.directives:
            found.setdefault(one.name, one)
    return tuple(found.values())


def _joined_entity(where: str, join: Join, entities: Mapping[type, EntityInfo]) -> EntityInfo:
    """The entity of a join, which its key or its column must be able to find."""
    entity = entities.get(join.entity)
    if entity is None:
        raise ConfigurationError(f"{where}: its entity must be one of the domain.")
    if join.column is None and len(entity.key) != 1:
        raise ConfigurationError(
            f"{where}: {entity.name} has a key of {len(entity.key)} columns; name the `column` "
            "that the key is found in."
        )
    return entity


def _settle_objects(
    core: GraphQLSchema, made: Mapping[str, _Stitching], entities: Mapping[type, EntityInfo]
) -> None:
    """Give fields bound to upstream objects their types; refuse those that name what is not."""
    tables = {entity.name: entity.table for entity in entities.values()}
    for type_ in core.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            continue
        for name, field in type_.fields.items():
            binding = binding_of(field)
            if isinstance(binding, RemoteObject):
                where = f"{type_.name}.{name}"
                field.type = _object_type(where, binding, made)
                for _, column in binding.key:
                    joining_column(tables[type_.name], column, where)


def _object_type(where: str, binding: RemoteObject, made: Mapping[str, _Stitching]) -> Any:
    stitching = made.get(binding.source)
    if stitching is None:
        known = ", ".join(sorted(made)) or "none"
        raise ConfigurationError(
            f"{where}: the domain lists no upstream {binding.source!r}; it lists {known}."
        )
    type_ = stitching.theirs.type_for(binding.type)
    if type_ is None:
        raise ConfigurationError(f"{where}: upstream {binding.source} has no type {binding.type}.")
    name = finder_name(binding.by)
    finder = stitching.theirs.finders.get(name)
    if name != "_entities" and finder is None:
        raise ConfigurationError(
            f"{where}: upstream {binding.source} has no root field {name} that takes one key, "
            "or a list of them, and nothing else that is required."
        )
    field, column = binding.key[0]
    if finder is not None and finder.many and field not in getattr(type_, "fields", {}):
        raise ConfigurationError(
            f"{where}: {binding.type} of upstream {binding.source} has no field {field}, by which "
            f'its objects are told apart; name another: {{"…": "{column}"}}.'
        )
    return type_


def binding_of(field: Any) -> Binding | None:
    """What a field is bound to, whoever made it."""
    own = getattr(definition_of(field), "binding", None)
    found: Binding | None = own or noted(field, BINDING)
    return found


def finder_name(by: str) -> str:
    """The root field in `person(id:)`."""
    return by.partition("(")[0]


def _field(type_: Any, binding: Binding, description: str | None) -> GraphQLField:
    return GraphQLField(type_, description=description, extensions={BINDING: binding})


def _prefixed(prefix: str, name: str) -> str:
    if not prefix:
        return name
    return f"{prefix[0].lower()}{prefix[1:]}{name[0].upper()}{name[1:]}"
