"""The API as an Apollo Federation v2 subgraph: keys, `_entities`, and fields that others own.

https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from graphql import FieldNode, GraphQLError, parse
from strawberry.federation.schema_directives import External, Key, Requires

from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import directives_of, requirements_of
from gateway.schema.bindings import Binding, Plain
from gateway.schema.definitions import definition_of, field_name, fields_of
from gateway.schema.subgraph_sdl import subgraph_sdl
from gateway.schema.upstreams.stitching import BINDING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from graphql import GraphQLSchema

    from gateway.schema.access.requirements import Requirements
    from gateway.schema.catalog import EntityInfo, Fields

ENTITIES = "_entities"
ANY_ENTITY = "_Entity"


class Entities(Binding):
    """The root field `_entities(representations:)`."""


class ExternalField(Plain):
    """A field that another subgraph owns, believed where a resolver here requires it."""


def external(**options: Any) -> Any:
    """A field of the entity that another subgraph owns.

    Written `weight: float | None = external()`. Its value is what the router says with a
    representation, and null elsewhere. A resolver reads it as an attribute where it says
    `requires="weight"`, or `requires="owner { name }"` of an object, whose other attributes are
    None.
    """
    own = ExternalField(
        python_name=None,
        description=options.pop("description", None),
        directives=[External(), *options.pop("directives", ())],
        **options,
    )

    def resolve(root: Any) -> Any:
        return root.__dict__.get(own.python_name)

    resolve.__annotations__ = {"root": Any}
    return own(resolve)


def required_by(cls: type) -> Mapping[str, tuple[str, Fields]]:
    """The fields of other subgraphs that resolvers of an entity require, by name.

    Of each the Python attribute, and the fields that are required of the objects it holds. Raises
    ConfigurationError for what is not declared, or is no set of fields.
    """
    declared = {
        field_name(field): field.python_name
        for field in fields_of(cls)
        if isinstance(field, ExternalField)
    }
    wanted: dict[str, Any] = {}
    for field in fields_of(cls):
        for directive in field.directives:
            if isinstance(directive, Requires):
                where = f"{cls.__name__}.{field.python_name}"
                try:
                    (asked,) = parse(f"{{ {directive.fields} }}").definitions
                except (GraphQLError, ValueError):
                    raise _no_field_set(where, directive) from None
                _gather(asked, wanted, _no_field_set(where, directive))
    for name in sorted(wanted.keys() - declared.keys()):
        raise ConfigurationError(
            f"{cls.__name__}: a resolver requires {name!r}, which is not declared; "
            "write `… | None = external()` for it."
        )
    return {name: (declared[name], wanted[name]) for name in sorted(wanted)}


def _gather(node: Any, whole: dict[str, Any], refusal: ConfigurationError) -> None:
    """Add the fields below a node to a set of fields."""
    for selected in node.selection_set.selections if node.selection_set else ():
        if not isinstance(selected, FieldNode) or selected.alias or selected.arguments:
            raise refusal
        _gather(selected, whole.setdefault(selected.name.value, {}), refusal)


def _no_field_set(where: str, directive: Requires) -> ConfigurationError:
    return ConfigurationError(
        f"{where}: requires={str(directive.fields)!r} is no set of fields; write it as in "
        "'weight owner { name }', without arguments, aliases and fragments."
    )


def set_keys(entities: Iterable[EntityInfo], *, subgraph: bool) -> None:
    """Say in a subgraph's schema by which fields others may refer to each entity.

    A class may be an entity of several APIs, so that where it is no subgraph the key goes again.
    """
    for entity in entities:
        definition = entity.cls.__strawberry_definition__  # type: ignore[attr-defined]  # an entity
        own = [one for one in definition.directives or () if not isinstance(one, Key)]
        keys = []
        for key in (entity.key, *entity.other_keys) if subgraph else ():
            names: Any = " ".join(info.name for info in key)
            keys.append(Key(fields=names))
        definition.directives = [*own, *keys]


def bind_entities(core: GraphQLSchema) -> None:
    """Let `_entities` be planned, instead of resolved one by one."""
    query = core.query_type
    if query is not None and ENTITIES in query.fields:
        query.fields[ENTITIES].extensions = {BINDING: Entities()}
        query.fields[ENTITIES].resolve = None


def bind_service(schema: strawberry.Schema, structures: Collection[str]) -> None:
    """Let `_service` tell the SDL that is made once, of the whole schema, fit to be composed.

    `structures` are the names of the types that every API of this kind may have.
    """
    core = schema._schema  # noqa: SLF001 - Strawberry offers no public way to its core schema
    roots = {core.query_type, core.mutation_type, core.subscription_type}
    ours = {
        type_.name for type_ in core.type_map.values() if type_ not in roots and _is_ours(type_)
    }
    text = subgraph_sdl(schema, {*structures, *ours})
    core.type_map["_Service"].fields["sdl"].resolve = lambda *_: text  # type: ignore[attr-defined]  # an object type


def told_to(roles: Sequence[str]) -> dict[str, Requirements]:
    """What a viewer needs for `_service`: one of the roles, where there are any."""
    return {"_Service": requirements_of(directives_of({"roles": roles}))} if roles else {}


def _is_ours(type_: Any) -> bool:
    """Whether the gateway declares the type, not the domain."""
    origin = getattr(definition_of(type_), "origin", None)
    return str(getattr(origin, "__module__", "")).startswith("gateway.")
