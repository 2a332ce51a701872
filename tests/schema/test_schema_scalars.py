"""Scalars in Python: what is written can be read, what is wrong is refused with a code."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import strawberry
from graphql import GraphQLError, SourceLocation
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from gateway.schema import opaque
from gateway.schema.columns.scalars import (
    END_OF_DAY,
    SCALARS,
    parse_bigint,
    parse_bytes,
    parse_duration,
    read_decimal,
    read_time,
    write_duration,
    write_moment,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@given(st.timedeltas())
def test_a_duration_is_read_as_it_was_written(span: dt.timedelta) -> None:
    """Negative ones and microseconds included."""
    assert parse_duration(write_duration(span)) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("P1W", dt.timedelta(days=7)),
        ("-P1DT2H", -dt.timedelta(days=1, hours=2)),
        ("P-1DT22H", dt.timedelta(hours=-2)),
        ("PT-0.5S", dt.timedelta(microseconds=-500_000)),
        ("PT36H", dt.timedelta(hours=36)),
        ("P1Y2M", dt.timedelta(days=14 * 30)),
    ],
)
def test_durations_have_many_spellings(text: str, span: dt.timedelta) -> None:
    """Weeks, signs, years and months: whatever PostgreSQL may write, and clients too."""
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["P1M", "P1Y", "P1Y2M3DT4H5M6.7S", "P-1Y-2M", "P1M-1D", "P-1M30D"])
def test_months_are_no_days(text: str) -> None:
    """Though equal to thirty of them they are written as months again, after a copy as well."""
    span = parse_duration(text)
    assert write_duration(span) == text
    assert write_duration(pickle.loads(pickle.dumps(span))) == text  # noqa: S301 - our own


WRONG: dict[Callable[[Any], Any], list[Any]] = {
    parse_duration: [
        *("", "P", "PT", "P1DT", "1D", "P1S", "PT1D", "PT1.5H", "P9999999999D"),
        *("P" + "9" * 70 + "D", 1, None),
    ],
    parse_bigint: ["", "1.0", "0x1", " 1", "1" * 20, True, 1.0, None, []],
    parse_bytes: ["a", "a===", "ä", "YQ==\n", 1, None],
}


@pytest.mark.parametrize("parse", WRONG, ids=lambda parse: parse.__name__)
def test_a_wrong_value_is_the_clients_mistake(parse: Callable[[Any], Any]) -> None:
    """Never an internal error."""
    for value in WRONG[parse]:
        with pytest.raises(GraphQLError) as raised:
            parse(value)
        assert raised.value.extensions == {"code": "BAD_USER_INPUT"}


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_big_integers_come_as_digits(number: int) -> None:
    """As a JSON number or as text."""
    assert parse_bigint(number) == parse_bigint(str(number)) == number


@given(st.binary())
def test_bytes_come_as_base64(value: bytes) -> None:
    """With padding, on one line."""
    assert parse_bytes(base64.b64encode(value).decode()) == value


@given(st.datetimes(timezones=st.just(dt.UTC)) | st.datetimes() | st.times())
def test_a_moment_is_written_without_zeros_at_its_end(moment: dt.datetime | dt.time) -> None:
    """And still says what it said."""
    text = write_moment(moment)
    assert type(moment).fromisoformat(text) == moment
    clock = text.partition("T")[2] or text
    fraction = clock.removesuffix("+00:00").partition(".")[2]
    assert not fraction.endswith("0")
    assert bool(fraction) == bool(moment.microsecond)


@pytest.mark.parametrize("text", ["24:00:00", "24:00", "2400", "T24:00:00.000"])
def test_the_end_of_a_day_is_a_time(text: str) -> None:
    """Told apart from its last microsecond and written as SQL does, after a copy as well."""
    found = read_time(text)
    assert found is END_OF_DAY
    assert (found == dt.time.max, dt.time.max == found, found == END_OF_DAY) == (False, False, True)
    assert (found.hour, len({found, dt.time.max})) == (23, 2)
    for one in (found, copy.deepcopy(found), pickle.loads(pickle.dumps(found))):  # noqa: S301 - our own
        assert write_moment(one) == str(one) == "24:00:00"


@given(st.times())
def test_other_times_are_as_they_are(value: dt.time) -> None:
    """Whatever they are."""
    assert read_time(value.isoformat()) == value


@pytest.mark.parametrize("given", ["", "24:00:01", "T24:30", "25:00", "24:00:00Z", 24, None])
def test_no_time(given: Any) -> None:
    """Nor is anything that a day does not have."""
    with pytest.raises(ValueError, match="up to 24:00:00"):
        read_time(given)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("NaN", "NaN"),
        ("nan", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        (1.5, "1.5"),
        (10**40, f"1{'0' * 40}"),
        ("1e999", f"1{'0' * 999}"),
        ("9" * 131_072, "9" * 131_072),
        (f"0.{'0' * 16_382}1", f"0.{'0' * 16_382}1"),
    ],
)
def test_a_decimal_is_what_a_numeric_holds(given: Any, written: str) -> None:
    """Up to its last digit where they are given; no more than a thousand by an exponent."""
    serialize = SCALARS[Decimal].serialize
    assert serialize is not None
    assert serialize(read_decimal(given)) == written


@pytest.mark.parametrize(
    ("given", "right"),
    [
        *((one, "best as text") for one in ("-NaN", "sNaN", "NaN1", "x", "", True, None)),
        *(
            (one, "131072 digits before")
            for one in ("1e1000", "-1e-1001", "0e99999", "1" * 131_073)
        ),
        (f"0.{'0' * 16_383}1", "16383 behind"),
    ],
)
def test_what_no_numeric_holds(given: Any, right: str) -> None:
    """What would be right is said."""
    with pytest.raises(ValueError, match=right):
        read_decimal(given)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(_TEXTS, st.lists(_TEXTS | st.none(), max_size=4))
def test_opaque_text_is_read_as_it_was_written(head: str, values: list[str | None]) -> None:
    """Whatever is in it."""
    assert opaque.decode(opaque.encode(head, tuple(values))) == (head, tuple(values))


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    ["", "a", "????", "ä", "WyJh", _packed("[]"), _packed("{}"), _packed("[1]"), _packed('["a",1]'),
     _packed('["a",["b"]]'), _packed('["a"'), _packed('[null,"a"]'), _packed('["a"]') + "\n",
     _packed("[" * 3000), "A" * 5000],
)  # fmt: skip
def test_foreign_opaque_text_is_none_of_ours(text: str) -> None:
    """It is noticed, never an exception."""
    assert opaque.decode(text) is None


@given(st.text())
def test_no_text_breaks_the_decoder(text: str) -> None:
    """A client may send anything."""
    opaque.decode(text)


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("DateTime", '"yesterday"', "such as 2026-01-31T12:00:00Z"),
        ("Date", "5", "such as 2026-01-31"),
        ("Time", '"noon"', "from 00:00:00 up to 24:00:00"),
        ("Decimal", '"a lot"', 'such as "19.90"'),
        ("UUID", '"7"', "32 hexadecimal digits"),
        ("BigInt", '"x"', "a string of digits"),
    ],
)
def test_a_wrong_literal_says_what_is_right_and_where(kind: str, wrong: str, right: str) -> None:
    """Neither graphql-core nor Strawberry tell the place of such an error by themselves."""
    (python,) = (one for one, scalar in SCALARS.items() if scalar.name == kind)

    def echo(given: Any) -> bool:
        return given is not None

    echo.__annotations__["given"] = python
    query = strawberry.type(type("Query", (), {"echo": strawberry.field(resolver=echo)}))
    schema = strawberry.Schema(query, config=StrawberryConfig(scalar_map=SCALARS))
    (error,) = schema.execute_sync(f"{{ echo(given: {wrong}) }}").errors or ()
    assert error.locations == [SourceLocation(1, 15)]
    assert right in error.message
    document = f"query ($given: {kind}!) {{ echo(given: $given) }}"
    (error,) = schema.execute_sync(document, {"given": wrong}).errors or ()
    assert right in error.message
