"""Row rules in writes: hidden rows are not touched, and no write makes a row that is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes import ledger
from writes.ledger_stand import ANN, AUDITOR, BOB, ledger_standing
from writes.stand import code_of

from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from writes.stand import Stand

ALL = "select id, owner, slug, title, state, shared, version, folder_id, parent_id from notes"
FOREIGN = f"{ALL} where owner is distinct from 'ann' order by id"


@pytest.fixture(scope="module")
async def open_ledger(module_database: FreshDatabase, qdrant_endpoint: str) -> AsyncIterator[Stand]:
    """The ledger, with whatever earlier tests left behind."""
    async with ledger_standing(await module_database(), qdrant_endpoint) as running:
        yield running


@pytest.fixture
async def stand(open_ledger: Stand) -> AsyncIterator[Stand]:
    """The ledger's rows as they were; after the test those of others are as they were, too."""
    tables = ", ".join(table.name for table in ledger.metadata.sorted_tables)
    await open_ledger.connection.execute(f"TRUNCATE {tables} RESTART IDENTITY;{ledger.ROWS}")
    before = await open_ledger.rows(FOREIGN)
    yield open_ledger
    assert await open_ledger.rows(FOREIGN) == before


HIDDEN = {
    "update": 'updateNote(id: 2, set: {title: "stolen"}) { id }',
    "update with its version": 'updateNoteLocked(id: 2, version: 1, set: {title: "x"}) { id }',
    "update with another version": 'updateNoteLocked(id: 2, version: 9, set: {title: "x"}) { id }',
    "update of a dead one": 'updateNote(id: 4, set: {title: "x"}) { id }',
    "update to one's own": 'updateNote(id: 2, set: {owner: "ann"}) { id }',
    "count": "updateNote(id: 2, inc: {version: 1}) { id }",
    "delete": "deleteNote(id: 2) { id slug }",
    "delete of a dead one": "deleteNote(id: 4) { id }",
}


@pytest.mark.parametrize("name", HIDDEN)
async def test_a_hidden_row_is_not_there(name: str, stand: Stand) -> None:
    """Null without an error, as if there were no such row: not even its version is told."""
    before = await stand.rows(ALL)
    data = await stand.data(f"mutation {{ done: {HIDDEN[name]} }}", viewer=ANN)
    assert data == {"done": None}
    assert await stand.rows(ALL) == before


NAMED = ('where: {owner: {eq: "bob"}}', "where: {state: {eq: DEAD}}", "where: {parent: {}}")


@pytest.mark.parametrize("field", ['updateNotes(set: {title: "x"}, %s)', "deleteNotes(%s)"])
async def test_a_condition_picks_visible_rows_only(field: str, stand: Stand) -> None:
    """Whether it names others outright, or means every row."""
    await stand.connection.execute("truncate comments, note_words")
    for where in NAMED:
        document = f"mutation {{ done: {field % where} {{ slug }} }}"
        assert await stand.data(document, viewer=ANN) == {"done": []}
    every = f"mutation {{ done: {field % 'where: {}, all: true'} {{ slug }} }}"
    assert await stand.data(every, viewer=ANONYMOUS) == {"done": []}
    await stand.connection.execute("update notes set parent_id = null where owner = 'ann'")
    await stand.connection.execute("alter table notes drop constraint notes_parent_id_fkey")
    try:
        data = await stand.data(every, viewer=ANN)
    finally:
        await stand.connection.execute(
            "alter table notes add foreign key (parent_id) references notes (id) not valid"
        )
    assert data == {"done": [{"slug": "a1"}, {"slug": "a2"}]}


FORBIDDEN = {
    "insert for another": 'insertNote(input: {owner: "bob"}) { id }',
    "insert for nobody": 'insertNote(input: {title: "x"}) { id }',
    "insert of a dead one": 'insertNote(input: {owner: "ann", state: DEAD}) { id }',
    "one of several": 'insertNotes(inputs: [{owner: "ann"}, {owner: "bob"}]) { id }',
    "one of several, fewer columns": (
        'insertNotes(inputs: [{owner: "ann", title: "x"}, {title: "y"}]) { id }'
    ),
    "give away": 'updateNote(id: 1, set: {owner: "bob"}) { id }',
    "give away to nobody": "updateNote(id: 1, set: {owner: null}) { id }",
    "kill": "updateNote(id: 1, set: {state: DEAD}) { id }",
    "give away several": (
        'updateNotes(where: {slug: {in: ["a1", "a2"]}}, set: {owner: "bob"}) { id }'
    ),
    "give away one of each": (
        'updateEachNote(updates: [{id: 3, set: {title: "x"}}, {id: 1, set: {owner: "bob"}}]) { id }'
    ),
    "upsert over another's": 'upsertNote(input: {slug: "b1", owner: "ann"}) { id slug title }',
    "upsert over another's, only the key": 'upsertNote(input: {slug: "b1"}) { id slug title }',
    "count another's by upsert": (
        'upsertNote(input: {slug: "b1", version: 1}, inc: [VERSION]) { id version }'
    ),
    "one of several new ones": (
        'insertNewNotes(inputs: [{slug: "a1", owner: "bob"}, {slug: "z", owner: "bob"}]) { id }'
    ),
    "upsert over a dead one": (
        'upsertNote(input: {slug: "a3", owner: "ann", state: LIVE}) { id title }'
    ),
    "upsert over another's among one's own": (
        'upsertNotes(inputs: [{slug: "a1", owner: "ann"}, {slug: "b1", owner: "ann"},'
        ' {slug: "new", owner: "ann"}]) { id }'
    ),
    "upsert over another's, not like this": (
        'upsertNotes(inputs: [{slug: "a1", owner: "ann"}, {slug: "b1", owner: "ann"}],'
        ' where: {slug: {eq: "a1"}}) { id }'
    ),
    "upsert for another": 'upsertNote(input: {slug: "new", owner: "bob"}) { id }',
    "upsert that gives away": 'upsertNote(input: {slug: "a1", owner: "bob"}) { id }',
    "a comment on another's": "insertComment(input: {noteId: 2}) { id }",
    "a comment moved to another's": 'upsertComment(input: {text: "on a1", noteId: 2}) { id }',
    "another's comment moved to one's own": (
        'upsertComment(input: {text: "on b1", noteId: 1}) { id }'
    ),
    "a child for another": (
        'insertFolder(input: {tenant: "red", notes: [{owner: "ann"}, {owner: "bob"}]}) { id }'
    ),
    "a child of a child": (
        'insertFolder(input: {tenant: "red", notes: [{owner: "ann",'
        ' children: [{owner: "bob"}]}]}) { id }'
    ),
    "a child of another's parent": (
        'insertFolder(input: {tenant: "blue", notes: [{owner: "ann"}]}) { id }'
    ),
    "a parent of another's": ('insertNote(input: {owner: "ann", parent: {owner: "bob"}}) { id }'),
    "a parent of another's, of a child": (
        'insertFolder(input: {tenant: "red", notes: [{owner: "ann", parent: {owner: "bob"}}]})'
        " { id }"
    ),
    "a parent by a condition that looks further": (
        'insertComment(input: {text: "x", note: {owner: "bob"}}) { id }'
    ),
    "a child of a parent": (
        'insertNote(input: {owner: "ann", folder: {tenant: "red", notes: [{owner: "bob"}]}}) { id }'
    ),
    "a child by a table between": 'insertWord(input: {word: "z", notes: [{owner: "bob"}]}) { id }',
}


@pytest.mark.parametrize("directive", ["", "@transaction"])
@pytest.mark.parametrize("name", FORBIDDEN)
async def test_what_would_be_hidden_is_refused(name: str, directive: str, stand: Stand) -> None:
    """FORBIDDEN, naming the entity and no row; everything of the field is undone."""
    tables = [table.name for table in ledger.metadata.sorted_tables]
    before = [await stand.rows(f"select * from {table} order by 1, 2") for table in tables]  # noqa: S608 - names of ours
    body = await stand.ask(f"mutation {directive} {{ done: {FORBIDDEN[name]} }}", viewer=ANN)
    assert body["data"] == {"done": None}
    (error,) = body["errors"]
    assert code_of(error) == "FORBIDDEN"
    assert "bob" not in error["message"]
    after = [await stand.rows(f"select * from {table} order by 1, 2") for table in tables]  # noqa: S608 - names of ours
    assert after == before


async def test_what_the_rule_allows(stand: Stand) -> None:
    """One's own rows are written as if there were no rule."""
    data = await stand.data(
        """
        mutation {
          insert: insertNote(input: {owner: "ann", slug: "new", comments: [{text: "c"}],
                                     words: [{word: "w"}]})
            { slug comments { nodes { text } } words { nodes { word } } }
          update: updateNote(id: 1, set: {title: "new"}) { title parent { slug } }
          locked: updateNoteLocked(id: 1, version: 1, set: {title: "newer"}) { version }
          upsert: upsertNote(input: {slug: "a2", title: "upserted"}) { id title }
          comment: upsertComment(input: {text: "on a1", noteId: 3}) { note { slug } }
          above: insertComment(input: {text: "d", note: {owner: "ann", slug: "above",
                                                       folder: {tenant: "red", name: "top"}}})
            { note { slug folder { name } } }
          folder: insertFolder(input: {tenant: "red", notes: [{owner: "ann", slug: "in"}]})
            { notes { nodes { slug } } }
          delete: deleteNotes(where: {slug: {in: ["in", "b1"]}}) { slug }
        }
        """,
        viewer=ANN,
    )
    assert data == {
        "insert": {
            "slug": "new",
            "comments": {"nodes": [{"text": "c"}]},
            "words": {"nodes": [{"word": "w"}]},
        },
        "update": {"title": "new", "parent": None},
        "locked": {"version": 2},
        "upsert": {"id": "3", "title": "upserted"},
        "comment": {"note": {"slug": "a2"}},
        "above": {"note": {"slug": "above", "folder": {"name": "top"}}},
        "folder": {"notes": {"nodes": [{"slug": "in"}]}},
        "delete": [{"slug": "in"}],
    }


async def test_hidden_rows_are_left_out_like_others(stand: Stand) -> None:
    """An insert that ignores what is there tells no more of a hidden row than that it made none."""
    data = await stand.data(
        'mutation { done: insertNewNotes(inputs: [{slug: "b1", owner: "ann"},'
        ' {slug: "a1", owner: "ann"}, {slug: "new", owner: "ann"}]) { slug } }',
        viewer=ANN,
    )
    assert data == {"done": [{"slug": "new"}]}


async def test_an_upsert_with_a_condition(stand: Stand) -> None:
    """One's own rows that are not like this are left out; related rows count that one may see."""
    document = (
        "mutation ($where: NoteWhere) { done: upsertNotes(where: $where, inputs:"
        ' [{slug: "a1", title: "x"}, {slug: "a2", title: "y"}]) { slug } }'
    )
    for where, slugs in (
        ({"id": {"gt": 1}}, ["a2"]),
        ({"comments": {"some": {"text": {"eq": "on a1"}}}}, ["a1"]),
        ({"comments": {"some": {"text": {"eq": "on b1"}}}}, []),
        ({"parent": {}}, []),
    ):
        data = await stand.data(document, {"where": where}, viewer=ANN)
        assert [row["slug"] for row in data["done"]] == slugs


async def test_what_is_returned_obeys_the_rules_too(stand: Stand) -> None:
    """A relation below a write leads to visible rows only."""
    await stand.connection.execute("truncate comments")
    data = await stand.data(
        'mutation { insertNote(input: {owner: "ann", parentId: "2", folderId: "2"})'
        " { parent { slug } folder { name } } deleteNote(id: 3) { parent { slug } } }",
        viewer=ANN,
    )
    assert data == {
        "insertNote": {"parent": None, "folder": None},
        "deleteNote": {"parent": None},
    }


async def test_roles_count_in_writes(open_ledger: Stand, stand: Stand) -> None:
    """Who may see every row may write every row, but none that would be dead."""
    del stand
    change = 'mutation { updateNote(id: %s, set: {title: "seen"}) { slug } }'
    assert await open_ledger.data(change % 1, viewer=AUDITOR) == {"updateNote": {"slug": "a1"}}
    assert await open_ledger.data(change % 4, viewer=AUDITOR) == {"updateNote": None}
    assert await open_ledger.data(change % 1, viewer=BOB) == {"updateNote": None}
    error = await open_ledger.error(
        "mutation { updateNote(id: 1, set: {state: DEAD}) { id } }", viewer=AUDITOR
    )
    assert code_of(error) == "FORBIDDEN"


async def test_a_failed_rule_undoes_the_whole_transaction(stand: Stand) -> None:
    """With @transaction what was allowed before it is undone as well."""
    body = await stand.ask(
        'mutation @transaction { a: updateNote(id: 1, set: {title: "x"}) { id }'
        ' b: insertNote(input: {owner: "bob"}) { id } }',
        viewer=ANN,
    )
    assert [code_of(error) for error in body["errors"]] == ["TRANSACTION_ROLLED_BACK", "FORBIDDEN"]
    assert await stand.value("select title from notes where id = 1") == "ann one"
