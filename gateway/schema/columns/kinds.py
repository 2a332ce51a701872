"""The kinds of column a table can have: one row per scalar, for reading, filtering and paging.

A kind says which GraphQL type the column has, how a coerced GraphQL value becomes the value bound
to SQL (with its bounds, so that a bad one is refused before the database sees it), which filter
operators make sense, and how its text in a cursor is read back. How it is written as JSON by SQL
stands in `gateway.sources.postgres.reads.scalars`, which column has which in `column_kinds`.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import strawberry
from strawberry.scalars import JSON

from gateway.errors import InputError
from gateway.schema.columns.beyond import ENDLESS, or_distant
from gateway.schema.columns.scalars import (
    NUMBERS,
    BigInt,
    Bytes,
    Duration,
    parse_duration,
    read_decimal,
    read_time,
)
from gateway.schema.lists.patterns import PARTS, PATTERNS

T = TypeVar("T")

EQUALITY = ("eq", "ne", "in", "notIn", "isNull")
ORDERED = ("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "isNull")
TEXTUAL = (*ORDERED, *PATTERNS, *PARTS)
ARRAY = ("eq", "contains", "containedBy", "overlaps", "isNull")
DOCUMENT = ("eq", "contains", "hasKey", "isNull")

MAX_TEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """How one sort of column is typed, bound, filtered and put into a cursor.

    `annotation` is the Python type Strawberry turns into the GraphQL type. `bind` takes a coerced
    GraphQL value (or a Python one) and a name for the error message; it raises `InputError`.
    `parse` reads the text a cursor or a node id carries. `python` are the annotations a resolver
    class may use for the column.
    """

    name: str
    annotation: Any
    bind: Callable[[Any, str], Any]
    parse: Callable[[str, str], Any]
    operators: tuple[str, ...]
    python: tuple[Any, ...]
    orderable: bool = True
    labels: tuple[tuple[str, str], ...] = ()
    item: Kind | None = None
    sparse: bool = False
    """Of a list: whether nulls may stand among its items."""


_INTEGER = re.compile(r"-?[0-9]{1,19}")


def must_be(name: str, right: str) -> InputError:
    """What is wrong with an argument that is something else."""
    return InputError.about(name, f"must be {right}")


def _integer(bits: int) -> Callable[[Any, str], int]:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def bind(value: Any, name: str) -> int:
        if isinstance(value, str):
            if not _INTEGER.fullmatch(value):
                raise must_be(name, f"an integer from {low} to {high}")
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise must_be(name, f"an integer from {low} to {high}")
        return value

    return bind


def _float(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise must_be(name, "a number") from None
    if not math.isfinite(number):
        raise must_be(name, "a finite number")
    return number


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise must_be(name, "text")
    if "\x00" in value:
        raise must_be(name, "text without the NUL character, which SQL cannot store")
    if len(value) > MAX_TEXT:
        raise must_be(name, f"text of at most {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise must_be(name, "text without unpaired surrogates") from None
    return value


def _boolean(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise must_be(name, "true or false")
    return value


def _boolean_text(text: str, name: str) -> bool:
    if text not in {"true", "false"}:
        raise must_be(name, "true or false")
    return text == "true"


def _uuid(value: Any, name: str) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise must_be(name, "a UUID") from None


def _moment(value: Any, name: str) -> dt.datetime:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise must_be(name, "an ISO 8601 date and time") from None
    if not isinstance(value, dt.datetime):
        raise must_be(name, "an ISO 8601 date and time")
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    try:
        return aware.astimezone(dt.UTC)
    except OverflowError:
        raise must_be(name, "a date and time within the years 1 to 9999") from None


def _local_moment(value: Any, name: str) -> dt.datetime:
    moment = value if isinstance(value, dt.datetime) else _moment(value, name)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _date(value: Any, name: str) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise must_be(name, "a date") from None


def _time(value: Any, name: str) -> dt.time:
    return value if isinstance(value, dt.time) else _read(read_time, value, name)


def _decimal(value: Any, name: str) -> Decimal:
    return _read(read_decimal, value, name)


def _read(read: Callable[[Any], T], value: Any, name: str) -> T:
    """What a scalar reads, which says what would be right."""
    try:
        return read(value)
    except ValueError as error:
        raise must_be(name, str(error)) from None


def _span(value: Any, name: str) -> dt.timedelta:
    if isinstance(value, dt.timedelta):
        return value
    try:
        return parse_duration(value)
    except Exception:  # noqa: BLE001 - graphql-core's error becomes ours, whatever its kind
        raise must_be(name, "an ISO 8601 duration such as P1DT2H") from None


def _bytes(value: Any, name: str) -> bytes:
    if not isinstance(value, bytes):
        raise must_be(name, "base64 text")
    return value


def _hex(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("\\x"))
    except ValueError:
        raise must_be(name, "binary data") from None


def _document(value: Any, name: str) -> str:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except (ValueError, TypeError, RecursionError):
        raise must_be(name, "a JSON value") from None
    if "\\u0000" in text:
        raise must_be(name, "JSON without the NUL character, which SQL cannot store")
    return text


def _or(bind: Callable[[Any, str], Any], more: Mapping[str, Any]) -> Callable[[str, str], Any]:
    """Reads what SQL wrote into a cursor: a value that a client may give, too, or one of `more`."""
    return lambda text, name: more[text] if text in more else bind(text, name)


_read_float = _or(_float, {text: float(text) for text in NUMBERS})
_read_moment = _or(or_distant(_moment, dt.timedelta(microseconds=1)), ENDLESS)
_read_local = _or(or_distant(_local_moment, dt.timedelta(microseconds=1)), ENDLESS)
_read_date = _or(or_distant(_date, dt.timedelta(days=1)), ENDLESS)

INT = Kind("Int", int, _integer(32), _integer(32), ORDERED, (int,))
BIGINT = Kind("BigInt", BigInt, _integer(64), _integer(64), ORDERED, (BigInt,))
INT_ID = Kind("IntID", strawberry.ID, _integer(64), _integer(64), ORDERED, (strawberry.ID,))
FLOAT = Kind("Float", float, _float, _read_float, ORDERED, (float,))
TEXT = Kind("String", str, _text, _text, TEXTUAL, (str,))
TEXT_ID = Kind("TextID", strawberry.ID, _text, _text, ORDERED, (strawberry.ID,))
BOOLEAN = Kind("Boolean", bool, _boolean, _boolean_text, ("eq", "ne", "isNull"), (bool,))
UUID = Kind("UUID", uuid.UUID, _uuid, _uuid, ORDERED, (uuid.UUID,))
UUID_ID = Kind("UUIDID", strawberry.ID, _uuid, _uuid, ORDERED, (strawberry.ID,))
DECIMAL = Kind("Decimal", Decimal, _decimal, _decimal, ORDERED, (Decimal,))
MOMENT = Kind("DateTime", dt.datetime, _moment, _read_moment, ORDERED, (dt.datetime,))
LOCAL_MOMENT = Kind("DateTime", dt.datetime, _local_moment, _read_local, ORDERED, (dt.datetime,))
NUMERIC = {INT.name, BIGINT.name, FLOAT.name, DECIMAL.name}
DATE = Kind("Date", dt.date, _date, _read_date, ORDERED, (dt.date,))
TIME = Kind("Time", dt.time, _time, _time, ORDERED, (dt.time,))
DURATION = Kind("Duration", Duration, _span, _or(_span, ENDLESS), ORDERED, (Duration, dt.timedelta))
BYTES = Kind("Bytes", Bytes, _bytes, _hex, EQUALITY, (Bytes, bytes))
DOCUMENT_KIND = Kind("JSON", JSON, _document, _text, DOCUMENT, (JSON,), orderable=False)


def enum_kind(annotation: type[enum.Enum], operators: tuple[str, ...] = ORDERED) -> Kind:
    """A kind whose GraphQL names are the enum's member names, and its values what is stored."""
    members = dict(annotation.__members__)
    stored = {str(member.value) for member in annotation}

    def bind(value: Any, name: str) -> str:
        if isinstance(value, annotation):
            return str(value.value)
        if isinstance(value, str) and value in stored:
            return value
        if isinstance(value, str) and value in members:
            return str(members[value].value)
        raise must_be(name, f"one of {', '.join(members)}")

    labels = tuple((str(member.value), name) for name, member in members.items())
    return Kind(
        annotation.__name__, annotation, bind, bind, operators, (annotation,), labels=labels
    )


def array_kind(item: Kind, *, sparse: bool) -> Kind:
    """A kind of lists; `sparse`: nulls may stand among their items."""

    def of(annotation: Any) -> Any:
        return list[annotation | None] if sparse else list[annotation]

    def bind(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise must_be(name, "a list")
        return [None if part is None else item.bind(part, name) for part in value]

    def parse(_: str, name: str) -> Any:
        raise must_be(name, "a value that can be ordered")

    return Kind(
        f"{item.name}List",
        of(item.annotation),
        bind,
        parse,
        ARRAY,
        tuple(of(python) for python in item.python),
        orderable=False,
        item=item,
        sparse=sparse,
    )
