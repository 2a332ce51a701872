"""Which kind a column is of: by its type, and by the annotation that a class gives it."""

from __future__ import annotations

import enum
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

import sqlalchemy as sa
import strawberry
from sqlalchemy.dialects import postgresql as pg

from gateway.errors import ConfigurationError
from gateway.schema.columns import kinds as k

if TYPE_CHECKING:
    from gateway.schema.columns.kinds import Kind

# The first that fits wins, so a subclass stands before its base.
_BY_TYPE: tuple[tuple[type[Any], tuple[Kind, ...]], ...] = (
    (sa.BigInteger, (k.INT_ID, k.BIGINT)),
    (sa.Integer, (k.INT, k.INT_ID)),
    (sa.Float, (k.FLOAT,)),
    (sa.Numeric, (k.DECIMAL,)),
    (sa.Boolean, (k.BOOLEAN,)),
    (sa.Uuid, (k.UUID, k.UUID_ID)),
    (sa.Date, (k.DATE,)),
    (sa.Time, (k.TIME,)),
    (sa.Interval, (k.DURATION,)),
    (pg.INTERVAL, (k.DURATION,)),
    (sa.LargeBinary, (k.BYTES,)),
    (sa.JSON, (k.DOCUMENT_KIND,)),
    (sa.String, (k.TEXT, k.TEXT_ID)),
    (pg.CITEXT, (k.TEXT, k.TEXT_ID)),
)


def key_kind(column: sa.Column[Any], where: str) -> Kind:
    """The kind of a column that holds another row's key: an ID where it can be one."""
    kinds = _kinds(column.type, None, where)
    return next((kind for kind in kinds if kind.annotation is strawberry.ID), kinds[0])


def kind_of(column: sa.Column[Any], annotation: Any, where: str) -> Kind:
    """The kind of a column under the Python annotation a resolver class gives it.

    `annotation` is without `| None`. `where` names the field for the error message. Raises
    ConfigurationError where the two do not fit, saying which annotations do.
    """
    kinds = _kinds(column.type, annotation, where)
    if annotation is None:
        return next((kind for kind in kinds if kind.annotation is not strawberry.ID), kinds[0])
    for kind in kinds:
        if annotation in kind.python:
            return kind
    fits = " or ".join(_spell(python) for kind in kinds for python in kind.python)
    raise ConfigurationError(
        f"{where}: column {column.table.name}.{column.name} of type {column.type!r} "
        f"cannot be {_spell(annotation)}; write {fits}."
    )


def _spell(annotation: Any) -> str:
    if getattr(annotation, "__origin__", None) is list:
        return str(annotation)
    return getattr(annotation, "__name__", str(annotation))


def _kinds(type_: sa.types.TypeEngine[Any], annotation: Any, where: str) -> tuple[Kind, ...]:
    if isinstance(type_, sa.ARRAY):
        inner = annotation.__args__[0] if getattr(annotation, "__args__", ()) else None
        bare = [part for part in get_args(inner) if part is not NoneType]
        sparse = len(bare) == 1 and len(get_args(inner)) > 1
        items = _kinds(type_.item_type, bare[0] if sparse else inner, where)
        return tuple(k.array_kind(item, sparse=sparse) for item in items)
    if isinstance(type_, sa.Enum) and type_.enums:
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return (_enum_kind(type_, annotation, where),)
        return (k.TEXT,)
    if isinstance(type_, sa.DateTime):
        return (k.MOMENT,) if type_.timezone else (k.LOCAL_MOMENT,)
    for base, kinds in _BY_TYPE:
        if isinstance(type_, base):
            return kinds
    raise ConfigurationError(
        f"{where}: columns of type {type_!r} cannot be a field yet; "
        "give the field a resolver, or cast the column in a view."
    )


def _enum_kind(type_: sa.Enum, annotation: type[enum.Enum], where: str) -> Kind:
    values, labels = sorted(str(member.value) for member in annotation), sorted(type_.enums)
    if set(values) != set(labels):
        raise ConfigurationError(
            f"{where}: {annotation.__name__} has the values {values}, "
            f"the column has the labels {labels}; they must be the same."
        )
    return k.enum_kind(annotation)
