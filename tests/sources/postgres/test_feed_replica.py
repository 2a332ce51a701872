"""The promise of the feed under load: a copy kept by its events ends equal to the table."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import asyncpg
import pytest
from feeding import changes, connected, listening, prepare, until

from gateway.sources.contract import Budget
from gateway.sources.postgres.feed import Change, ChangeFeed, Loss, Operation

if TYPE_CHECKING:
    from conftest import FreshDatabase

    from gateway.sources.postgres.feed import Subscription

WRITERS, STATEMENTS = 4, 120
FEED = "plait plait_changes"
END = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE application_name = $1 AND datname = current_database()"""

STATEMENTS_BY_WEIGHT = {
    "INSERT INTO things VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name": 40,
    "UPDATE things SET name = $2 WHERE id BETWEEN $1 AND $1 + 5": 25,
    "UPDATE things SET id = id + 1000 + $1, name = $2 WHERE id = $1": 5,
    "DELETE FROM things WHERE id BETWEEN $1 AND $1 + 3 AND name <> $2": 20,
    "INSERT INTO things SELECT n, $2 FROM generate_series(10000, 10600 + $1) AS n"
    " ON CONFLICT DO NOTHING": 2,
    "DELETE FROM things WHERE id >= 10000 + $1 AND name <> $2": 2,
}


class Replica:
    """A copy of `things`, read by key as its rows are told, and anew when that is not enough."""

    def __init__(self, reader: asyncpg.Connection) -> None:
        self.rows: dict[int, str] = {}
        self.read_anew = 0
        self._reader = reader

    async def follow(self, events: Subscription) -> None:
        """Apply events until the table `marks` has a row."""
        await self._read_all()
        async for event in events:
            if not isinstance(event, Change):
                await self._read_all()
                if await self._reader.fetchval("SELECT count(*) FROM marks"):
                    return
            elif event.table == "marks":
                return
            elif event.keys is None:
                await self._read_all()
            else:
                await self._read([key for (key,) in event.keys])

    async def _read_all(self) -> None:
        self.read_anew += 1
        self.rows = dict(await self._reader.fetch("SELECT id, name FROM things"))

    async def _read(self, keys: list[int]) -> None:
        for key in keys:
            self.rows.pop(key, None)
        found = await self._reader.fetch("SELECT id, name FROM things WHERE id = ANY($1)", keys)
        self.rows.update(dict(found))


async def write(url: str, choose: Random) -> None:
    """Random statements, alone and in transactions, of which some are rolled back."""
    async with connected(url) as writer:
        for n in range(STATEMENTS):
            if choose.random() < 0.01:
                await writer.execute("TRUNCATE things")
            transaction = writer.transaction() if choose.random() < 0.4 else None
            if transaction is not None:
                await transaction.start()
            try:
                for _ in range(choose.randint(1, 3) if transaction else 1):
                    weights = list(STATEMENTS_BY_WEIGHT.values())
                    (text,) = choose.choices(list(STATEMENTS_BY_WEIGHT), weights)
                    await writer.execute(text, choose.randint(1, 40), f"{id(writer)}-{n}")
            except (asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError):
                if transaction is not None:
                    await transaction.rollback()
            else:
                if transaction is not None:
                    await (transaction.commit if choose.random() < 0.7 else transaction.rollback)()


async def follow(replica: Replica, events: Subscription, feed: ChangeFeed, *, slow: bool) -> None:
    """Keep the copy; `slow`: begin when the queue has overflowed already."""
    if slow:
        await until(lambda: feed.figures()["overflow"] > 0)
    await replica.follow(events)


async def disturb(url: str, feed: ChangeFeed, choose: Random, *, slow: bool) -> None:
    """End the feed's connection again and again; `slow`: once the queue has overflowed, for a
    loss of the connection empties it."""
    if slow:
        await until(lambda: feed.figures()["overflow"] > 0)
    async with connected(url) as operator:
        while True:
            if feed.live:
                await operator.execute(END, FEED)
            await asyncio.sleep(choose.uniform(0.02, 0.2))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("queue", "disturbed"), [(100_000, False), (100_000, True), (5, True)])
async def test_a_copy_kept_by_events_ends_equal(
    fresh_database: FreshDatabase, seed: int, queue: int, *, disturbed: bool
) -> None:
    """Whatever is written at once, whenever the connection breaks, however slow the subscriber;
    and without a loss nothing but whole-table changes is read anew."""
    url = await fresh_database()
    await prepare(url)
    choose = Random(seed)  # noqa: S311 - to be repeatable, not secret
    async with connected(url) as reader, listening(url, queue=queue) as feed:
        with feed.subscribe(["things", "marks"]) as events:
            replica, slow = Replica(reader), queue < 10
            following = asyncio.create_task(follow(replica, events, feed, slow=slow))
            breaking = asyncio.create_task(disturb(url, feed, choose, slow=slow))
            if not disturbed:
                breaking.cancel()
            seeds = [choose.random() for _ in range(WRITERS)]
            writing = [write(url, Random(each)) for each in seeds]  # noqa: S311 - likewise
            async with asyncio.timeout(60):
                await asyncio.gather(*writing)
                breaking.cancel()
                await asyncio.wait({breaking})
                async with connected(url) as writer:
                    await writer.execute("INSERT INTO marks DEFAULT VALUES")
                await following
        assert replica.rows == dict(await reader.fetch("SELECT id, name FROM things"))
        figures = feed.figures()
        assert figures["gap"] == figures["unreadable"] == 0
        if disturbed:
            assert figures["connected"] > 1
        assert (figures["overflow"] > 0) is slow


async def test_each_committed_change_comes_exactly_once(fresh_database: FreshDatabase) -> None:
    """While nothing is lost: as many events of each row as commits, those of a session in order."""
    url = await fresh_database()
    await prepare(url)

    async def add(choose: Random) -> None:
        async with connected(url) as writer:
            for _ in range(200):
                transaction = writer.transaction()
                await transaction.start()
                await writer.execute("INSERT INTO things (name) VALUES ('x')")
                await (transaction.commit if choose.random() < 0.8 else transaction.rollback)()

    async with connected(url) as reader, listening(url, queue=100_000) as feed:
        with feed.subscribe() as events:
            await asyncio.gather(*(add(Random(seed)) for seed in range(4)))  # noqa: S311 - likewise
            found = await changes(events, reader)
        rows = [row["id"] for row in await reader.fetch("SELECT id FROM things")]
    assert {change.operation for change in found} == {Operation.INSERT}
    assert Counter(change.keys for change in found) == Counter(((row,),) for row in rows)
    for session in {change.session for change in found}:
        numbers = [change.number for change in found if change.session == session]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_a_session_lost_from_sight_is_a_gap_only_in_its_own_numbers(
    fresh_database: FreshDatabase,
) -> None:
    """More sessions than the feed remembers give no false alarm."""
    url = await fresh_database()
    await prepare(url)
    async with connected(url) as writer, listening(url) as feed:
        feed._numbering._most_sessions = 2
        with feed.subscribe() as events:
            for _ in range(2):
                for _ in range(4):
                    async with connected(url) as other:
                        await other.execute("INSERT INTO things (name) VALUES ('x')")
                assert len(await changes(events, writer)) == 4
        assert feed.figures()["sessions"] == 2
        assert feed.figures()[Loss.GAP] == 0
        assert (await feed.check(Budget(asyncio.get_running_loop().time() + 10))).ready
