"""What changes in a row reaches its point, whoever changes it and however often."""

from __future__ import annotations


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
