"""What changes in a row reaches its point, whoever changes it and however often."""

from __future__ import annotations

import asyncpg
import pytest
from embedded.qdrant_rest import rest_front
from notes import Watched

from gateway.sources.qdrant import QdrantSource


async def test_insert_update_and_delete_reach_the_point(notes):
    """A row's point appears with it, has its text and payload, and goes with it."""
    await notes.add("a red apple", "the night train to Vienna")
    assert await notes.due() == ["1", "2"]
    figures = await notes.filler().follow()
    assert (figures.embedded, figures.failed) == (2, 0)
    assert await notes.due() == []
    assert await notes.points() == {
        1: {"title": "a red apple", "score": 0.0},
        2: {"title": "the night train to Vienna", "score": 0.0},
    }
    assert await notes.nearest("railway journey") == 2

    await notes.connection.execute("UPDATE notes SET title = 'a rail journey' WHERE id = 1")
    await notes.connection.execute("DELETE FROM notes WHERE id = 2")
    figures = await notes.filler().follow()
    assert (figures.embedded, figures.removed) == (1, 1)
    assert await notes.nearest("railway journey") == 1
    assert set(await notes.points()) == {1}
    recorded = await notes.connection.fetch("SELECT point_id, entity_type FROM vector_metadata")
    assert [tuple(row) for row in recorded] == [("1", "notes")]
    known = await notes.connection.fetchrow("SELECT status, point_count FROM collections")
    assert tuple(known) == ("ready", 1)


async def test_without_grpc_it_goes_by_rest(notes):
    """Stored, another payload, removed and looked at by Qdrant's REST interface alone."""
    with rest_front(notes.engine_port) as url:
        source = QdrantSource("vectors", url, prefer_grpc=False)
        await source.open()
        by_rest = notes.having(engine=source)
        await notes.add("a red apple", "a night train")
        await by_rest.filler().follow()
        await notes.connection.execute("UPDATE notes SET score = 2 WHERE id = 1")
        await notes.connection.execute("DELETE FROM notes WHERE id = 2")
        figures = await by_rest.filler().follow()
        assert (figures.payloads, figures.removed) == (1, 1)
        assert (await by_rest.filler().check()).sound
        assert await by_rest.points() == {1: {"title": "a red apple", "score": 2.0}}
        await source.close()


async def test_what_neither_text_nor_payload_reads_does_nothing(notes):
    """No entry is written for it, nor a job deferred."""
    await notes.add("one", "two")
    await notes.filler().follow()
    jobs = await _jobs(notes)
    await notes.connection.execute("UPDATE notes SET seen = seen + 1, title = title")
    assert await notes.due() == []
    assert await _jobs(notes) == jobs


async def test_a_change_that_was_undone_is_not_stored_again(notes):
    """An entry whose row says what its point says costs neither an embedding nor a write."""
    await notes.add("one")
    await notes.filler().follow()
    await notes.connection.execute("UPDATE notes SET title = 'two'")
    await notes.connection.execute("UPDATE notes SET title = 'one'")
    watched = Watched(notes.embedder)
    figures = await notes.having(embedder=watched).filler().follow()
    assert (figures.unchanged, figures.embedded, watched.asked) == (1, 0, [])


async def test_another_payload_keeps_the_vector(notes):
    """The text is not embedded again for it."""
    await notes.add("a red apple", "a night train")
    await notes.filler().follow()
    await notes.connection.execute("UPDATE notes SET score = id / 4.0")
    watched = Watched(notes.embedder)
    figures = await notes.having(embedder=watched).filler().follow()
    assert (figures.payloads, figures.embedded, watched.asked) == (2, 0, [])
    assert {key: one["score"] for key, one in (await notes.points()).items()} == {1: 0.25, 2: 0.5}
    assert await notes.nearest("railway") == 2


async def test_many_changes_of_a_row_are_one_entry_and_one_job(notes):
    """However often it changes before a worker comes, it is brought about once."""
    await notes.add("one")
    for number in range(20):
        await notes.connection.execute("UPDATE notes SET title = $1", f"title {number}")
    assert await notes.due() == ["1"]
    assert await _jobs(notes) == 1
    watched = Watched(notes.embedder)
    await notes.having(embedder=watched).filler().follow()
    assert watched.asked == ["title 19"]


async def test_a_bulk_insert_is_one_job(notes):
    """A thousand rows of one statement are a thousand entries, written by one statement."""
    await notes.add(*(f"note {number}" for number in range(1_000)))
    assert len(await notes.due()) == 1_000
    assert await _jobs(notes) == 1


async def test_a_rolled_back_change_leaves_nothing(notes):
    """Neither entry nor job is there without the change."""
    transaction = notes.connection.transaction()
    await transaction.start()
    await notes.add("one")
    await transaction.rollback()
    assert await notes.due() == []
    assert await _jobs(notes) == 0


async def test_a_changed_key_and_a_truncated_table(notes):
    """A row that takes another key leaves its old point; no row, no point."""
    await notes.add("one", "two")
    await notes.filler().follow()
    await notes.connection.execute("UPDATE notes SET id = 7 WHERE id = 1")
    assert await notes.due() == ["1", "7"]
    await notes.filler().follow()
    assert set(await notes.points()) == {2, 7}
    await notes.connection.execute("TRUNCATE notes")
    figures = await notes.filler().follow()
    assert figures.removed == 2
    assert await notes.points() == {}


async def test_a_row_without_text_has_no_point(notes):
    """A blank text is not embedded; one that becomes blank loses its point."""
    await notes.add("one", " \t\n")
    await notes.filler().follow()
    assert set(await notes.points()) == {1}
    await notes.connection.execute("UPDATE notes SET title = '' WHERE id = 1")
    await notes.filler().follow()
    assert await notes.points() == {}
    assert (await notes.filler().check()).comparison.blank == 2


async def test_nothing_due_asks_nobody(notes):
    """A look at a collection without changes does not even create it."""
    figures = await notes.filler().follow()
    assert figures.done == 0
    assert notes.sync.name not in await notes.engine.administration.names()


async def test_a_job_that_was_not_ended_is_ended(notes):
    """Killed after its last row and before its end: the next look ends it."""
    await notes.add("one")
    await notes.filler().fill(lambda *_: None)
    await notes.connection.execute("UPDATE embedding_jobs SET status = 'running'")
    await notes.filler().follow()
    assert [job["status"] for job in await notes.jobs()] == ["succeeded"]


async def test_a_writer_needs_no_other_rights(notes):
    """Who may write the table alone is not refused, and what it changes is noted."""
    role = notes.sync.name
    await notes.connection.execute(f"CREATE ROLE {role}; GRANT INSERT ON notes TO {role}")
    try:
        await notes.connection.execute(f"SET ROLE {role}")
        await notes.add("one")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await notes.due()
    finally:
        await notes.connection.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
    assert await notes.due() == ["1"]
    assert await _jobs(notes) == 1


async def _jobs(notes):
    return await notes.connection.fetchval(
        "SELECT count(*) FROM plait_engine.procrastinate_jobs WHERE args ->> 'collection' = $1",
        notes.sync.name,
    )


async def test_who_keeps_searches_is_told_when_points_changed(notes):
    """After the points are stored or removed; not where nothing was, nor of another collection."""
    heard = []

    async def changed(collection):
        heard.append((collection, len(await notes.points())))

    filler = notes.filler(changed=changed)
    await notes.add("a red apple", "a night train")
    await filler.follow()
    assert heard == [(notes.sync.name, 2)]
    await filler.follow()
    await notes.connection.execute("UPDATE notes SET seen = seen + 1")
    await filler.follow()
    assert len(heard) == 1
    await notes.connection.execute("UPDATE notes SET score = 3 WHERE id = 1")
    await notes.connection.execute("DELETE FROM notes WHERE id = 2")
    await filler.follow()
    assert set(heard[1:]) == {(notes.sync.name, 1)}
