"""The connections that write: their bounds, and what becomes of them when the server fails.

Tests that harm an engine harm one of their own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from writes import shop, shop_tables

from gateway.embedded import Engines, start
from gateway.errors import SourceOverloaded, SourceTimeout, SourceUnavailable
from gateway.schema.access.rules import viewer_values
from gateway.schema.build import build
from gateway.schema.writes.written import NewRow, Write
from gateway.sources.postgres.writes.writer import Writer
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from conftest import FreshDatabase

    from gateway.schema.catalog import Catalog

NOBODY = viewer_values(ANONYMOUS)
COUNT = "select count(*) from shelves"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The shop's."""
    return build(shop.domain).catalog


@pytest.fixture
async def url(fresh_database: FreshDatabase) -> str:
    """A database with the shop's empty tables."""
    address = await fresh_database()
    await execute(address, shop_tables.script(shop_tables.metadata))
    return address


def soon(seconds: float = 30.0) -> float:
    """A deadline."""
    return asyncio.get_running_loop().time() + seconds


def make(url: str, catalog: Catalog, **options: Any) -> Writer:
    """A writer of two connections."""
    given = {"size": 2, "statement_timeout": 30.0, "wait": 30.0, "prepare": True, **options}
    return Writer(url, catalog, **given)


async def execute(url: str, statement: str) -> Any:
    """Run something past the writer; the value of its last row's first column."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        if statement.startswith("select"):
            return await connection.fetchval(statement, timeout=30)
        return await connection.execute(statement, timeout=30)
    finally:
        await connection.close(timeout=10)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.005)


def shelf(catalog: Catalog, code: str) -> Write:
    """An insert of one shelf."""
    return Write(catalog.entities["Shelf"], rows=[NewRow({"code": code})])


async def insert(writer: Writer, catalog: Catalog, code: str, seconds: float = 30.0) -> None:
    """Insert one shelf in a transaction of its own."""
    async with writer.transaction(soon(seconds)) as session:
        await session.apply(shelf(catalog, code), NOBODY)


class Holder:
    """A transaction kept open until it is told to end."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._open = asyncio.Event()
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        async with self._writer.transaction(soon()):
            self._open.set()
            await self._end.wait()

    async def __aenter__(self) -> None:
        await self._open.wait()

    async def __aexit__(self, *_: object) -> None:
        self._end.set()
        await self.task


@pytest.fixture
async def writer(url: str, catalog: Catalog) -> AsyncIterator[Writer]:
    """A writer of one connection, for which one transaction may wait."""
    made = make(url, catalog, size=1, queue=1)
    yield made
    await made.close()


async def test_commit_and_rollback(writer: Writer, catalog: Catalog, url: str) -> None:
    """What ends well is stored; what raises leaves nothing, whatever it raises."""
    await insert(writer, catalog, "a")
    for error in (KeyError("x"), SourceTimeout("x")):
        with pytest.raises(type(error)):  # noqa: PT012 - the transaction as a whole raises
            async with writer.transaction(soon()) as session:
                await session.apply(shelf(catalog, "b"), NOBODY)
                raise error
    assert await execute(url, COUNT) == 1
    await insert(writer, catalog, "b")
    assert writer.figures() == {"size": 1, "live": 1, "idle": 1, "waiting": 0}


async def test_a_queue_that_is_full(writer: Writer, catalog: Catalog, url: str) -> None:
    """One may wait; the next is refused at once, and the one that waited has its turn."""
    async with Holder(writer):
        waits = asyncio.create_task(insert(writer, catalog, "waited"))
        await until(lambda: writer.figures()["waiting"] == 1)
        with pytest.raises(SourceOverloaded):
            await insert(writer, catalog, "refused")
        assert not waits.done()
    await waits
    assert await execute(url, COUNT) == 1


async def test_no_connection_in_time(url: str, catalog: Catalog) -> None:
    """Refused as overloaded where only the wait was too long, as late where the deadline was."""
    writer = make(url, catalog, size=1, wait=0.05)
    try:
        async with Holder(writer):
            with pytest.raises(SourceOverloaded):
                await insert(writer, catalog, "a", seconds=30)
            with pytest.raises(SourceTimeout):
                await insert(writer, catalog, "a", seconds=0.02)
            assert writer.figures()["waiting"] == 0
    finally:
        await writer.close()


async def test_the_session_a_write_runs_in(url: str, catalog: Catalog) -> None:
    """Tables are those of `public` and times those of UTC, as for reads."""
    writer = make(url, catalog)
    try:
        async with writer.transaction(soon(), "serializable") as session:
            shown = {
                name: await session._connection.fetchval(f"show {name}")
                for name in ("search_path", "timezone", "transaction_isolation", "application_name")
            }
    finally:
        await writer.close()
    assert shown == {
        "search_path": "public",
        "timezone": "UTC",
        "transaction_isolation": "serializable",
        "application_name": "plait-writer",
    }


async def test_behind_a_pooler(url: str, catalog: Catalog) -> None:
    """Without prepared statements and session settings it writes all the same."""
    writer = make(url, catalog, prepare=False)
    try:
        for code in ("a", "b"):
            await insert(writer, catalog, code)
    finally:
        await writer.close()
    assert await execute(url, COUNT) == 2


async def test_nobody_there(catalog: Catalog) -> None:
    """A closed port is told at once."""
    writer = make("postgresql://plait@127.0.0.1:1/plait", catalog)
    with pytest.raises(SourceUnavailable):
        await insert(writer, catalog, "a")
    await writer.close()
    await writer.close()


async def test_a_login_that_is_refused(url: str, catalog: Catalog) -> None:
    """Unavailable, without a word of the role or its password."""
    parts = urlsplit(url)
    wrong = parts._replace(netloc=f"plait:hunter2@{parts.hostname}:{parts.port}")
    writer = make(urlunsplit(wrong), catalog)
    with pytest.raises(SourceUnavailable) as told:
        await insert(writer, catalog, "a")
    await writer.close()
    assert "hunter2" not in str(told.value)


async def test_closing_in_mid_transaction(url: str, catalog: Catalog) -> None:
    """It is bounded in time, and what was not committed is gone."""
    writer = make(url, catalog)
    with pytest.raises(SourceUnavailable):  # noqa: PT012 - the transaction as a whole raises
        async with writer.transaction(soon()) as session:
            await session.apply(shelf(catalog, "a"), NOBODY)
            async with asyncio.timeout(20):
                await writer.close()
            await session.apply(shelf(catalog, "b"), NOBODY)
    assert await execute(url, COUNT) == 0


@pytest.fixture(scope="module")
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """A server to harm."""
    with start(tmp_path_factory.mktemp("writer"), names=("postgres",), durable=False) as running:
        yield running


@pytest.fixture
async def harmed(own_engines: Engines, catalog: Catalog) -> AsyncIterator[Writer]:
    """A writer on the server to harm, over empty tables."""
    url = own_engines.urls.postgres
    await execute(url, "drop schema public cascade; create schema public")
    await execute(url, shop_tables.script(shop_tables.metadata))
    writer = make(url, catalog)
    await insert(writer, catalog, "before")
    yield writer
    await writer.close()


async def test_a_hung_server_costs_the_deadline_only(
    own_engines: Engines, harmed: Writer, catalog: Catalog
) -> None:
    """Transactions end in time wherever they are, and the writer recovers by itself."""
    process = own_engines.processes["postgres"]
    process.freeze()
    try:
        async with asyncio.timeout(20):
            for number in range(4):
                with pytest.raises(SourceTimeout):
                    await insert(harmed, catalog, "x", seconds=0.2)
                # The answer did not wait for the connection, which is given a second to come back.
                assert harmed._ending or number
            await until(lambda: not harmed._ending)
    finally:
        process.thaw()
    await insert(harmed, catalog, "after")
    assert await execute(own_engines.urls.postgres, COUNT) == 2
    assert harmed.figures()["live"] <= 2


async def test_a_server_killed_in_mid_transaction(
    own_engines: Engines, harmed: Writer, catalog: Catalog
) -> None:
    """What was under way is unavailable and undone; once the server is back writes succeed."""
    with pytest.raises(SourceUnavailable):  # noqa: PT012 - the transaction as a whole raises
        async with harmed.transaction(soon()) as session:
            await session.apply(shelf(catalog, "x"), NOBODY)
            own_engines.processes["postgres"].kill()
            await until(lambda: harmed.figures()["live"] == 0)
            await session.apply(shelf(catalog, "y"), NOBODY)
    with pytest.raises(SourceUnavailable):
        await insert(harmed, catalog, "down")
    await asyncio.to_thread(own_engines.restart, "postgres")
    await asyncio.gather(*(insert(harmed, catalog, f"n{number}") for number in range(10)))
    codes = "select string_agg(code, ' ' order by code) from shelves"
    found = await execute(own_engines.urls.postgres, codes)
    assert found == "before " + " ".join(f"n{number}" for number in range(10))


async def test_a_backend_ended_by_its_operator(
    own_engines: Engines, harmed: Writer, catalog: Catalog
) -> None:
    """The transaction is unavailable and undone; the next gets another connection."""
    ended = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where application_name = 'plait-writer'"
    )
    with pytest.raises(SourceUnavailable):  # noqa: PT012 - the transaction as a whole raises
        async with harmed.transaction(soon()) as session:
            await session.apply(shelf(catalog, "x"), NOBODY)
            assert await execute(own_engines.urls.postgres, ended)
            await session.apply(shelf(catalog, "y"), NOBODY)
    await insert(harmed, catalog, "after")
    assert await execute(own_engines.urls.postgres, COUNT) == 2
