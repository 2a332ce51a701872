"""How SQL writes scalars: the same text that Python writes, for any value."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg  # noqa: TC002 - the annotation is read by pytest
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from toy.profiles import examples

from gateway.schema import opaque
from gateway.schema.columns.scalars import (
    SCALARS,
    Span,
    parse_duration,
    write_duration,
    write_moment,
)
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.reads import scalars

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Connection = asyncpg.Connection[asyncpg.Record]

DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


@pytest.fixture(scope="module")
async def connection(postgres_url: str) -> AsyncIterator[Connection]:
    """A connection as the slots have it: its settings decide how values are written."""
    one = await Connector(postgres_url)()
    yield one
    await one.close()


def sql(*values: sa.ColumnElement[Any]) -> str:
    """`SELECT` of expressions, for asyncpg."""
    return str(sa.select(*values).compile(dialect=DIALECT))


@given(_TEXT, _TEXT | st.none(), _TEXT | st.none())
@examples(150)
async def test_opaque_text_is_the_same_from_sql_and_python(
    connection: Connection, head: str, one: str | None, two: str | None
) -> None:
    """To the letter, whatever characters there are; long ones are not broken into lines."""
    head = "".join(character for character in head if character.isalnum() and character.isascii())
    parts = [sa.bindparam("a", type_=sa.Text), sa.bindparam("b", type_=sa.Text)]
    long = one and one * 5
    written = await connection.fetchval(sql(scalars.opaque(head, parts)), long, two)
    assert written.decode() == opaque.encode(head, (long, two))
    assert opaque.decode(written.decode()) == (head, (long, two))


RESTS = st.timedeltas(dt.timedelta(days=-(10**6)), dt.timedelta(days=10**6))
SPANS = RESTS | st.builds(Span, st.integers(-(10**5), 10**5).filter(bool), RESTS)


@given(SPANS)
@examples(150)
async def test_durations_read_alike(connection: Connection, span: dt.timedelta) -> None:
    """`write_duration` writes what PostgreSQL writes for the interval it is sent as, and back."""
    row = await connection.fetchrow("SELECT to_json($1::interval)::text AS text, $1 AS span", span)
    assert row is not None
    assert json.loads(row["text"]) == write_duration(span) == write_duration(row["span"])


@given(st.integers(-30, 30), st.integers(-40, 40), st.integers(-(10**11), 10**11))
@examples(150)
async def test_any_interval_can_be_read_back(
    connection: Connection, months: int, days: int, micros: int
) -> None:
    """What is read is equal to it, as PostgreSQL compares intervals, and has as many months."""
    made = "make_interval(months => $1, days => $2) + $3 * interval '1 microsecond'"
    row = await connection.fetchrow(
        f"SELECT ({made})::text AS text, {made} AS span",
        months,
        days,
        micros,
    )
    assert row is not None
    span = parse_duration(row["text"].decode())
    has = "extract(year FROM $4::interval) * 12 + extract(month FROM $4::interval) = $1"
    same = f"SELECT $4::interval = {made} AND {has}"
    assert await connection.fetchval(same, months, days, micros, span)


@given(
    st.datetimes(
        timezones=st.just(dt.UTC),
        min_value=dt.datetime(1, 1, 2),  # noqa: DTZ001 - the column has no time zone
        max_value=dt.datetime(9999, 12, 30),  # noqa: DTZ001 - the column has no time zone
    )
)
@examples(100)
async def test_moments_read_alike(connection: Connection, moment: dt.datetime) -> None:
    """Date and time, with and without zone, time and date: SQL and Python write the same."""
    local = moment.replace(tzinfo=None)
    text = await connection.fetchval(
        "SELECT json_build_array($1::timestamptz, $2::timestamp, $3::time, $4::date)::text",
        moment, local, moment.time(), moment.date(),
    )  # fmt: skip
    expected = [write_moment(moment), write_moment(local), write_moment(moment.time())]
    assert json.loads(text) == [*expected, moment.date().isoformat()]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda d: abs(d.adjusted()) < 60))  # fmt: skip
@examples(100)
async def test_decimals_read_alike(connection: Connection, number: Decimal) -> None:
    """As digits, never with an exponent."""
    text = (await connection.fetchval("SELECT $1::numeric::text", number)).decode()
    serialize: Any = SCALARS[Decimal].serialize
    kept = await connection.fetchval("SELECT $1::numeric", number)
    assert serialize(kept) == text
    assert "E" not in text


def test_a_constant_is_quoted() -> None:
    """An apostrophe in a name of ours does not end the literal."""
    assert sql(scalars.text("it's")).startswith("SELECT 'it''s'")
