"""The gateway behind a real PgBouncer in transaction mode: found out, worked with, outlived."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import bouncing
import pytest
from bouncing import Bouncer
from feeding import connected, following, until
from writes import shop_tables
from writes.stand import Stand, standing

from gateway.errors import ConfigurationError, SourceError, SourceUnavailable
from gateway.sources.changes import Change
from gateway.sources.contract import Budget
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.connections.slots import Slots
from gateway.sources.postgres.feed import INSTALL, ChangeFeed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from conftest import FreshDatabase

pytestmark = pytest.mark.skipif(bouncing.PROGRAM is None, reason=bouncing.MISSING)

NAMED = "select count(*) from pg_prepared_statements where name like '%plait%'"
SHELVES = "{ shelves(orderBy: [{code: ASC}]) { nodes { code rank boxes { nodes { name } } } } }"
ADD = "mutation ($row: ShelfInsert!) { insertShelf(input: $row) { id code } }"


def soon(seconds: float = 10.0) -> float:
    """A deadline that far away."""
    return asyncio.get_running_loop().time() + seconds


@pytest.fixture
def bouncer(tmp_path: Path, postgres_url: str) -> Iterator[Bouncer]:
    """One that keeps track of nothing, as every one before 1.21."""
    made = Bouncer(tmp_path, postgres_url)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def slots_to(url: str, size: int = 8) -> AsyncIterator[Slots]:
    """Slots that prepare what they may."""
    slots = Slots(Connector(url), size)
    await slots.open()
    try:
        yield slots
    finally:
        await slots.close()


async def load(slots: Slots, calls: int, seconds: float = 10.0) -> list[Any]:
    """Many calls at once; what each gave or raised."""
    work = [slots.run_value("select $1::int", (n,), soon(seconds)) for n in range(calls)]
    return await asyncio.gather(*work, return_exceptions=True)


async def test_it_is_found_out(bouncer: Bouncer, postgres_url: str) -> None:
    """A connection knows whether a pooler stands in between, and whether names last behind it."""
    behind, straight = await Connector(bouncer.url)(), await Connector(postgres_url)()
    try:
        assert (behind.pooled, behind.prepares) == (True, False)
        assert (straight.pooled, straight.prepares, straight.local) == (False, True, "")
    finally:
        await behind.close()
        await straight.close()


async def test_nothing_named_stays_on_a_server_session(bouncer: Bouncer) -> None:
    """More slots than server sessions, the same texts over and over: right answers, no names."""
    async with slots_to(bouncer.url) as slots:
        for _ in range(5):
            assert await load(slots, 40) == list(range(40))
        assert slots.figures()["prepared"] == 0
        assert await slots.run_value(NAMED, (), soon()) == 0


async def test_names_are_used_where_it_keeps_them(tmp_path: Path, postgres_url: str) -> None:
    """From 1.21 on with `max_prepared_statements`, repeated statements are prepared as ever."""
    if not bouncing.tracks():
        pytest.skip("this pgbouncer is older than 1.21")
    made = Bouncer(tmp_path, postgres_url, statements=20)
    made.start()
    try:
        async with slots_to(made.url) as slots:
            for _ in range(5):
                assert await load(slots, 40) == list(range(40))
            assert 1 <= slots.figures()["prepared"] <= 8
    finally:
        made.stop()


@pytest.mark.parametrize("ignored", ["", "intervalstyle, extra_float_digits, bytea_output, jit"])
async def test_what_is_written_does_not_hang_on_the_session(
    tmp_path: Path, fresh_database: FreshDatabase, ignored: str
) -> None:
    """However the role or database is set, also where the pooler swallows our settings."""
    url = await fresh_database()
    async with connected(url) as owner:
        name = url.rpartition("/")[2]
        for setting, value in UNUSUAL.items():
            await owner.execute(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")
    options = {"ignore_startup_parameters": ignored} if ignored else {}
    made = Bouncer(tmp_path, url, options=options)
    made.start()
    try:
        async with slots_to(made.url, 2) as slots, slots_to(url, 1) as straight:
            for _ in range(4):
                expected = await straight.run_value(WRITTEN, (), soon())
                assert await slots.run_value(WRITTEN, (), soon()) == expected
                with pytest.raises(SourceError):
                    await slots.run_value("select 1 / $1::int", (0,), soon())
            assert b'"P1DT2H"' in expected
            assert b"0.30000000000000004" in expected
            await until(lambda: slots.figures()["mending"] == 0)
            assert slots.figures()["lost"] == 0
    finally:
        made.stop()


UNUSUAL = {
    "intervalstyle": "postgres_verbose",
    "datestyle": "SQL, DMY",
    "timezone": "Asia/Tokyo",
    "bytea_output": "escape",
    "extra_float_digits": "-3",
}
WRITTEN = r"""select row_to_json(x)::text from (select interval '1 day 2 hours' as i,
    timestamptz '2026-01-02 03:04:05+00' as t, (date '2026-01-02')::text as d,
    0.1::float8 + 0.2::float8 as f, '\x00ff'::bytea as b) as x"""


async def test_a_restart_under_load(bouncer: Bouncer) -> None:
    """While it is away calls fail at once and typed; once it is back none fails."""
    async with slots_to(bouncer.url) as slots:
        assert await load(slots, 20) == list(range(20))
        ended = asyncio.Event()

        async def ask() -> list[Any]:
            found: list[Any] = []
            while not ended.is_set():
                found += await load(slots, 10, 5.0)
                await asyncio.sleep(0)
            return found

        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        await asyncio.to_thread(bouncer.kill)
        assert {type(one) for one in await load(slots, 5)} == {SourceUnavailable}
        await asyncio.to_thread(bouncer.start)
        async with asyncio.timeout(20):
            while isinstance((await load(slots, 1))[0], SourceError):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.02)
        assert await load(slots, 40) == list(range(40))
        ended.set()
        kinds = {type(one) for one in await asking}
        assert kinds <= {int, SourceUnavailable}
        assert int in kinds


@asynccontextmanager
async def shop_behind(tmp_path: Path, url: str, redis_url: str) -> AsyncIterator[Stand]:
    """The shop's gateway behind a PgBouncer, with the server's own address for LISTEN."""
    made = Bouncer(tmp_path, url)
    made.start()
    script = shop_tables.script(shop_tables.metadata, shop_tables.EXTRA)
    async with connected(url) as owner:
        await owner.execute(script)
        for statement in INSTALL:
            await owner.execute(statement)
        await owner.execute("SELECT plait_watch('shelves')")
    addresses = {
        "POSTGRES_URL": made.url,
        "POSTGRES_DIRECT_URL": url,
        "REDIS_URL": f"{redis_url.rpartition('/')[0]}/12",
    }
    try:
        async with standing("writes.shop", "select 1", addresses) as stand:
            yield stand
    finally:
        made.stop()


async def test_a_gateway_behind_it(
    tmp_path: Path, fresh_database: FreshDatabase, redis_url: str
) -> None:
    """Reads, writes, transactions and their failures, and the feed by the direct address."""
    async with shop_behind(tmp_path, await fresh_database(), redis_url) as stand:
        changes = stand.gateway.changes["default"]
        assert changes.live
        with changes.subscribe(["shelves"]) as events:
            for number in range(12):
                made = await stand.data(ADD, {"row": {"code": f"a{number:02}", "rank": number}})
                assert made["insertShelf"]["code"] == f"a{number:02}"
                assert isinstance(await following(events), Change)
        listed = await asyncio.gather(*(stand.data(SHELVES) for _ in range(20)))
        assert len(listed[0]["shelves"]["nodes"]) == 12
        assert all(one == listed[0] for one in listed)
        body = await stand.ask(
            """mutation @transaction {
                a: insertShelf(input: {code: "new"}) { id }
                b: insertShelf(input: {code: "a00"}) { id }
            }"""
        )
        assert body["data"] == {"a": None, "b": None}
        assert await stand.value("select count(*) from shelves where code = 'new'") == 0
        done = await stand.data(
            """mutation @transaction {
                a: insertShelf(input: {code: "x1"}) { code }
                b: updateShelf(id: 1, set: {rank: 99}) { rank }
            }"""
        )
        assert done == {"a": {"code": "x1"}, "b": {"rank": 99}}
        health = await stand.gateway.check(Budget(soon()))
        assert health["postgres"].ready
        assert health["postgres:changes"].ready


async def test_the_feed_needs_the_direct_address(bouncer: Bouncer) -> None:
    """LISTEN through the pooler is refused, not silently deaf."""
    feed = ChangeFeed(bouncer.url)
    with pytest.raises(ConfigurationError, match="direct connection"):
        await feed.open()
    await feed.close()
