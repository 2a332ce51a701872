"""Nothing is lost and nothing older wins, whatever happens at the same time."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

import asyncpg
import pytest
from notes import Watched

from gateway.errors import SourceUnavailable
from gateway.sources.postgres.syncing.ledger import ledger

HERE = Path(__file__).parent


async def test_edits_while_the_collection_is_filled(notes):
    """Writers edit, delete and insert all the while: in the end each point is as its row."""
    await notes.add(*(f"note {number}" for number in range(60)))

    async def write(seed):
        chance = random.Random(seed)  # noqa: S311 - for variety, not for secrets
        connection = await asyncpg.connect(notes.url, timeout=10)
        for number in range(40):
            key, title = chance.randint(1, 70), f"edit {seed} {number}"
            if chance.random() < 0.2:
                await connection.execute("DELETE FROM notes WHERE id = $1", key)
            else:
                await connection.execute(
                    "INSERT INTO notes (id, title) VALUES ($1, $2) "
                    "ON CONFLICT (id) DO UPDATE SET title = excluded.title",
                    key,
                    title,
                )
        await connection.close()

    async def follow(done):
        while not done.is_set():
            await notes.filler(batch=7).follow()

    done = asyncio.Event()
    followers = [asyncio.ensure_future(follow(done)) for _ in range(2)]
    await asyncio.gather(*(write(seed) for seed in range(3)))
    done.set()
    await asyncio.gather(*followers)
    await notes.filler().follow()

    rows = await notes.connection.fetch("SELECT id, title FROM notes")
    points = await notes.points()
    assert {key: one["title"] for key, one in points.items()} == {
        row["id"]: row["title"] for row in rows
    }
    assert (await notes.filler().check()).sound


async def test_a_change_during_the_embedding_is_not_lost(notes):
    """The row is changed between being read and being stored: the newer text wins."""

    async def change(texts):
        if texts == ["old"]:
            await notes.connection.execute("UPDATE notes SET title = 'new'")

    await notes.add("old")
    watched = Watched(notes.embedder, change)
    await notes.having(embedder=watched).filler().follow()
    assert watched.asked == ["old", "new"]
    assert (await notes.points())[1]["title"] == "new"
    assert await notes.due() == []


async def test_a_record_that_somebody_else_writes_meanwhile(notes):
    """It is replaced by ours, and the batch is recorded all the same."""

    async def record(_):
        await notes.connection.execute(
            "INSERT INTO vector_metadata "
            "(collection_id, point_id, entity_type, entity_id, content_hash, model) "
            "SELECT id, '2', 'notes', '2', repeat('0', 64), 'other' FROM collections "
            "WHERE name = $1",
            notes.sync.name,
        )

    await notes.add("one", "two", "three")
    watched = Watched(notes.embedder, record)
    figures = await notes.having(embedder=watched).filler().follow()
    assert (figures.embedded, figures.failed) == (3, 0)
    assert await notes.due() == []
    assert (await notes.filler().check()).sound


async def test_an_uncommitted_change_is_waited_for_by_nobody(notes):
    """A row being changed is stored as it was, and again once the change is committed."""
    await notes.add("old")
    other = await asyncpg.connect(notes.url, timeout=10)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE notes SET title = 'new'")
    async with asyncio.timeout(20):
        await notes.filler().follow(seconds=0.2)
    assert (await notes.points())[1]["title"] == "old"
    await transaction.commit()
    await other.close()
    assert await notes.due() == ["1"]
    await notes.filler().follow()
    assert (await notes.points())[1]["title"] == "new"


async def test_one_process_at_a_time(notes):
    """The second leaves what is due to the first."""
    ready, go = asyncio.Event(), asyncio.Event()

    async def hold(_texts):
        ready.set()
        await go.wait()

    await notes.add("one")
    first = asyncio.ensure_future(
        notes.having(embedder=Watched(notes.embedder, hold)).filler().follow()
    )
    await ready.wait()
    assert await notes.filler().follow() is None
    go.set()
    assert (await first).embedded == 1


async def test_the_lock_of_a_machine_that_is_gone_is_let_go(notes):
    """The server looks for a silent peer within the minute, not after two hours."""
    async with ledger(notes.url, notes.sync, 10.0) as book:
        assert await book.lock()
        waits = [
            int(await book.value(f"SHOW tcp_keepalives_{name}"))
            for name in ("idle", "interval", "count")
        ]
    assert 0 < waits[0] + waits[1] * waits[2] <= 60


async def test_who_has_lost_its_lock_stores_nothing(notes):
    """It stood still while its session ended and another one went on: what that stored stays."""

    async def lose(_texts):
        await asyncio.sleep(0.5)  # until it has found that nothing else is due
        await notes.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
        await notes.connection.execute("UPDATE notes SET title = 'new'")
        async with asyncio.timeout(20):
            while await notes.filler().follow() is None:  # noqa: ASYNC110 - it tells of no event
                await asyncio.sleep(0.05)

    await notes.add("old")
    with pytest.raises(SourceUnavailable):
        await notes.having(embedder=Watched(notes.embedder, lose)).filler().follow()
    assert (await notes.points())[1]["title"] == "new"
    assert (await notes.filler().check()).sound


async def test_a_killed_worker_loses_nothing(notes):
    """kill -9 in the middle of a backfill: the next worker goes on, and finds all as it must be."""
    await notes.add(*(f"note {number}" for number in range(300)))
    urls = (notes.url, notes.engine_url, str(notes.engine_port), notes.sync.name)
    worker = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "worker.py"), *urls, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        assert await worker.stdout.readline() == b"embedding\n"
        while not await notes.points():  # noqa: ASYNC110 - an engine tells of no event
            await asyncio.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    assert len(await notes.due()) > 0

    async with asyncio.timeout(60):
        # Until the server has seen that the worker is gone.
        while await notes.filler().follow() is None:  # noqa: ASYNC110 - it tells of no event
            await asyncio.sleep(0.05)
    assert len(await notes.points()) == 300
    assert (await notes.filler().check()).sound


async def test_a_point_stored_by_halves_is_stored_again(notes):
    """Stored, not recorded, and the row changed back: the record does not vouch for the point."""
    await notes.add("old")
    await notes.filler().follow()
    await notes.connection.execute("UPDATE notes SET title = 'new'")

    class Dying:
        """Stores, and is away before it can say so."""

        administration = notes.engine.administration

        class Bulk:
            async def store(self, collection, points, deadline):
                await notes.engine.bulk.store(collection, points, deadline)
                raise SourceUnavailable("gone")

        bulk = Bulk()

    with pytest.raises(SourceUnavailable):
        await notes.having(engine=Dying()).filler().follow()
    assert (await notes.points())[1]["title"] == "new"
    await notes.connection.execute("UPDATE notes SET title = 'old'")
    await notes.filler().follow()
    assert (await notes.points())[1]["title"] == "old"


async def test_who_was_not_alone_has_the_row_looked_at_again(notes):
    """An entry that somebody else took out comes back: what we stored may be the older."""
    await notes.add("one", "two")
    await notes.filler().follow()
    async with ledger(notes.url, notes.sync, 10) as book:
        await book.begin(notes.embedder.model, 256)
        await book.settle(notes.embedder.model, [], [], {"1": 1})
    assert await notes.due() == ["1"]


async def test_a_writer_in_repeatable_read_is_not_failed(notes):
    """A worker that brings about the row's last change does not conflict with the next one."""
    await notes.add("one")
    other = await asyncpg.connect(notes.url, timeout=10)
    transaction = other.transaction(isolation="repeatable_read")
    await transaction.start()
    await other.fetchval("SELECT count(*) FROM notes")
    await notes.filler().follow()
    await other.execute("UPDATE notes SET title = 'two'")
    await transaction.commit()
    await other.close()
    await notes.filler().follow()
    assert (await notes.points())[1]["title"] == "two"
