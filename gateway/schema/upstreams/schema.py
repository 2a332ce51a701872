"""The schema of an upstream GraphQL service, made ready to be part of ours.

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
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    build_ast_schema,
    coerce_input_literal,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_specified_scalar_type,
    parse,
    print_ast,
)
from strawberry.schema_directives import OneOf
from strawberry.types.base import StrawberryObjectDefinition

from gateway.errors import ConfigurationError
from gateway.schema.definitions import DEFINED_BY, note
from gateway.schema.upstreams import access as upstream_access
from gateway.schema.upstreams import caching as upstream_caching
from gateway.schema.upstreams.remote import Finder, Upstream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from graphql import GraphQLField

SUBGRAPH = frozenset({"_entities", "_service"})
"""Root fields of a subgraph, which are for routers."""
_SUBGRAPH_TYPES = frozenset({"_Any", "_Entity", "_FieldSet", "_Service"})
_SPECIFIED = ("__", "link__", "federation__")
"""How types begin that belong to a specification the service speaks, and to no service."""


class UpstreamSchema:
    """What an upstream has, as it will be in our schema.

    `types` are its own by the names they get, `names` what it calls them. `roots` are its root
    types by the kind of operation, `directives` those that clients may write at fields, `finders`
    the root fields that find objects by key. `ours` is our schema, `taken` are names of others.
    Raises ConfigurationError naming the upstream.
    """

    def __init__(self, upstream: Upstream, ours: GraphQLSchema, taken: Collection[str]) -> None:
        self.upstream = upstream
        self._ours = ours.type_map
        theirs = _schema_of(upstream)
        self.roots: Mapping[str, GraphQLObjectType | None] = {
            "query": theirs.query_type,
            "mutation": theirs.mutation_type,
            "subscription": theirs.subscription_type,
        }
        self.types: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self._name_types(theirs, {*ours.type_map, *taken})
        self._retype([*self.types.values(), *filter(None, self.roots.values())])
        # Answers in parts are made here, or not at all.
        known = {"stream", *(one.name for one in ours.directives)}
        self.directives = [
            self._directive(one)
            for one in theirs.directives
            if DirectiveLocation.FIELD in one.locations and one.name not in known
        ]
        where, types = f"upstream {upstream.name}", theirs.type_map
        upstream_caching.settle(where, types, upstream.caches)
        roots = [one.name for one in self.roots.values() if one is not None]
        upstream_access.settle(
            where, types, roots, upstream.access, said=not upstream.guards_itself
        )
        found = theirs.query_type.fields.items() if theirs.query_type else ()
        finders = {name: _finder(field) for name, field in found}
        self.finders = {name: finder for name, finder in finders.items() if finder is not None}

    def type_for(self, remote: str) -> Any:
        """The type that the upstream calls so, or None."""
        return self.types.get(self.upstream.prefix + remote)

    def _name_types(self, theirs: GraphQLSchema, taken: Collection[str]) -> None:
        """Give the upstream's own types the names they have in our schema."""
        roots, upstream = set(self.roots.values()), self.upstream
        for name in upstream.scalars:
            if not isinstance(theirs.type_map.get(name), GraphQLScalarType):
                raise ConfigurationError(f"upstream {upstream.name}: scalars: it has no {name}.")
        for name, type_ in theirs.type_map.items():
            if type_ in roots or name.startswith(_SPECIFIED) or name in _SUBGRAPH_TYPES:
                continue
            shared = self._ours.get(name)
            if is_specified_scalar_type(type_) or (
                isinstance(type_, GraphQLScalarType)
                and isinstance(shared, GraphQLScalarType)
                and name not in upstream.scalars
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
            if getattr(type_, "is_one_of", False):
                note(type_, DEFINED_BY, _one_of(own))

    def _retype(self, types: Iterable[Any]) -> None:
        """Let types refer to our scalars where those have their scalars' names."""
        fields = [field for type_ in types for field in getattr(type_, "fields", {}).values()]
        for field in fields:
            for one in (field, *getattr(field, "args", {}).values()):
                one.type = self._our(one.type)
        for field in fields:  # whose defaults may be objects of any of the types
            _tell_defaults(field)

    def _directive(self, directive: GraphQLDirective) -> GraphQLDirective:
        """A directive for fields, as clients may write it; elsewhere it could not go on."""
        directive.locations = (DirectiveLocation.FIELD,)
        for argument in directive.args.values():
            argument.type = self._our(argument.type)
        _tell_defaults(directive)
        return directive

    def _our(self, type_: Any) -> Any:
        if is_non_null_type(type_):
            return GraphQLNonNull(self._our(type_.of_type))
        if is_list_type(type_):
            return GraphQLList(self._our(type_.of_type))
        if isinstance(type_, GraphQLScalarType):
            return self._ours.get(type_.name, type_)
        return type_


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


def _finder(field: GraphQLField) -> Finder | None:
    required = [name for name, one in field.args.items() if is_required_argument(one)]
    if len(required) > 1 or not field.args:
        return None
    name = required[0] if required else next(iter(field.args))
    type_ = field.args[name].type
    bare = type_.of_type if is_non_null_type(type_) else type_
    return Finder(name, str(type_), is_list_type(bare))


def _one_of(name: str) -> StrawberryObjectDefinition:
    """By which Strawberry prints, introspects and checks a one-of input: it asks no other."""
    return StrawberryObjectDefinition(
        name=name,
        is_input=True,
        is_interface=False,
        origin=object,
        description=None,
        interfaces=[],
        extend=False,
        directives=[OneOf()],
        is_type_of=None,
        resolve_type=None,
        fields=[],
    )


def _tell_defaults(member: Any) -> None:
    """Give a field's arguments, or an input's member, their defaults in the older form too.

    graphql-core goes by the newer one, the printer knows no other.
    """
    for one in getattr(member, "args", {"": member}).values():
        default = getattr(one, "default", None)
        if default is not None and default.literal is not None:
            one.default_value = _default(default.literal, one.type)


def _default(literal: Any, type_: Any) -> Any:
    """The value of a literal, in which only what is written stands: no defaults within it."""
    if is_non_null_type(type_):
        return _default(literal, type_.of_type)
    if isinstance(literal, NullValueNode):
        return None
    if is_list_type(type_):
        items = literal.values if isinstance(literal, ListValueNode) else [literal]
        return [_default(item, type_.of_type) for item in items]
    if isinstance(literal, ObjectValueNode) and is_input_object_type(type_):
        fields = type_.fields
        return {
            one.name.value: _default(one.value, fields[one.name.value].type)
            for one in literal.fields
        }
    if isinstance(literal, ListValueNode | ObjectValueNode):  # of a scalar
        return _Written.of(literal)
    return coerce_input_literal(literal, type_)


class _Written(int):
    """A literal that is printed as it is: Strawberry prints a number as its `str`, lists never."""

    text: str

    @classmethod
    def of(cls, literal: Any) -> _Written:
        made = cls()
        made.text = print_ast(literal)
        return made

    def __str__(self) -> str:
        return self.text
