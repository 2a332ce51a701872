"""Slots on a real PostgreSQL: one statement at a time each, prepared once, values as bytes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.errors import (
    Code,
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.connections.slots import Slots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PREPARED = "select count(*) from pg_prepared_statements where name like 'plait%'"
BACKEND = "select pg_backend_pid(), $1::int"
LOCKS = """select count(*) from pg_locks where locktype = 'advisory' and objid = $1
    and granted = $2"""


def soon(seconds: float = 10.0) -> float:
    """A deadline that far away."""
    return asyncio.get_running_loop().time() + seconds


async def until(holds: Callable[[], bool]) -> None:
    """Poll until `holds`."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.005)


@pytest.fixture
async def slots(postgres_url: str) -> AsyncIterator[Slots]:
    made = Slots(Connector(postgres_url), 3)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def lone(postgres_url: str) -> AsyncIterator[Slots]:
    """One connection only."""
    made = Slots(Connector(postgres_url), 1, statements_per_slot=2)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def holder(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session that holds advisory lock 7, which statements under test wait for."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("select pg_advisory_lock(7)")
    yield connection
    await connection.close()


async def waits_for_lock(holder: asyncpg.Connection, sessions: int = 1) -> None:
    """Return when that many sessions wait for lock 7."""
    bind = (7, False)
    async with asyncio.timeout(20):
        while await holder.fetchval(LOCKS, *bind) != sessions:  # noqa: ASYNC110 - another's doing
            await asyncio.sleep(0.005)


HELD = "select pg_advisory_xact_lock_shared(7)::text"


async def test_values_of_the_first_column_in_row_order(slots: Slots) -> None:
    """`run` gives a value per row, `run_value` the first, `run_rows` whole rows."""
    text = "select n * 2, n from generate_series(1, $1::int) n order by n"
    assert await slots.run(text, (3,), soon()) == [2, 4, 6]
    assert await slots.run_value(text, (3,), soon()) == 2
    assert [tuple(row) for row in await slots.run_rows(text, (2,), soon())] == [(2, 1), (4, 2)]
    assert await slots.run(text, (0,), soon()) == []
    assert await slots.run_value(text, (0,), soon()) is None


async def test_arrays_of_bytea_come_as_bytes(slots: Slots) -> None:
    """The cheapest form of many values in one row; nulls stay in their places."""
    text = "select array[textsend($1), null]"
    assert await slots.run_value(text, ("süß",), soon()) == ["süß".encode(), None]


@pytest.mark.parametrize("kind", ["text", "json", "jsonb"])
async def test_json_and_text_come_and_go_as_utf8(slots: Slots, kind: str) -> None:
    """What is spliced into a response needs no decoding, whatever its letters."""
    written = '{"a": "süß “klug” 🙂"}'
    for given in (written, written.encode()):
        got = await slots.run_value(f"select $1::{kind}", (given,), soon())
        assert got == written.encode()


async def test_the_session_is_pinned(slots: Slots) -> None:
    """Values do not hang on what the server or the role has as defaults."""
    expected = {
        "TimeZone": b"UTC",
        "IntervalStyle": b"iso_8601",
        "jit": b"off",
        "search_path": b"public",
        "statement_timeout": b"30s",
        "default_transaction_read_only": b"on",
        "application_name": b"plait",
    }
    for name, value in expected.items():
        assert await slots.run_value("select current_setting($1)", (name,), soon()) == value


async def test_read_slots_refuse_writes(slots: Slots) -> None:
    """A statement that would change data fails, whatever the role may do."""
    with pytest.raises(SourceRefused):
        await slots.run("create table never (id int)", (), soon())


async def test_what_is_run_once_is_not_prepared(lone: Slots) -> None:
    """The first execution of a text leaves nothing on the server; the second does, once."""
    assert await lone.run_value(PREPARED, (), soon()) == 0
    assert await lone.run_value(PREPARED, (), soon()) == 1
    assert await lone.run_value(PREPARED, (), soon()) == 1
    assert lone.figures()["prepared"] == 1


async def test_prepared_statements_are_bounded(lone: Slots) -> None:
    """Of many repeated texts a slot keeps those used last, and closes the others."""
    for number in range(8):
        for _ in range(2):
            assert await lone.run_value(f"select {number}", (), soon()) == number
    await lone.run_value(PREPARED, (), soon())
    assert await lone.run_value(PREPARED, (), soon()) <= 3


async def test_each_slot_prepares_a_text_once(slots: Slots) -> None:
    """Many calls at once over three slots build three statements, not more."""
    for _ in range(3):
        await asyncio.gather(*[slots.run_value(BACKEND, (n,), soon()) for n in range(20)])
    assert slots.figures()["prepared"] <= 3


async def test_nothing_named_stays_behind_a_pooler(postgres_url: str) -> None:
    """With `prepare` off no statement is named, so that any server may take the next one."""
    slots = Slots(Connector(postgres_url, prepare=False), 1, prepare=False)
    await slots.open()
    for _ in range(3):
        assert await slots.run_value("select count(*) from pg_prepared_statements", (), soon()) == 0
    await slots.close()


async def test_a_changed_table_is_no_failure(lone: Slots, holder: asyncpg.Connection) -> None:
    """A statement prepared before a migration gives the new shape after it."""
    await holder.execute("drop table if exists shapes; create table shapes (a int)")
    await holder.execute("insert into shapes values (1)")
    try:
        for _ in range(3):
            rows = await lone.run_rows("select * from public.shapes", (), soon())
            assert list(map(tuple, rows)) == [(1,)]
        await holder.execute("alter table shapes add b text default 'x'")
        for _ in range(3):
            rows = await lone.run_rows("select * from public.shapes", (), soon())
            assert list(map(tuple, rows)) == [(1, b"x")]
    finally:
        await holder.execute("drop table shapes")


async def test_connections_are_opened_as_needed(slots: Slots, holder: asyncpg.Connection) -> None:
    """One for calls in a row, up to `size` for calls at once, and never more."""
    for _ in range(3):
        await slots.run(BACKEND, (1,), soon())
    assert slots.figures()["live"] == 1
    calls = [asyncio.create_task(slots.run(HELD, (), soon())) for _ in range(5)]
    await waits_for_lock(holder, 3)
    assert slots.figures()["live"] == 3
    assert slots.figures()["waiting"] == 2
    await holder.execute("select pg_advisory_unlock(7)")
    await asyncio.gather(*calls)
    assert slots.figures()["live"] == slots.figures()["idle"] == 3


async def test_a_deadline_cancels_the_statement_on_the_server(
    lone: Slots, holder: asyncpg.Connection
) -> None:
    """At the deadline the caller is told so, the server stops, and the connection lives on."""
    pid = await lone.run_value("select pg_backend_pid()", (), soon())
    with pytest.raises(SourceTimeout):
        await lone.run(HELD, (), soon(0.05))
    await waits_for_lock(holder, 0)
    assert await lone.run_value("select pg_backend_pid()", (), soon()) == pid
    assert lone.figures()["timeouts"] == 1
    assert lone.figures()["lost"] == 0


async def test_a_cancelled_call_cancels_the_statement(
    lone: Slots, holder: asyncpg.Connection
) -> None:
    """Who gives up a call gives up the server's work too; the next call is not hit by it."""
    pid = await lone.run_value("select pg_backend_pid()", (), soon())
    for _ in range(5):
        call = asyncio.create_task(lone.run(HELD, (), soon()))
        await waits_for_lock(holder, 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await lone.run_value("select pg_backend_pid()", (), soon()) == pid
    await waits_for_lock(holder, 0)


async def test_waiting_for_a_slot_ends_at_the_deadline(
    lone: Slots, holder: asyncpg.Connection
) -> None:
    """A call that gets no connection in time leaves; one cancelled while waiting leaves too."""
    busy = asyncio.create_task(lone.run(HELD, (), soon()))
    await waits_for_lock(holder, 1)
    with pytest.raises(SourceTimeout):
        await lone.run("select 1", (), soon(0.02))
    given_up = asyncio.create_task(lone.run("select 1", (), soon()))
    await until(lambda: lone.figures()["waiting"] == 1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert lone.figures()["waiting"] == 0
    await holder.execute("select pg_advisory_unlock(7)")
    await busy
    assert await lone.run("select 1", (), soon()) == [1]


async def test_a_passed_deadline_runs_nothing(lone: Slots) -> None:
    """Without time left no connection is touched."""
    with pytest.raises(SourceTimeout):
        await lone.run("select 1", (), soon(-1.0))
    assert lone.figures()["idle"] == 1


async def test_a_data_error_leaves_the_slot_whole(lone: Slots) -> None:
    """A value the server or the driver cannot take fails its own call only."""
    for arguments in ((0,), ("zero",)):
        with pytest.raises(SourceDataError):
            await lone.run("select 1 / $1::int", arguments, soon())
        assert await lone.run("select 1 / $1::int", (1,), soon()) == [1]
    assert lone.figures()["opened"] == 1


async def test_no_permission_is_forbidden(lone: Slots, holder: asyncpg.Connection) -> None:
    """What the role may not see is FORBIDDEN, and the message does not name it."""
    await holder.execute("create schema closed; create table closed.secrets (id int)")
    await holder.execute("create role limited; grant usage on schema closed to limited")
    try:
        await lone.run("select set_config('role', 'limited', false)", (), soon())
        with pytest.raises(SourceRefused) as refused:
            await lone.run("select * from closed.secrets", (), soon())
        assert refused.value.code == Code.FORBIDDEN
        assert "secrets" not in refused.value.message
    finally:
        await lone.run("reset role", (), soon())
        await holder.execute("drop schema closed cascade; drop role limited")


async def test_a_connection_the_server_has_closed_is_replaced(
    lone: Slots, holder: asyncpg.Connection
) -> None:
    """An idle connection that died is noticed before it is used."""
    (slot,) = lone._idle
    pid = await lone.run_value("select pg_backend_pid()", (), soon())
    await holder.execute(f"select pg_terminate_backend({pid})")
    await until(slot.connection.is_closed)
    assert await lone.run_value("select pg_backend_pid()", (), soon()) != pid
    assert lone.figures()["live"] == 1


async def test_a_connection_lost_in_mid_statement_fails_that_call(
    slots: Slots, holder: asyncpg.Connection
) -> None:
    """What may have been executed is not repeated; the next call gets a fresh connection."""
    pid = await slots.run_value("select pg_backend_pid()", (), soon())
    call = asyncio.create_task(slots.run(HELD, (), soon()))
    await waits_for_lock(holder, 1)
    await holder.execute(f"select pg_terminate_backend({pid})")
    with pytest.raises(SourceUnavailable):
        await call
    assert await slots.run("select 1", (), soon()) == [1]


async def test_a_full_server_is_overload(postgres_url: str, holder: asyncpg.Connection) -> None:
    """Where no connection can be had for want of room the caller is told so at once."""
    name = "narrow"
    await holder.execute(f"create role {name} login password 'x' connection limit 0")
    try:
        account, place = postgres_url.split("@")
        scheme = account.split("://")[0]
        slots = Slots(Connector(f"{scheme}://{name}:x@{place}"), 1)
        with pytest.raises(SourceOverloaded):
            await slots.open()
    finally:
        await holder.execute(f"drop role {name}")


async def test_closing_waits_for_what_is_busy(slots: Slots, holder: asyncpg.Connection) -> None:
    """A statement under way is let finish; those that wait for a slot and new ones are refused."""
    busy = [asyncio.create_task(slots.run(HELD, (), soon())) for _ in range(3)]
    await waits_for_lock(holder, 3)
    waiting = asyncio.create_task(slots.run("select 1", (), soon()))
    await until(lambda: slots.figures()["waiting"] == 1)
    closing = asyncio.create_task(slots.close())
    with pytest.raises(SourceUnavailable):
        await waiting
    with pytest.raises(SourceUnavailable):
        await slots.run("select 1", (), soon())
    await holder.execute("select pg_advisory_unlock(7)")
    await asyncio.gather(*busy)
    await closing
    await slots.close()
    assert slots.figures()["live"] == 0


async def test_closing_does_not_wait_for_ever(lone: Slots, holder: asyncpg.Connection) -> None:
    """After the grace the connection is cut, and its caller told."""
    busy = asyncio.create_task(lone.run(HELD, (), soon()))
    await waits_for_lock(holder, 1)
    await lone.close(grace=0.01)
    with pytest.raises(SourceUnavailable):
        await busy
    assert lone.figures()["live"] == 0
