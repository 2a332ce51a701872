"""What a field of an item can hold: one row per annotation, for filtering and for reading answers.

A source may write one value in several ways, as its own database does (a large integer as a number
or as text); `read` takes them all and gives the one that the GraphQL type says, as SQL's rows have
it too.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
import typing
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry
from strawberry.scalars import JSON

from gateway.errors import ConfigurationError
from gateway.schema.columns import kinds
from gateway.schema.columns.scalars import MAX_DIGITS, BigInt, write_moment
from gateway.schema.definitions import declare_enum

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_INT32 = 1 << 31


class Misshapen(ValueError):  # noqa: N818 - a condition to act on
    """A value that is not what its type says."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemKind:
    """How one sort of field is typed, filtered and read.

    `annotation` is what Strawberry makes the GraphQL type of, `filter` the kind whose filter it
    has (None: only whether there is a value), `texts` whether it is filtered by parts of a text.
    `read` takes a value of the source's JSON, never null, and raises `Misshapen`.
    """

    name: str
    annotation: Any
    read: Callable[[Any], Any]
    filter: kinds.Kind | None
    texts: bool = False
    sortable: bool = True
    number: bool = False

    @property
    def bind(self) -> Callable[[Any, str], Any]:
        """Checks a coerced value; takes a name for the error. Raises InputError."""
        return (self.filter or kinds.TEXT).bind


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Misshapen
    return value


def _id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value)


def _whole(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Misshapen
    return value


def _int(value: Any) -> int:
    number = _whole(value)
    if not -_INT32 <= number < _INT32:
        raise Misshapen
    return number


def _bigint(value: Any) -> str:
    return str(_whole(value))


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise Misshapen
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Misshapen from None
    if not math.isfinite(number):
        raise Misshapen
    return number


def _decimal(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Misshapen
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Misshapen from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise Misshapen
    return f"{number:f}"


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misshapen
    return value


def _parsed(parse: Callable[[str], Any], write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Reads a text that `parse` takes, as `write` writes it."""

    def read(value: Any) -> str:
        try:
            return write(parse(_text(value)))
        except ValueError:
            raise Misshapen from None

    return read


ID = ItemKind("ID", strawberry.ID, _id, kinds.TEXT_ID)
INT = ItemKind("Int", int, _int, kinds.INT, number=True)
BIGINT = ItemKind("BigInt", BigInt, _bigint, kinds.BIGINT, number=True)
FLOAT = ItemKind("Float", float, _float, kinds.FLOAT, number=True)
DECIMAL = ItemKind("Decimal", Decimal, _decimal, kinds.DECIMAL, number=True)
TEXT = ItemKind("String", str, _text, kinds.TEXT, texts=True)
BOOLEAN = ItemKind("Boolean", bool, _boolean, kinds.BOOLEAN)
UUID = ItemKind("UUID", uuid.UUID, _parsed(uuid.UUID, str), kinds.UUID)
MOMENT = ItemKind(
    "DateTime", dt.datetime, _parsed(dt.datetime.fromisoformat, write_moment), kinds.MOMENT
)
DATE = ItemKind("Date", dt.date, _parsed(dt.date.fromisoformat, str), kinds.DATE)
TIME = ItemKind("Time", dt.time, _parsed(dt.time.fromisoformat, write_moment), kinds.TIME)
DOCUMENT = ItemKind("JSON", JSON, lambda value: value, None, sortable=False)

_KINDS = (ID, INT, BIGINT, FLOAT, DECIMAL, TEXT, BOOLEAN, UUID, MOMENT, DATE, TIME, DOCUMENT)


def item_kind(annotation: Any, where: str) -> ItemKind:
    """The kind of a field under its annotation, without `| None`.

    `where` names the field for the error message. Raises ConfigurationError for an annotation that
    no value fits.
    """
    if typing.get_origin(annotation) is list:
        return _list_kind(item_kind(typing.get_args(annotation)[0], where))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _enum_kind(annotation)
    for kind in _KINDS:
        if kind.annotation is annotation:
            return kind
    known = ", ".join(getattr(kind.annotation, "__name__", kind.name) for kind in _KINDS)
    raise ConfigurationError(
        f"{where}: a value of an item cannot be {annotation!r}; write one of {known}, an Enum, "
        "or a list of these."
    )


def _list_kind(item: ItemKind) -> ItemKind:
    """A list, as `csv`, `tags` and lists in JSON are."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Misshapen
        return [item.read(one) for one in value]

    return ItemKind(f"{item.name}List", list[item.annotation], read, None, sortable=False)  # type: ignore[name-defined]  # a run-time annotation


def _enum_kind(annotation: type[enum.Enum]) -> ItemKind:
    """A field with choices: the enum's values are the source's, its names are GraphQL's."""
    declare_enum(annotation)
    names = {str(member.value): name for name, member in annotation.__members__.items()}

    def read(value: Any) -> str:
        if not isinstance(value, str | int) or str(value) not in names:
            raise Misshapen
        return names[str(value)]

    bound = kinds.enum_kind(annotation, kinds.EQUALITY)
    return ItemKind(annotation.__name__, annotation, read, bound)
