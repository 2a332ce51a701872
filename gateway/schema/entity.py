"""`@entity`: a class bound to a table or a view, a field for each column it names."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, dataclass_transform

import strawberry
from typing_extensions import Format, get_annotations

from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import Access, directives_of
from gateway.schema.access.rules import Rule
from gateway.schema.bindings import (
    Bound,
    ColumnBinding,
    belongs_to,
    column,
    has_many,
    has_one,
    many_through,
    nearest,
)
from gateway.schema.caching import Cache, cache_directives
from gateway.schema.columns.tables import table_of
from gateway.schema.definitions import paragraph
from gateway.schema.state.fields import state_counter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """What `@entity` was given; kept on the class as `__plait_entity__`."""

    table: sa.Table
    key: tuple[str, ...]
    source: str
    rule: Rule | None = None
    search: str | tuple[str, str] | None = None
    other_keys: tuple[tuple[str, ...], ...] = ()


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        column,
        belongs_to,
        has_one,
        has_many,
        many_through,
        nearest,
        state_counter,
    ),
)
def entity(  # noqa: PLR0913 - each is an option of an entity
    table: sa.Table | type,
    *,
    key: str | Sequence[str] = "id",
    source: str = "default",
    rule: Rule | None = None,
    search: str | tuple[str, str] | None = None,
    other_keys: Sequence[str | Sequence[str]] = (),
    name: str | None = None,
    description: str | None = None,
    directives: Sequence[object] = (),
    cache: Cache | None = None,
    **access: Unpack[Access],
) -> Callable[[type[T]], type[T]]:
    """A class bound to a table or view: each bare annotation is a column of the same name.

    `table` is SQLAlchemy's, or a class that its ORM maps to one.
    `key` names the columns that identify a row, one or several. `rule` is the condition under
    which a row exists for a viewer (`gateway.schema.access.rules`). `search` names the tsvector
    column of full-text search where the table has several, or that column and its text search
    configuration where no generated column tells it. `other_keys` are more unique columns, each one
    or several, by which other subgraphs may refer to rows. `authenticated`, `roles`, `scopes` and
    `policies` say who may use the type, wherever a field returns it; `cache` how long its rows may
    be served again. The class docstring, else the table's comment, becomes the GraphQL description.
    Raises ConfigurationError at import where a column does not exist.
    """
    table = table_of(table, "@entity")

    def decorate(cls: type[T]) -> type[T]:
        own = vars(cls).get("__init__", _hold)
        keys = (key,) if isinstance(key, str) else tuple(key)
        others = tuple((one,) if isinstance(one, str) else tuple(one) for one in other_keys)
        options = EntityOptions(table, keys, source, rule, search, others)
        for column_name in keys:
            _existing(options, column_name, f"the key of {cls.__name__}", _KEY)
        for attribute in get_annotations(cls, format=Format.STRING):
            value = vars(cls).get(attribute, dataclasses.MISSING)
            if value is dataclasses.MISSING:
                setattr(cls, attribute, Bound(ColumnBinding()))
                value = getattr(cls, attribute)
            if isinstance(value, Bound) and isinstance(value.binding, ColumnBinding):
                column_name = value.binding.column or attribute.rstrip("_")
                found = _existing(options, column_name, f"{cls.__name__}.{attribute}")
                value.binding = ColumnBinding(column_name)
                value.description = value.description or found.comment
        bound = strawberry.type(
            cls,
            name=name,
            description=description or paragraph(cls.__doc__) or table.comment,
            directives=[
                *directives,
                *directives_of(access, cls, entity.__kwdefaults__ or ()),
                *cache_directives(cache),
            ],
        )
        cls.__init__ = own  # type: ignore[method-assign]  # the dataclass's takes none
        if "__getattr__" not in vars(cls):
            cls.__getattr__ = _unread  # type: ignore[attr-defined]  # says what Python could not
        bound.__plait_entity__ = options  # type: ignore[attr-defined]  # read by build()
        return bound

    return decorate


def _hold(row: object, **columns: Any) -> None:
    """Make an object by hand: what is known of its row, by attribute. Raises TypeError."""
    kind = type(row)
    members: dict[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]  # it is one
    known = [
        name
        for name, member in members.items()
        if isinstance(getattr(member, "binding", None), ColumnBinding)
    ]
    for name in columns:
        if name not in known:
            raise TypeError(f"{kind.__name__} has no column {name!r}; it has {', '.join(known)}")
    vars(row).update(columns)


def _unread(row: object, name: str) -> Any:
    """Raise AttributeError for what a resolver looks for in a row and did not ask for."""
    kind = type(row)
    if name in kind.__dataclass_fields__:  # type: ignore[attr-defined]  # an entity is one
        raise AttributeError(
            f"{kind.__name__}.{name} was not read for this resolver, which must name it: "
            f"@field(needs=({name!r},))"
        )
    raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")


_KEY = "; name those that identify a row, as in `@entity(table, key=(…))`"


def _existing(options: EntityOptions, name: str, where: str, hint: str = "") -> sa.Column[Any]:
    try:
        return options.table.c[name]
    except KeyError:
        near = ", ".join(sorted(options.table.c.keys()))
        raise ConfigurationError(
            f"{where}: table {options.table.name} has no column {name!r}; it has {near}{hint}."
        ) from None
