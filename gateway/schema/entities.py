"""An entity class as the catalog knows it: columns, relations and key, by their GraphQL names."""

from __future__ import annotations

import enum
import typing
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.schema import bindings as b
from gateway.schema.access.rules import condition
from gateway.schema.catalog import ColumnInfo, EntityInfo, Relation
from gateway.schema.columns.deduced import kind_of
from gateway.schema.definitions import declare_enum, field_name, fields_of, guarded, type_name
from gateway.schema.entity import EntityOptions
from gateway.schema.federation import required_by
from gateway.schema.lists.fulltext import full_text
from gateway.schema.relations import other_key, relation_of
from gateway.schema.state.fields import StateValue, placeholders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

    from gateway.schema.places import Placed


def read_entity(cls: type, fields: Iterable[Placed], entities: Sequence[type]) -> EntityInfo:
    """What the class binds: its columns, relations and key, by their GraphQL names.

    `fields`: its bound fields. `entities`: those of the domain. Raises ConfigurationError naming
    the field that is wrong.
    """
    options: EntityOptions = vars(cls)["__plait_entity__"]
    columns: dict[str, ColumnInfo] = {}
    attributes: dict[str, ColumnInfo] = {}
    relations: dict[str, Relation] = {}
    for placed in fields:
        public, binding = field_name(placed.field), placed.binding
        if isinstance(binding, b.ColumnBinding):
            name = binding.column or placed.field.python_name
            info = _column(public, placed, options.table.c[name])
            columns[public] = attributes[placed.field.python_name] = info
        elif isinstance(binding, b.ByColumns | b.ManyThrough):
            relations[public] = relation_of(public, placed, binding, options, entities)
    _check_needs(cls, attributes)
    _check_rule(cls, options)
    by_column = {info.column.name: info for info in reversed(columns.values())}
    missing = [column for column in options.key if column not in by_column]
    if missing:
        raise ConfigurationError(
            f"{cls.__name__}: key column {missing[0]!r} has no field; write `{missing[0]}: ID`."
        )
    key = tuple(by_column[column] for column in options.key)
    closed = guarded(cls)
    shown = [info for name, info in columns.items() if name not in closed]
    others = [other_key(cls.__name__, options.table, by_column, one) for one in options.other_keys]
    return EntityInfo(
        type_name(cls),
        options.table,
        options.source,
        cls,
        key,
        columns,
        relations,
        attributes,
        options.rule,
        full_text(options.table, options.search, shown, cls.__name__),
        required=required_by(cls),
        other_keys=tuple(others),
    )


def _column(public: str, placed: Placed, column: sa.Column[Any]) -> ColumnInfo:
    for part in (placed.inner, *typing.get_args(placed.inner)):
        if isinstance(part, type) and issubclass(part, enum.Enum):
            declare_enum(part)
    kind = kind_of(column, placed.inner, placed.where)
    return ColumnInfo(public, column, kind, placed.nullable, placed.field.description)


def _check_rule(cls: type, options: EntityOptions) -> None:
    """Make the rule's condition once, as statements will: a slip in it must not wait for them."""
    if options.rule is None:
        return
    try:
        condition(options.rule, options.table.alias().c)
    except Exception as error:
        says = f"{cls.__name__}: its row rule fails: {type(error).__name__}: {error}"
        raise ConfigurationError(says) from error


def _check_needs(cls: type, attributes: Mapping[str, ColumnInfo]) -> None:
    """Refuse a resolver or a key pattern that reads a column the entity does not show."""
    for field in fields_of(cls):
        needs: tuple[str, ...] = getattr(field, "needs", ())
        binding = getattr(field, "binding", None)
        if isinstance(binding, StateValue):
            needs = placeholders(binding.pattern)
        for name in needs:
            if name not in attributes:
                raise ConfigurationError(
                    f"{cls.__name__}.{field.python_name}: {name!r} is not a column of this "
                    f"entity; it has {', '.join(sorted(attributes))}."
                )
