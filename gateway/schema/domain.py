"""What a resolvers package offers as `domain`, and what start-up refuses about its classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.schema.bindings import Bound
from gateway.schema.definitions import field_name, fields_of, type_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from strawberry.extensions import SchemaExtension

    from gateway.schema.access.requirements import Policy
    from gateway.schema.upstreams.remote import Upstream
    from gateway.schema.vectors.sync import VectorSync


@dataclass(frozen=True, slots=True)
class Domain:
    """What a resolvers package offers as `domain`: its entities and its root classes."""

    entities: Sequence[type]
    queries: Sequence[type]
    mutations: Sequence[type] = ()
    subscriptions: Sequence[type] = ()
    types: Sequence[type] = ()
    extensions: Sequence[type[SchemaExtension] | Callable[[], SchemaExtension]] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
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
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """What `@policy` may name."""
    namespaces: Sequence[str] = ()
    """The namespaces of stored values that `StateQueries` and `StateMutations` offer."""
    api_keys: type | None = None
    """A class whose one field is the named SQL that says whose an API key is."""
    workflows: Sequence[object] = ()
    """Workflows that the settings may offer."""
    nodes: Mapping[str, Callable[..., Awaitable[Any]]] = field(default_factory=dict)
    """Async functions that workflows in JSON documents may name."""
    syncs: Sequence[VectorSync] = ()
    """The vector collections that are kept in step with rows."""


def check_classes(domain: Domain) -> None:
    """Refuse classes without their decorator, and two of one name, fields of roots among them.

    Raises ConfigurationError naming the class.
    """
    for classes, mark, what, decorator in (
        (domain.entities, "__plait_entity__", "an entity", "@entity(table)"),
        (domain.collections, "__plait_collection__", "a collection", "@directus_collection(…)"),
        (domain.queries, _DECORATED, "a root class", "@queries"),
        (domain.mutations, _DECORATED, "a root class", "@mutations"),
        (domain.subscriptions, _DECORATED, "a root class", "@subscriptions"),
    ):
        for cls in classes:
            if mark not in vars(cls):
                raise ConfigurationError(
                    f"{cls.__name__} is listed as {what}; decorate it with {decorator}."
                )
            if mark is _DECORATED and "__plait_entity__" in vars(cls):
                raise ConfigurationError(
                    f"{cls.__name__} is an entity, and listed as {what}; list it as an entity."
                )
    _check_types((*domain.entities, *domain.collections))
    for cls in (*domain.entities, *domain.collections):
        _check_fields([cls])
    for roots in (domain.queries, domain.mutations, domain.subscriptions):
        _check_fields(roots)
    for cls in domain.subscriptions:
        for one in fields_of(cls):
            if not (isinstance(one, Bound) or one.is_subscription):
                raise ConfigurationError(
                    f"{cls.__name__}.{one.python_name}: a subscription is changes() or an "
                    "asynchronous generator with @strawberry.subscription."
                )


def _check_types(classes: Sequence[type]) -> None:
    """No two classes may have one name, neither in Python nor in GraphQL."""
    for name_of, sort in ((_class_name, "class name"), (type_name, "name in GraphQL")):
        owners: dict[str, type] = {}
        for cls in classes:
            name = name_of(cls)
            if name in owners:
                raise ConfigurationError(
                    f"{cls.__module__}.{cls.__name__}: {owners[name].__module__} has an entity or "
                    f"collection of the same {sort}; rename one."
                )
            owners[name] = cls


def _class_name(cls: type) -> str:
    return cls.__name__


def _check_fields(classes: Sequence[type]) -> None:
    """No two fields of these classes may have one name in GraphQL."""
    owners: dict[str, tuple[type, str]] = {}
    for cls in classes:
        for one in fields_of(cls):
            name = field_name(one)
            first, other = owners.setdefault(name, (cls, one.python_name))
            if (first, other) != (cls, one.python_name):
                raise ConfigurationError(
                    f"{cls.__name__}.{one.python_name}: {first.__module__}.{first.__name__}."
                    f"{other} is called {name} in GraphQL too; rename one."
                )


_DECORATED = "__strawberry_definition__"
