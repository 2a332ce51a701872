"""Joins the schemas of upstream GraphQL services to our own, type by type.

Works on the executable schema: what an SDL says (descriptions, defaults, deprecations, interfaces)
arrives as it is. Scalars of one name are one scalar; every other name must be free.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    DirectiveLocation,
    GraphQLDirective,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_ast_schema,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_specified_scalar_type,
    parse,
)

from gateway.errors import ConfigurationError
from gateway.schema import upstream_access
from gateway.schema.definitions import definition_of
from gateway.schema.relations import joining_column
from gateway.schema.remote import (
    Finder,
    Join,
    LocalRow,
    RemoteNamespace,
    RemoteObject,
    RemoteRoot,
    Upstream,
    UpstreamInfo,
)
from gateway.schema.upstream_caching import settle
from gateway.schema.upstream_defaults import tell_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gateway.schema.bindings import Binding
    from gateway.schema.catalog import EntityInfo

BINDING = "plait-binding"
"""Where a field that Strawberry did not make keeps its binding, among its extensions."""

_SUBGRAPH = frozenset({"_entities", "_service"})
_SUBGRAPH_TYPES = frozenset({"_Any", "_Entity", "_FieldSet", "_Service"})
_SPECIFIED = ("__", "link__", "federation__")
"""How types begin that belong to a specification the service speaks, and to no service."""


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
        one = _Stitching(core, roots, upstream, made.values())
        one.join(entities, list_of)
        made[upstream.name] = one
    _settle_objects(core, made, entities)
    own = [type_ for name, type_ in core.type_map.items() if not name.startswith("__")]
    theirs = [type_ for each in made.values() for type_ in each.types.values()]
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
    """One upstream on its way into our schema; `types` are its own by the names they get."""

    def __init__(
        self,
        core: GraphQLSchema,
        roots: Mapping[str, GraphQLObjectType | None],
        upstream: Upstream,
        others: Iterable[_Stitching],
    ) -> None:
        self.upstream = upstream
        self._core = core
        self._roots = roots
        self._theirs = _schema_of(upstream)
        self.types: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self._name_types(set(core.type_map).union(*(other.types for other in others)))
        for type_ in self.types.values():
            self._retype(type_)
        for type_ in self.types.values():
            for member in getattr(type_, "fields", {}).values():
                tell_defaults(member)
        self.joins: dict[tuple[str, str], EntityInfo] = {}
        # Answers in parts are made here, or not at all.
        ours = {"stream", *(one.name for one in core.directives)}
        self.directives = [
            self._directive(one)
            for one in self._theirs.directives
            if DirectiveLocation.FIELD in one.locations and one.name not in ours
        ]
        self._add_roots()
        where, types = f"upstream {upstream.name}", self._theirs.type_map
        settle(where, types, upstream.caches)
        roots_there = [one.name for one in self._their_roots().values() if one is not None]
        upstream_access.settle(
            where, types, roots_there, upstream.access, said=not upstream.guards_itself
        )

    def _name_types(self, taken: Collection[str]) -> None:
        """Give the upstream's own types the names they have in our schema."""
        roots, upstream = set(self._their_roots().values()), self.upstream
        for name, type_ in self._theirs.type_map.items():
            if type_ in roots or name.startswith(_SPECIFIED) or name in _SUBGRAPH_TYPES:
                continue
            shared = self._core.type_map.get(name)
            if is_specified_scalar_type(type_) or (
                isinstance(type_, GraphQLScalarType) and isinstance(shared, GraphQLScalarType)
            ):
                continue  # those of GraphQL itself are one object for all schemas of the process
            own = upstream.prefix + name
            if own in taken:
                raise ConfigurationError(
                    f"upstream {upstream.name}: type {own} exists already; give the upstream a "
                    f'prefix, as in Upstream("{upstream.name}", …, prefix="Their").'
                )
            self.names[own] = name
            self.types[own] = type_
            type_.name = own

    def _their_roots(self) -> dict[str, GraphQLObjectType | None]:
        """The upstream's root types by the kind of operation."""
        return {
            "query": self._theirs.query_type,
            "mutation": self._theirs.mutation_type,
            "subscription": self._theirs.subscription_type,
        }

    def info(self) -> UpstreamInfo:
        """The upstream's part of the catalog."""
        query = self._theirs.query_type
        finders = {}
        for name, field in (query.fields if query else {}).items():
            finder = _finder(field)
            if finder is not None:
                finders[name] = finder
        directives = frozenset(one.name for one in self.directives)
        upstream = self.upstream
        return UpstreamInfo(
            upstream.name, self.names, finders, self.joins, directives, upstream.optional
        )

    def type_for(self, remote: str) -> Any:
        """The type that the upstream calls so, or None."""
        own = self.upstream.prefix + remote
        return self.types.get(own)

    def _retype(self, type_: Any) -> None:
        """Let a type refer to our scalars where those have its scalars' names."""
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field in type_.fields.values():
                self._retype_field(field)
        elif isinstance(type_, GraphQLUnionType):
            _ = type_.types

    def _directive(self, directive: GraphQLDirective) -> GraphQLDirective:
        """A directive for fields, as clients may write it; elsewhere it could not go on."""
        directive.locations = (DirectiveLocation.FIELD,)
        for argument in directive.args.values():
            argument.type = self._ours(argument.type)
        tell_defaults(directive)
        return directive

    def _retype_field(self, field: Any) -> None:
        """A field of an object or of an input."""
        for one in (field, *getattr(field, "args", {}).values()):
            one.type = self._ours(one.type)

    def _ours(self, type_: Any) -> Any:
        if is_non_null_type(type_):
            return GraphQLNonNull(self._ours(type_.of_type))
        if is_list_type(type_):
            return GraphQLList(self._ours(type_.of_type))
        if isinstance(type_, GraphQLScalarType):
            return self._core.type_map.get(type_.name, type_)
        return type_

    def join(
        self,
        entities: Mapping[type, EntityInfo],
        list_of: Callable[[EntityInfo], GraphQLField],
    ) -> None:
        """Add the domain's fields to the upstream's types."""
        for join in self.upstream.joins:
            where = f"upstream {self.upstream.name}: join {join.type}.{join.name}"
            type_ = self.type_for(join.type)
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

    def _add_roots(self) -> None:
        upstream = self.upstream
        for kind, theirs in self._their_roots().items():
            own = self._roots[kind]
            if own is None or theirs is None:
                continue
            # A subscription has one root field, so that a namespace can only stand in its name.
            held = upstream.namespace and kind != "subscription"
            fields = {name: field for name, field in theirs.fields.items() if name not in _SUBGRAPH}
            for name, field in fields.items():
                self._retype_field(field)
                tell_defaults(field)
                field.resolve = None
                field.extensions = {BINDING: RemoteRoot(upstream.name, name)}
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

    def _namespace(self, root: GraphQLObjectType, fields: dict[str, GraphQLField]) -> GraphQLField:
        upstream = self.upstream
        name = f"{upstream.namespace[0].upper()}{upstream.namespace[1:]}{root.name}"
        if name in self._core.type_map or name in self.types:
            raise ConfigurationError(
                f"upstream {upstream.name}: type {name} exists already; choose another namespace."
            )
        holder = GraphQLObjectType(name, fields, description=f"What {upstream.name} offers.")
        self.types[name] = holder
        return _field(holder, RemoteNamespace(upstream.name), holder.description)


def _with_theirs(core: GraphQLSchema, made: Iterable[_Stitching]) -> tuple[GraphQLDirective, ...]:
    """Our directives and the upstreams'; of those of one name the first counts."""
    found = {one.name: one for one in core.directives}
    for each in made:
        for one in each.directives:
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


def _schema_of(upstream: Upstream) -> GraphQLSchema:
    sdl = upstream.sdl
    try:
        text = sdl.read_text(encoding="utf-8") if isinstance(sdl, Path) else sdl
    except OSError as error:
        raise ConfigurationError(
            f"upstream {upstream.name}: {sdl} cannot be read ({error.strerror}); "
            f"fetch it with `plait pull upstream {upstream.name} URL`."
        ) from None
    try:
        # Directives of others (federation's, say) need not be defined.
        return build_ast_schema(upstream_access.accessible(parse(text)), assume_valid_sdl=True)
    except (GraphQLError, TypeError) as error:
        raise ConfigurationError(f"upstream {upstream.name}: its SDL is wrong: {error}") from None


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
    type_ = stitching.type_for(binding.type)
    if type_ is None:
        raise ConfigurationError(f"{where}: upstream {binding.source} has no type {binding.type}.")
    name = finder_name(binding.by)
    finder = stitching.info().finders.get(name)
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
    found: Binding | None = own or field.extensions.get(BINDING)
    return found


def finder_name(by: str) -> str:
    """The root field in `person(id:)`."""
    return by.partition("(")[0]


def _finder(field: GraphQLField) -> Finder | None:
    required = [name for name, one in field.args.items() if is_required_argument(one)]
    if len(required) > 1 or not field.args:
        return None
    name = required[0] if required else next(iter(field.args))
    type_ = field.args[name].type
    bare = type_.of_type if is_non_null_type(type_) else type_
    return Finder(name, str(type_), is_list_type(bare))


def _field(type_: Any, binding: Binding, description: str | None) -> GraphQLField:
    return GraphQLField(type_, description=description, extensions={BINDING: binding})


def _prefixed(prefix: str, name: str) -> str:
    if not prefix:
        return name
    return f"{prefix[0].lower()}{prefix[1:]}{name[0].upper()}{name[1:]}"
