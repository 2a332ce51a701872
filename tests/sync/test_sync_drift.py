"""A comparison counts every way in which rows and points differ; a repair mends them all."""

from __future__ import annotations

import asyncio

import pytest
from notes import Watched, synced

from gateway.errors import ConfigurationError
from gateway.sources.qdrant.points import Point


def _ignored(_collection, _done, _total):
    """Progress that nobody watches."""


async def _compared(notes):
    found = (await notes.filler().check()).comparison
    return {str(kind): list(found.keys[kind]) for kind in found.counts}


async def test_each_kind_is_found_and_mended(notes):
    """Points lost, points of nobody, rows changed unseen: found without being touched."""
    await notes.add("one", "two", "three", "four")
    assert (await notes.filler().check()).comparison.waiting == 4
    await notes.filler().fill(_ignored)
    assert await _compared(notes) == {}

    await notes.engine.bulk.remove(notes.sync.name, [1], _soon())
    await notes.engine.bulk.store(
        notes.sync.name,
        [Point(99, [1.0] + [0.0] * 255), Point(_UUID, [1.0] + [0.0] * 255)],
        _soon(),
    )
    await _unseen(notes, "UPDATE notes SET title = 'zwei' WHERE id = 2")
    await _unseen(notes, "DELETE FROM notes WHERE id = 3")
    await _unseen(notes, "INSERT INTO notes (id, title) VALUES (5, 'five')")
    await notes.connection.execute(
        "UPDATE vector_metadata SET model = 'older' WHERE point_id = '4'"
    )
    wrong = {"missing": ["1", "5"], "orphan": ["3", "99", _UUID], "stale": ["2"], "model": ["4"]}
    assert await _compared(notes) == wrong
    assert await _compared(notes) == wrong

    with pytest.raises(ConfigurationError, match="--repair"):
        await notes.filler().fill(_ignored)
    drifted, figures = await notes.filler().fill(_ignored, repair=True)
    assert sum(drifted.comparison.counts.values()) == 7
    assert (figures.embedded, figures.removed) == (4, 3)
    assert await _compared(notes) == {}
    assert set(await notes.points()) == {1, 2, 4, 5}
    assert (await notes.points())[2]["title"] == "zwei"


async def test_a_backfill_does_what_the_records_lack_once(notes):
    """Rows from before the watch are embedded; a second run finds nothing to do."""
    await _unseen(
        notes, "INSERT INTO notes (id, title) SELECT n, 'note ' || n FROM generate_series(1, 500) n"
    )
    told = []
    watched = Watched(notes.embedder)
    _, figures = (
        await notes.having(embedder=watched)
        .filler(batch=64)
        .fill(lambda *state: told.append(state))
    )
    assert figures.embedded == len(watched.asked) == 500
    assert all(stage.items == 500 for stage in figures.stages.values())
    assert told[0] == (notes.sync.name, 0, 500)
    assert told[-1] == (notes.sync.name, 500, 500)
    (job,) = await notes.jobs()
    assert (job["status"], job["total"], job["done"], job["failed"]) == ("succeeded", 500, 500, 0)
    assert job["started_at"] < job["finished_at"]

    _, figures = await notes.having(embedder=watched).filler().fill(_ignored)
    assert (figures.done, len(watched.asked), len(await notes.jobs())) == (0, 500, 1)


async def test_what_changes_during_a_backfill_counts_to_it(notes):
    """Its job has what it found, what waited, and what came while it ran: done is never over it."""
    await notes.add("one", "two")

    async def meanwhile(texts):
        if "one" in texts:
            await notes.add("three", first=3)

    filling = notes.having(embedder=Watched(notes.embedder, meanwhile))
    await filling.filler().fill(_ignored)
    assert set(await notes.points()) == {1, 2, 3}
    (job,) = await notes.jobs()
    assert (job["status"], job["total"], job["done"], job["failed"]) == ("succeeded", 3, 3, 0)


async def test_a_lost_collection_is_filled_again(notes):
    """An engine that lost its data: records alone do not show it, a look at the points does."""
    await notes.add("one", "two")
    await notes.filler().fill(_ignored)
    await notes.engine.administration.delete_collection(notes.sync.name)
    assert await _compared(notes) == {"missing": ["1", "2"]}
    await notes.filler().fill(_ignored, repair=True)
    assert set(await notes.points()) == {1, 2}


async def test_another_model_is_refused_until_a_repair(notes):
    """Vectors of two models never lie in one collection: it is made anew, deliberately."""
    await notes.add("one", "two")
    await notes.filler().fill(_ignored)
    other = notes.having(embedder=Watched(notes.embedder, model="another"))
    await notes.add("three", first=3)
    found = await other.filler().check()
    assert not found.sound
    assert "another" in found.foreign
    for attempt in (other.filler().follow(), other.filler().fill(_ignored)):
        with pytest.raises(ConfigurationError, match="another"):
            await attempt
    assert other.embedder.asked == []
    await other.filler().fill(_ignored, repair=True)
    assert sorted(other.embedder.asked) == ["one", "three", "two"]
    assert (await other.filler().check()).sound
    model = await notes.connection.fetchval("SELECT embedding_model FROM collections")
    assert model == "another"


async def test_a_table_that_is_not_watched_is_told(notes):
    """A declaration that reads more than the triggers note names the statement to run."""
    await notes.add("one")
    wider = synced(
        notes.sync.name, payload={**notes.sync.payload, "score": notes.sync.table.c.seen}
    )
    with pytest.raises(
        ConfigurationError, match=r"plait_sync_watch\('notes', .*\{body,seen,title\}"
    ):
        await notes.having(sync=wider).filler().check()


_UUID = "6a1cb1c2-3a80-4ab5-8a3f-0b7b0e5f7f10"


def _soon():
    return asyncio.get_running_loop().time() + 10


async def _unseen(notes, statement):
    """Change rows as nobody may: past the triggers."""
    async with notes.connection.transaction():
        await notes.connection.execute("SET LOCAL session_replication_role = replica")
        await notes.connection.execute(statement)
