"""Engines that are away, rows that cannot be brought about: what is due stays, the others go on."""

from __future__ import annotations

import os
import signal

import pytest
import sqlalchemy as sa
from notes import Watched, synced, table

from gateway.embedded.ports import free_port
from gateway.errors import SourceDataError, SourceUnavailable
from gateway.sources.postgres.syncing.install import watch
from gateway.sources.qdrant import QdrantSource
from gateway.sync.jobs import sync_jobs


async def _refuse(texts):
    if any("poison" in text for text in texts):
        raise SourceDataError("the model cannot make anything of this")


async def test_without_the_embedder_everything_stays_due(notes):
    """The job says why it halts; when the embedder is back, it goes on where it was."""

    async def away(_texts):
        raise SourceUnavailable("the embedder cannot be reached")

    await notes.add("one", "two")
    with pytest.raises(SourceUnavailable):
        await notes.having(embedder=Watched(notes.embedder, away)).filler().fill(_ignored)
    assert len(await notes.due()) == 2
    (job,) = await notes.jobs()
    assert (job["status"], job["last_error"]) == ("running", "the embedder cannot be reached")
    figures = await notes.filler().follow()
    assert figures.embedded == 2
    (job,) = await notes.jobs()
    assert (job["status"], job["done"], job["attempts"]) == ("succeeded", 2, 2)


async def test_a_killed_model_loses_and_doubles_nothing(notes):
    """kill -9 of the model's process in mid backfill: what was recorded is not embedded again."""

    async def kill(_texts):
        if len(dying.asked) == 400:
            os.kill(notes.embedder.pid, signal.SIGKILL)

    await notes.add(*(f"note {number}" for number in range(1_000)))
    dying = Watched(notes.embedder, kill)
    with pytest.raises(SourceUnavailable, match="process ended"):
        await notes.having(embedder=dying).filler(batch=50).fill(_ignored)
    left = await notes.due()
    assert 600 <= len(left) <= 1_000
    again = Watched(notes.embedder)
    figures = await notes.having(embedder=again).filler(batch=50).follow()
    assert figures.embedded == len(again.asked) == len(set(again.asked)) == len(left)
    assert len(await notes.points()) == 1_000
    assert (await notes.filler().check()).sound
    (job,) = await notes.jobs()
    assert (job["status"], job["done"], job["total"]) == ("succeeded", 1_000, 1_000)


async def test_without_the_vector_engine_everything_stays_due(notes):
    """Nothing is embedded for an engine that is not there."""
    await notes.add("one")
    source = QdrantSource("vectors", "http://127.0.0.1:1", grpc_port=free_port())
    watched = Watched(notes.embedder)
    with pytest.raises(SourceUnavailable):
        await notes.having(engine=source, embedder=watched).filler().follow()
    assert watched.asked == []
    assert await notes.due() == ["1"]


async def test_a_row_that_cannot_be_embedded_fails_alone(notes):
    """It is tried as often as allowed, then left with its error; the others are stored."""
    await notes.add("one", "poison", "three")
    poisoned = notes.having(embedder=Watched(notes.embedder, _refuse))
    _, figures = await poisoned.filler(attempts=2).fill(_ignored)
    assert (figures.embedded, figures.failed) == (2, 1)
    assert set(await notes.points()) == {1, 3}
    await _hurry(notes)
    await poisoned.filler(attempts=2).follow()
    assert await _failed(notes) == [("2", 2, "the model cannot make anything of this")]
    (job,) = await notes.jobs()
    assert (job["status"], job["total"], job["done"], job["failed"]) == ("failed", 3, 2, 1)
    found = await poisoned.filler().check()
    assert found.comparison.keys == {"failed": ["2"]}

    await notes.connection.execute("UPDATE notes SET title = 'two' WHERE id = 2")
    await poisoned.filler().follow()
    assert set(await notes.points()) == {1, 2, 3}
    assert (await notes.filler().check()).sound


async def test_a_row_that_sql_cannot_compute_fails_alone(notes):
    """An expression that fails for one row is that row's fault."""
    fraction = sa.cast(1 / sa.func.nullif(table.c.score, 5) / (table.c.score - 4), sa.Text)
    sync = synced(notes.sync.name, text=table.c.title + sa.func.coalesce(fraction, ""))
    await notes.connection.execute(watch(sync))
    await notes.add("one", "two", "three")
    await notes.connection.execute("UPDATE notes SET score = 4 WHERE id = 2")
    await notes.connection.execute("UPDATE notes SET score = 5 WHERE id <> 2")
    figures = await notes.having(sync=sync).filler(attempts=1).follow()
    assert (figures.embedded, figures.failed) == (2, 1)
    ((key, _, error),) = await _failed(notes)
    assert key == "2"
    assert "values" in error


async def test_a_text_over_the_limit_is_cut_or_fails(notes):
    """As the declaration says; either is counted."""
    long = "word " * 2_000
    await notes.add("short", long)
    figures = await notes.filler().follow()
    assert (figures.embedded, figures.cut, figures.failed) == (2, 1, 0)
    assert (await notes.filler().check()).comparison.long == 1

    strict = notes.having(sync=synced(notes.sync.name, long_text="fail"))
    await notes.connection.execute("UPDATE notes SET title = title || '!'")
    figures = await strict.filler().follow()
    assert (figures.embedded, figures.failed) == (1, 1)
    ((key, attempts, error),) = await _failed(notes)
    assert (key, attempts) == ("2", 1)
    assert "characters" in error


async def test_a_key_that_is_no_point_id_fails_alone(notes):
    """Qdrant's ids are not negative."""
    await notes.add("one", "two", first=-1)
    figures = await notes.filler().follow()
    assert (figures.embedded, figures.failed) == (1, 1)
    await notes.connection.execute("DELETE FROM notes WHERE id < 0")
    await notes.filler().follow()
    assert (await notes.filler().check()).sound


async def test_the_regular_look_fills_every_collection_and_says_a_misfit_once(notes, caplog):
    """A collection of another model is no reason to try and complain each time."""
    await notes.add("one")
    look = sync_jobs({notes.sync.name: notes.filler()})[1]
    await look.run(None)
    assert set(await notes.points()) == {1}
    await notes.add("two", first=2)
    other = notes.having(embedder=Watched(notes.embedder, model="another"))
    look = sync_jobs({notes.sync.name: other.filler()})[1]
    await look.run(None)
    await look.run(None)
    assert await notes.due() == ["2"]
    said = [one.message for one in caplog.records if one.name == "gateway.sync.jobs"]
    assert len(said) == 1
    assert "another" in said[0]


def _ignored(_collection, _done, _total):
    """Progress that nobody watches."""


async def _hurry(notes):
    await notes.connection.execute("UPDATE plait_sync.vector_changes SET due_at = now()")


async def _failed(notes):
    found = await notes.connection.fetch(
        "SELECT key, attempts, last_error FROM plait_sync.vector_changes WHERE failed"
    )
    return [tuple(row) for row in found]
