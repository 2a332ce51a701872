"""An entity class as the catalog knows it: columns, relations and key, by their GraphQL names."""

from __future__ import annotations

import enum
import types
import typing
from typing import TYPE_CHECKING, Any, Union

from gateway.errors import ConfigurationError
from gateway.schema import bindings as b
from gateway.schema.catalog import ColumnInfo, EntityInfo
from gateway.schema.checks import check_target
from gateway.schema.connection import Connection
from gateway.schema.definitions import declare_enum, field_name, fields_of, type_name
from gateway.schema.entity import EntityOptions
from gateway.schema.federation import required_by
from gateway.schema.kinds import kind_of
from gateway.schema.relations import other_key, relation_of
from gateway.schema.rules import condition
from gateway.schema.state_fields import StateValue, placeholders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_entity(cls: type, hints: Mapping[str, Any], entities: Sequence[type]) -> EntityInfo:
    """What the class binds: its columns, relations and key, by their GraphQL names.

    `hints`: its annotations, resolved. `entities`: those of the domain. Raises ConfigurationError
    naming the field that is wrong.
    """
    options = entity_options(cls, cls.__name__)
    name = type_name(cls)
    columns: dict[str, ColumnInfo] = {}
    attributes: dict[str, ColumnInfo] = {}
    relations = {}
    for field in fields_of(cls):
        if not isinstance(field, b.Bound) or isinstance(field.binding, b.NodeIdBinding):
            continue
        public = field_name(field)
        where = f"{cls.__name__}.{field.python_name}"
        inner, nullable = optional(hints[field.python_name])
        if isinstance(field.binding, b.ColumnBinding):
            for part in (inner, *typing.get_args(inner)):
                if isinstance(part, type) and issubclass(part, enum.Enum):
                    declare_enum(part)
            column = options.table.c[field.binding.column or field.python_name]
            kind = kind_of(column, inner, where)
            info = ColumnInfo(public, column, kind, nullable, field.description)
            columns[public] = attributes[field.python_name] = info
        elif isinstance(field.binding, b.BelongsTo | b.HasOne | b.HasMany | b.ManyThrough):
            many = typing.get_origin(inner) is Connection
            target = typing.get_args(inner)[0] if many else inner
            if not many and not nullable:
                raise ConfigurationError(f"{where}: a to-one relation must be `… | None`.")
            far = entity_options(target, where)
            check_target(where, target, entities)
            relations[public] = relation_of(
                public,
                field.binding,
                options,
                far,
                type_name(target),
                many=many,
                where=where,
            )
        elif not nullable:
            raise ConfigurationError(
                f"{where}: a field of another source must be `… | None`, as it may fail."
            )
    _check_needs(cls, attributes)
    _check_rule(cls, options)
    by_column = {info.column.name: info for info in reversed(columns.values())}
    missing = [column for column in options.key if column not in by_column]
    if missing:
        raise ConfigurationError(f"{cls.__name__}: key column {missing[0]!r} has no field.")
    key = tuple(by_column[column] for column in options.key)
    others = [other_key(cls.__name__, options.table, by_column, one) for one in options.other_keys]
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
        other_keys=tuple(others),
    )


def entity_options(target: Any, where: str) -> EntityOptions:
    """What `@entity` was given. Raises ConfigurationError, beginning with `where`, for others."""
    options = getattr(target, "__plait_entity__", None)
    if not isinstance(options, EntityOptions):
        raise ConfigurationError(f"{where}: {target!r} is not an entity.")
    return options


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


def optional(hint: Any) -> tuple[Any, bool]:
    """The hint without `| None`, and whether there was one."""
    if typing.get_origin(hint) in {Union, types.UnionType}:
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return hint, False
