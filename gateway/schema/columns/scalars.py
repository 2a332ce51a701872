"""The scalars GraphQL lacks and SQL has, beside those Strawberry brings.

How each is written in JSON is one decision, taken here for input and output and in
`gateway.sources.postgres.reads.scalars` for SQL, so that a value reads the same whichever way it
came:

| scalar     | JSON                                            | Python      |
|------------|-------------------------------------------------|-------------|
| `BigInt`   | string of digits: 64 bits do not fit a JS number | `int`       |
| `Bytes`    | base64 with padding, one line                   | `bytes`     |
| `Duration` | ISO 8601, e.g. `P1DT2H30M`                      | `timedelta`; a `Span` with months |

Strawberry's own `DateTime`, `Time` and `Decimal` are written as PostgreSQL writes them, too: no
zeros at the end of a fraction of a second, and no exponents. What a column can hold beyond Python's
habits may be given as it is written: `24:00:00`, `NaN`, `Infinity`, `-Infinity`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NewType, Self
from uuid import UUID

from graphql import GraphQLError, value_from_ast_untyped
from strawberry.schema.types.base_scalars import (
    DateDefinition,
    DateTimeDefinition,
    DecimalDefinition,
    TimeDefinition,
    UUIDDefinition,
)
from strawberry.types.scalar import scalar

if TYPE_CHECKING:
    from graphql import ValueNode
    from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)
Bytes = NewType("Bytes", bytes)
Duration = NewType("Duration", timedelta)

MAX_DURATION = 64
MAX_DIGITS = 1_000
"""Digits that an exponent may stand for: a text of a few letters would else make a long answer."""
NUMBERS = ("NaN", "Infinity", "-Infinity")
"""What a decimal may be beside a number, as SQL writes it."""

_BEFORE, _BEHIND = 131_072, 16_383
"""Digits before and behind the point that PostgreSQL's `numeric` holds."""


class Span(timedelta):
    """A duration that counts months: 30 days each where it is compared, as PostgreSQL compares it.

    Where it is stored or added to a date a month is a month.
    """

    months: int

    def __new__(cls, months: int, rest: timedelta) -> Self:
        """A duration of `months` and the `rest`, either of which may be negative."""
        span = super().__new__(cls, rest.days + 30 * months, rest.seconds, rest.microseconds)
        span.months = months
        return span

    def __reduce__(self) -> tuple[Any, ...]:
        return Span, in_months(self)


def in_months(value: timedelta) -> tuple[int, timedelta]:
    """The months of a duration, and the rest of it."""
    if isinstance(value, Span):
        return value.months, value - timedelta(days=30 * value.months)
    return 0, value


class EndOfDay(time):
    """24:00: SQL has it, and Python takes it for the last microsecond; equal to itself alone."""

    def __new__(cls) -> Self:
        """The one that there is is `END_OF_DAY`."""
        return super().__new__(cls, 23, 59, 59, 999_999)

    def isoformat(self, timespec: str = "auto") -> str:
        """As SQL writes it."""
        del timespec
        return "24:00:00"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = time.__hash__

    def __reduce_ex__(self, _: object) -> str:
        return "END_OF_DAY"


END_OF_DAY = EndOfDay()
_END_OF_DAY = re.compile(r"T?24:?00(:?00([.,]0+)?)?")


def read_time(given: Any) -> time:
    """A time in ISO 8601, 24:00 included. Raises ValueError saying what would be right."""
    try:
        if _END_OF_DAY.fullmatch(given):
            return END_OF_DAY
        if not given.removeprefix("T").startswith("24"):  # which newer Pythons take for midnight
            return time.fromisoformat(given)
    except (TypeError, ValueError):
        pass
    raise ValueError("a time in ISO 8601, from 00:00:00 up to 24:00:00")


def read_decimal(given: Any) -> Decimal:
    """A number or its text, as PostgreSQL's `numeric` holds it; NaN and the infinities by name.

    Raises ValueError saying what would be right.
    """
    if isinstance(given, Decimal):
        return given
    text = str(given)
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("sNaN")
    if not number.is_finite():
        if str(number) in NUMBERS:
            return number
        raise ValueError(
            'a number, best as text, such as "19.90"; or "NaN", "Infinity", "-Infinity"'
        )
    before, behind = number.adjusted() + 1, -int(number.as_tuple().exponent)
    if before > _BEFORE or behind > _BEHIND or max(before, behind) > max(MAX_DIGITS, len(text)):
        raise ValueError(
            f"a number of at most {_BEFORE} digits before its point and {_BEHIND} behind it, or of "
            f"{MAX_DIGITS} by an exponent"
        )
    return number


_DURATION = re.compile(
    r"(?P<sign>-)?P(?:(?P<years>-?\d+)Y)?(?:(?P<months>-?\d+)M)?(?:(?P<weeks>-?\d+)W)?"
    r"(?:(?P<days>-?\d+)D)?(?:T(?:(?P<hours>-?\d+)H)?(?:(?P<minutes>-?\d+)M)?"
    r"(?:(?P<seconds>-?\d+(?:\.\d{1,6})?)S)?)?"
)


def _wrong(name: str, right: str) -> GraphQLError:
    return GraphQLError(f"{name} must be {right}.", extensions={"code": "BAD_USER_INPUT"})


def parse_bigint(value: Any) -> int:
    """An integer or a string of digits to `int`. Raises GraphQLError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value):
        return int(value)
    raise _wrong("BigInt", "a 64-bit integer, as digits or as a string of digits")


def parse_bytes(value: Any) -> bytes:
    """Base64 text to bytes. Raises GraphQLError."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _wrong("Bytes", "base64 text") from None


def parse_duration(value: Any) -> timedelta:
    """ISO 8601 duration to `timedelta`, any part of it negative; a `Span` where it counts months.

    Raises GraphQLError.
    """
    fits = isinstance(value, str) and len(value) <= MAX_DURATION
    match = _DURATION.fullmatch(value) if fits else None
    if match is None or value.endswith(("P", "T")):
        raise _wrong("Duration", "an ISO 8601 duration, such as P1DT2H")
    parts = match.groupdict(default="0")
    sign = parts.pop("sign")
    try:
        months = int(parts.pop("years")) * 12 + int(parts.pop("months"))
        span = timedelta(**{unit: float(amount) for unit, amount in parts.items()})
        if sign == "-":
            months, span = -months, -span
        return Span(months, span) if months else span
    except OverflowError:
        raise _wrong("Duration", "shorter than a million days") from None


def write_duration(value: timedelta | str) -> str:
    """A `timedelta` in ISO 8601, as PostgreSQL's `intervalstyle = iso_8601` writes it."""
    if isinstance(value, str):
        return value
    months, value = in_months(value)
    if not months and not value:
        return "PT0S"
    years = -(-months // 12) if months < 0 else months // 12
    days = "".join(
        f"{n}{u}" for n, u in ((years, "Y"), (months - 12 * years, "M"), (value.days, "D")) if n
    )
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    clock = "".join(f"{n}{u}" for n, u in ((hours, "H"), (minutes, "M")) if n)
    if value.microseconds:
        clock += f"{seconds + value.microseconds / 1e6:.6f}".rstrip("0") + "S"
    elif seconds:
        clock += f"{seconds}S"
    return f"P{days}" + (f"T{clock}" if clock else "")


def write_moment(value: datetime | time) -> str:
    """A date and time, or a time, in ISO 8601 as PostgreSQL writes it."""
    text = value.isoformat()
    fraction = f".{value.microsecond:06d}"
    return text.replace(fraction, fraction.rstrip("0")) if value.microsecond else text


def _digits(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _base64(value: Any) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).decode()


_RIGHT = {
    "Date": "a date in ISO 8601, such as 2026-01-31",
    "DateTime": "a date and time in ISO 8601, such as 2026-01-31T12:00:00Z",
    "UUID": "32 hexadecimal digits in five groups",
}
"""Strawberry's own scalars: what would be right where a value is wrong."""


def _told(definition: ScalarDefinition) -> ScalarDefinition:
    """The scalar with errors that say what would be right, and of a literal, where it stands."""
    parse, right = definition.parse_value, _RIGHT.get(definition.name)
    if parse is None:
        raise TypeError(f"{definition.name} parses nothing")

    def value(given: Any) -> Any:
        try:
            return parse(given)
        except ValueError as error:
            raise _wrong(definition.name, str(error)) from None
        except GraphQLError:
            if right is None:
                raise
            raise _wrong(definition.name, right) from None

    def literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        try:
            return value(value_from_ast_untyped(node, variables))
        except GraphQLError as error:  # which graphql-core would report without a place
            raise GraphQLError(error.message, node, extensions=error.extensions) from None

    return replace(definition, parse_value=value, parse_literal=literal)


_NUMBERS_AS_TEXT = "https://www.rfc-editor.org/rfc/rfc7493#section-2.2"
"""How JSON holds a number that no double does."""

_DEFINITIONS: dict[object, ScalarDefinition] = {
    datetime: replace(
        DateTimeDefinition,
        description="A date and time in ISO 8601; without an offset where no time zone is known.",
        specified_by_url="https://www.w3.org/TR/xmlschema11-2/#dateTime",
        serialize=write_moment,
    ),
    time: replace(
        TimeDefinition,
        description="A time of day in ISO 8601, from `00:00:00` up to `24:00:00`.",
        specified_by_url="https://www.w3.org/TR/xmlschema11-2/#time",
        serialize=write_moment,
        parse_value=read_time,
    ),
    Decimal: replace(
        DecimalDefinition,
        description="A decimal number as text, without an exponent; or `NaN`, `Infinity`, "
        "`-Infinity`.",
        specified_by_url=_NUMBERS_AS_TEXT,
        serialize=_digits,
        parse_value=read_decimal,
    ),
    date: replace(
        DateDefinition,
        description="A date in ISO 8601, such as `2026-01-31`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    ),
    UUID: replace(
        UUIDDefinition,
        description="A UUID, as 32 hexadecimal digits in five groups.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562#section-4",
    ),
    BigInt: scalar(
        name="BigInt",
        description="A 64-bit integer, as a string of digits.",
        specified_by_url=_NUMBERS_AS_TEXT,
        serialize=str,
        parse_value=parse_bigint,
    ),
    Bytes: scalar(
        name="Bytes",
        description="Binary data, as base64 text.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc4648#section-4",
        serialize=_base64,
        parse_value=parse_bytes,
    ),
    Duration: scalar(
        name="Duration",
        description="A span of time in ISO 8601, such as `P1DT2H30M`; any part may be negative.",
        specified_by_url="https://www.postgresql.org/docs/current/datatype-datetime.html"
        "#DATATYPE-INTERVAL-OUTPUT",
        serialize=write_duration,
        parse_value=parse_duration,
    ),
}
SCALARS = {python: _told(definition) for python, definition in _DEFINITIONS.items()}
"""For `StrawberryConfig(scalar_map=…)`."""
