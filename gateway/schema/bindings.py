"""How a Strawberry field names the source it comes from.

A domain class (`gateway.schema.entity`) reads like the schema: bare annotations are columns,
everything else is assigned one of the functions below, which attach a frozen `Binding` to the
Strawberry field. Nothing is looked up here; `gateway.schema.build` joins the classes into one
schema and its catalog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from strawberry.federation.schema_directives import Requires
from strawberry.federation.types import FieldSet
from strawberry.types.field import StrawberryField

from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import ACCESS, Access, directives_of
from gateway.schema.caching import Cache, cache_directives
from gateway.schema.columns.tables import table_of
from gateway.schema.lists.connection import FieldFromAnswer
from gateway.schema.members import annotated
from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa
    from strawberry.extensions.field_extension import FieldExtension
    from strawberry.permission import BasePermission
    from strawberry.types.arguments import StrawberryArgument

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Binding:
    """What a field is bound to; one subclass per sort of binding."""


@dataclass(frozen=True, slots=True)
class ColumnBinding(Binding):
    """A column of the entity's table; `column` None means the one of the field's own name."""

    column: str | None = None


@dataclass(frozen=True, slots=True)
class ByColumns(Binding):
    """A relation by `columns` of one table, which hold the other's key or its `references`."""

    columns: tuple[str, ...]
    references: tuple[str, ...] = ()


class BelongsTo(ByColumns):
    """To-one: the columns are this table's."""


class HasOne(ByColumns):
    """To-one from the other side: the columns are the other table's, and unique."""


class HasMany(ByColumns):
    """To-many: the columns are the other table's."""


@dataclass(frozen=True, slots=True)
class ManyThrough(Binding):
    """Many-to-many by a table that holds both keys, found by its foreign keys.

    `near`: the columns that hold this entity's key, where the foreign keys leave a choice.
    """

    table: sa.Table
    near: tuple[str, ...] = ()


class ByKey(Binding):
    """A root field that takes the entity's key as arguments."""


@dataclass(frozen=True, slots=True)
class Listing(Binding):
    """A root field that lists an entity's rows as a connection.

    `near` is the vector search that may narrow it.
    """

    near: Vectors | None = None


class ByNodeId(Binding):
    """The root field `node(nodeId:)`."""


class NodeIdBinding(Binding):
    """The global id of an entity: its type and its key as opaque text."""


@dataclass(frozen=True, slots=True)
class Vectors(Binding):
    """A field read from a vector collection; without one, an argument names it.

    `opened` are then the patterns of the names it may have.
    """

    reading: Reading
    collection: VectorCollection | None
    source: str = "default"
    opened: tuple[str, ...] = ()


class Bound(FieldFromAnswer):
    """A Strawberry field that carries a binding instead of a resolver."""

    binding: Binding
    settled: bool = False

    def __init__(self, binding: Binding | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.binding = binding or ColumnBinding()
        self.init = False
        self.kw_only = True

    def __copy__(self) -> Bound:
        twin: Bound = super().__copy__()
        twin.binding = self.binding
        twin.settled = self.settled
        twin.init = False
        return twin

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        """The type once `settle` has set it; before that nothing is looked up."""
        return super().resolve_type(type_definition=type_definition) if self.settled else object

    def settle(self, annotation: Any, arguments: list[StrawberryArgument]) -> None:
        """Set the field's type and arguments, when all entities are known."""
        self.type_annotation = annotated(annotation)
        self.arguments = arguments
        self.settled = True


class Plain(StrawberryField):
    """A Python resolver on an entity, and the columns it reads from the object it is given."""

    needs: tuple[str, ...] = ()

    def __copy__(self) -> Plain:
        twin: Plain = super().__copy__()
        twin.needs = self.needs
        return twin


def _names(columns: Sequence[Any]) -> tuple[str, ...]:
    return tuple(column if isinstance(column, str) else str(column.name) for column in columns)


_OPTIONS = frozenset(
    {
        *("name", "description", "deprecation_reason", "permission_classes", "extensions"),
        *("directives", "cache"),
    }
)


def bound(binding: Binding, options: dict[str, Any]) -> Any:
    """A field with this binding and these options.

    They are those of a Strawberry field, who may use it (`gateway.schema.access.requirements`), and
    how long its answers may be served again (`cache`, `gateway.schema.caching`). Another one is a
    TypeError: a misspelt requirement would leave the field open.
    """
    rest = dict(options)
    for unknown in sorted(rest.keys() - _OPTIONS - set(ACCESS)):
        known = ", ".join(sorted((*_OPTIONS, *ACCESS)))
        raise TypeError(f"a field has no option {unknown!r}; there are {known}")
    access = {name: rest.pop(name) for name in ACCESS if name in rest}
    return Bound(
        binding,
        graphql_name=rest.pop("name", None),
        permission_classes=list(rest.pop("permission_classes", ())),
        extensions=list(rest.pop("extensions", ())),
        directives=[
            *rest.pop("directives", ()),
            *directives_of(access),
            *cache_directives(rest.pop("cache", None)),
        ],
        **rest,
    )


def column(of: Any = None, /, *, init: Literal[False] = False, **options: Any) -> Any:
    """A column under another name than the field's, or one with a description or permissions.

    `name` among the options is the field's name in GraphQL, where Python cannot have it.
    """
    return bound(ColumnBinding(None if of is None else _names((of,))[0]), options)


def belongs_to(
    *columns: Any, references: Sequence[Any] = (), init: Literal[False] = False, **options: Any
) -> Any:
    """To-one by foreign key: `topic: "Topic | None" = belongs_to("topic_id")`.

    `references` names the other side's columns where they are not its key.
    """
    return bound(BelongsTo(_names(columns), _names(references)), options)


def has_one(
    *columns: Any, references: Sequence[Any] = (), init: Literal[False] = False, **options: Any
) -> Any:
    """To-one from the other side: `columns` of the other table hold this key and are unique.

    `references` names this side's columns where they are not its key.
    """
    return bound(HasOne(_names(columns), _names(references)), options)


def has_many(
    *columns: Any, references: Sequence[Any] = (), init: Literal[False] = False, **options: Any
) -> Any:
    """To-many: `trends: Connection["Trend"] = has_many("topic_id")`, a column of the other side.

    `references` names this side's columns where they are not its key.
    """
    return bound(HasMany(_names(columns), _names(references)), options)


def many_through(
    table: sa.Table | type, *near: str, init: Literal[False] = False, **options: Any
) -> Any:
    """Many-to-many: `items: Connection["Item"] = many_through(models.topic_items)`.

    `near` names the columns of the table that hold this entity's key, where both its foreign keys
    lead to one table: `followers: Connection["User"] = many_through(follows, "followed_id")`.
    """
    return bound(ManyThrough(table_of(table, "many_through"), near), options)


def by_key(**options: Any) -> Any:
    """A root field that finds one row or null: `trend: Trend | None = by_key()`."""
    return bound(ByKey(), options)


def listing(
    *, near: str | VectorCollection | None = None, source: str = "default", **options: Any
) -> Any:
    """A root field that lists rows: `trends: Connection[Trend] | None = listing()`.

    With the vector collection `near` of vector source `source` it takes an argument `near`, which
    narrows the list to the rows whose points are nearest to a text, a vector or a point.
    """
    search = None if near is None else Vectors(Reading.SEARCH, declared(near), source)
    return bound(Listing(search), options)


def search(
    collection: str | VectorCollection,
    *,
    size: int | None = None,
    source: str = "default",
    **options: Any,
) -> Any:
    """A root field over a vector collection: `search_trends: Hits[Trend] | None = search(TRENDS)`.

    A collection given by its name alone has no declared payload; `size` is then the dimension of
    its vectors: where it is known, another one is refused at once.
    """
    return bound(Vectors(Reading.SEARCH, declared(collection, size), source), options)


def nearest(
    collection: str | VectorCollection,
    *,
    source: str = "default",
    init: Literal[False] = False,
    **options: Any,
) -> Any:
    """An entity's nearest neighbours: `similar: "Hits[Trend] | None" = nearest(TRENDS)`."""
    return bound(Vectors(Reading.NEAREST, declared(collection), source), options)


def declared(collection: str | VectorCollection, size: int | None = None) -> VectorCollection:
    """The collection itself, or one that is known by its name alone."""
    if isinstance(collection, VectorCollection):
        return collection
    return VectorCollection(collection, size)


@overload
def field(resolver: Callable[..., T], /) -> T: ...
@overload
def field(
    *,
    needs: Sequence[str] = (),
    name: str | None = None,
    description: str | None = None,
    deprecation_reason: str | None = None,
    permission_classes: Sequence[type[BasePermission]] = (),
    extensions: Sequence[FieldExtension] = (),
    directives: Sequence[object] = (),
    requires: str | None = None,
    cache: Cache | None = None,
    **access: Unpack[Access],
) -> Callable[[Callable[..., T]], T]: ...
def field(  # noqa: PLR0913 - each is an option of a Strawberry field
    resolver: Callable[..., T] | None = None,
    /,
    *,
    needs: Sequence[str] = (),
    name: str | None = None,
    description: str | None = None,
    deprecation_reason: str | None = None,
    permission_classes: Sequence[type[BasePermission]] = (),
    extensions: Sequence[FieldExtension] = (),
    directives: Sequence[object] = (),
    requires: str | None = None,
    cache: Cache | None = None,
    **access: Unpack[Access],
) -> T | Callable[[Callable[..., T]], T]:
    """A Python resolver, with options or as a bare `@field`; on an entity it names what it reads.

    The method receives an object that has exactly the attributes in `needs`; reading another is an
    AttributeError. On a root class `needs` stays empty. `authenticated`, `roles`, `scopes` and
    `policies` say who may use the field: for others the resolver does not run. `requires` names the
    fields of other subgraphs that it reads (`external`).
    """

    def decorate(resolver: Callable[..., T]) -> T:
        plain = Plain(
            python_name=None,
            graphql_name=name,
            description=description or resolver.__doc__,
            deprecation_reason=deprecation_reason,
            permission_classes=list(permission_classes),
            extensions=list(extensions),
            directives=[
                *directives,
                *([Requires(fields=FieldSet(requires))] if requires else ()),
                *directives_of(access, resolver),
                *cache_directives(cache),
            ],
        )
        if isinstance(needs, str):
            raise ConfigurationError(
                f'{resolver.__qualname__}: needs is a list of columns; write needs=("{needs}",).'
            )
        plain.needs = tuple(needs)
        return plain(resolver)  # type: ignore[return-value]  # to a type checker it is the value

    return decorate if resolver is None else decorate(resolver)
