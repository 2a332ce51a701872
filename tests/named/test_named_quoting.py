"""The tokenizer agrees with PostgreSQL itself about where strings end and parameters begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from gateway.schema.columns.kinds import TEXT
from gateway.schema.named.header import Member, SqlFile, TypeName
from gateway.schema.named.statement import Parameter, write_sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NASTY = st.text("'\"\\$:;-/*pE1 \n", max_size=12)
NAMES = ("p", "p1", "e")


def escaped(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def dollared(text: str) -> str:
    tag = next(tag for tag in ("$$", "$p$", "$long_1$") if tag[:-1] not in text)
    return tag + text + tag


VALUES = st.one_of(
    NASTY.map(lambda text: ("'" + text.replace("'", "''") + "'", text)),
    NASTY.map(lambda text: (escaped(text), text)),
    NASTY.filter(lambda text: "$long_1" not in text).map(lambda text: (dollared(text), text)),
    st.tuples(NASTY, NASTY).map(
        lambda two: (escaped(two[0]) + " -- 'on\n" + escaped(two[1])[1:], two[0] + two[1])
    ),
    st.sampled_from(NAMES).map(lambda name: (f":{name}", name)),
)
"""An expression, and its value; of a parameter its name."""

BETWEEN = st.one_of(
    st.just(" || "),
    st.just("||"),
    st.text("'\":pE$-\\ ", max_size=8).map(lambda text: f" ||--{text}\n"),
    st.text("'\":pE$\\ ", max_size=8).map(lambda text: f" /*{text}/*:p*/*/ ||"),
)


@pytest.fixture(scope="module")
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to any database at all."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(VALUES, BETWEEN), min_size=1, max_size=6), st.lists(NASTY, min_size=3))
async def test_strings_and_parameters_in_any_mixture(
    connection: asyncpg.Connection[asyncpg.Record],
    parts: list[tuple[tuple[str, str], str]],
    bound: list[str],
) -> None:
    """The server computes what was written: each string its text, each parameter its value."""
    given_values = dict(zip(NAMES, bound, strict=False))
    sql = "select '' " + "".join(f"{between} {value}" for (value, _), between in parts)
    sql += "".join(f" || :{name}" for name in NAMES)  # each must be used
    note(sql)
    wanted = "".join(
        given_values[plain] if value == f":{plain}" else plain for (value, plain), _ in parts
    )
    wanted += "".join(given_values[name] for name in NAMES)
    file = SqlFile("a.sql", sql, params=[Member(name, TypeName("text"), 1) for name in NAMES])
    sent = write_sql(file, [Parameter(name, TEXT, "text", nullable=False) for name in NAMES])
    assert await connection.fetchval(sent.text, *(given_values[name] for name in NAMES)) == wanted
