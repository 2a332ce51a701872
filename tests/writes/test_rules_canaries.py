"""A hundred viewers at once, with grouped reads: none ever sees another's row."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from writes.ledger_stand import AUDITOR, ledger_standing

from gateway.schema import opaque
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import FreshDatabase
    from writes.stand import Stand

VIEWERS = 100
NOTES = 6
"""Notes of each viewer; the first of each is the parent of the others."""
ROWS = f"""
INSERT INTO folders (tenant, name)
  SELECT 'tenant-' || n || '-', 'canary-' || n || '-' FROM generate_series(0, {VIEWERS - 1}) n;
INSERT INTO words (word) SELECT 'w' || n FROM generate_series(0, 4) n;
INSERT INTO notes (owner, slug, title, folder_id)
  SELECT 'owner-' || n || '-', 'canary-' || n || '-' || i, 'canary-' || n || '-', n + 1
  FROM generate_series(1, {NOTES}) i, generate_series(0, {VIEWERS - 1}) n;
UPDATE notes SET parent_id = 1 + (id * 7) % {VIEWERS} WHERE id > {VIEWERS};
INSERT INTO comments (note_id, text) SELECT id, slug || '-comment' FROM notes;
INSERT INTO note_words SELECT id, 1 + id % 5 FROM notes;
"""  # noqa: S608 - of our own numbers

Query = tuple[str, dict[str, Any]]


def viewer(number: int) -> Viewer:
    """One of the hundred."""
    return Viewer(subject=f"owner-{number}-", tenant=f"tenant-{number}-")


def by_key(chance: random.Random) -> Query:
    """Any note, mostly another's."""
    return (
        (
            "query ($id: ID!) { note(id: $id) { slug owner parent { title } folder { name }"
            " comments { nodes { text } } } }"
        ),
        {"id": chance.randint(1, VIEWERS * NOTES)},
    )


def by_node(chance: random.Random) -> Query:
    """Any row by its global id."""
    node = opaque.encode("Note", (str(chance.randint(1, VIEWERS * NOTES)),))
    return "query ($id: ID!) { node(nodeId: $id) { ... on Note { slug } } }", {"id": node}


def listed(chance: random.Random) -> Query:
    """A page in some order, with everything below."""
    order = chance.choice(["slug", "title", "id"])
    way = chance.choice(["ASC", "DESC", "ASC_NULLS_FIRST"])
    return (
        (
            "query ($first: Int)"
            f" {{ notes(first: $first, orderBy: [{{parent: {{{order}: {way}}}}}])"
            " { totalCount nodes { slug parent { slug } children { totalCount nodes { slug } }"
            " folder { name notes { totalCount } } } } }"
        ),
        {"first": chance.randint(1, 50)},
    )


def guessed(chance: random.Random) -> Query:
    """Conditions that name another's rows."""
    other = chance.randrange(VIEWERS)
    where = chance.choice(
        [
            {"owner": {"eq": f"owner-{other}-"}},
            {"slug": {"like": "canary-%"}},
            {"parent": {"title": {"gte": ""}}},
            {"not": {"parent": {"owner": {"eq": f"owner-{other}-"}}}},
            {"children": {"some": {"title": {"like": f"canary-{other}%"}}}},
            {"or": [{}, {"owner": {"ne": "x"}}]},
        ]
    )
    return (
        (
            "query ($where: NoteWhere) { notes(where: $where) { totalCount aggregate { count"
            " max { title } } nodes { slug title comments { nodes { text note { slug } } } } } }"
        ),
        {"where": where},
    )


def by_words(_: random.Random) -> Query:
    """Through rows that are everybody's."""
    return "{ words { nodes { word notes { totalCount nodes { slug } } } } }", {}


def others(_: random.Random) -> Query:
    """The entities of the other rules."""
    return "{ comments { totalCount nodes { text } } folders { nodes { name tenant } } }", {}


def hits(chance: random.Random) -> Query:
    """By vector, and from a Python resolver."""
    number = chance.randint(1, VIEWERS * NOTES)
    return (
        (
            "query ($id: ID!) { searchNotes(vector: [1, 0]) { note { slug } }"
            " referred(id: $id) { slug above { slug } } }"
        ),
        {"id": number},
    )


def changed(chance: random.Random) -> Query:
    """An attempt on any note, the title staying as it was."""
    number = chance.randint(1, VIEWERS * NOTES)
    return (
        (
            "mutation ($id: ID!) { updateNote(id: $id, set: {shared: false})"
            " { slug parent { slug } }"
            ' updateNotes(where: {slug: {like: "canary-%-3"}}, set: {shared: false}) { slug } }'
        ),
        {"id": number},
    )


QUERIES: tuple[Callable[[random.Random], Query], ...] = (
    by_key,
    by_node,
    listed,
    guessed,
    by_words,
    others,
    hits,
    changed,
)


@pytest.fixture(scope="module")
async def stand(module_database: FreshDatabase, qdrant_endpoint: str) -> AsyncIterator[Stand]:
    """The ledger with rows of a hundred owners."""
    async with ledger_standing(await module_database(), qdrant_endpoint, ROWS) as running:
        yield running


def foreign(text: str, number: int) -> list[str]:
    """The canaries of others in an answer."""
    words = text.replace('"', " ").split()
    marks = ("canary-", "owner-", "tenant-")
    return [
        word
        for word in words
        if word.startswith(marks) and not word.startswith(tuple(f"{m}{number}-" for m in marks))
    ]


async def test_no_viewer_sees_anothers_row(stand: Stand) -> None:
    """Each asks every kind of question, all at once; the same documents, hundreds under way."""
    chance = random.Random(7)  # noqa: S311 - not for secrets
    asked = [(number, make(chance)) for number in range(VIEWERS) for make in QUERIES]
    chance.shuffle(asked)
    answers = await asyncio.gather(
        *(
            stand.answer(document, variables, viewer=viewer(number))
            for number, (document, variables) in asked
        )
    )
    own = 0
    for (number, (document, _)), answer in zip(asked, answers, strict=True):
        text = answer.body.decode()
        assert '"errors"' not in text, (document, text)
        assert foreign(text, number) == [], document
        own += f"canary-{number}-" in text
    # Not for want of rows, nor for want of eyes.
    assert own > 4 * VIEWERS
    seen = await stand.answer(listed(chance)[0], {"first": 50}, viewer=AUDITOR)
    assert foreign(seen.body.decode(), 1)
    assert await stand.value("select count(*) from notes where shared or version > 1") == 0


async def test_what_is_shared_and_what_never_is(stand: Stand) -> None:
    """Viewers alike in what the rule reads share statements; others never do, whatever they ask."""
    document = "query ($id: ID!) { folder(id: $id) { name } }"
    alike = [
        Viewer(subject=f"s{n}", roles=frozenset({f"r{n}"}), tenant="tenant-1-") for n in range(50)
    ]
    different = [viewer(number) for number in range(50)]
    cost = {}
    for name, viewers in (("alike", alike), ("different", different)):
        before = stand.sent()["postgres"]
        answers = await asyncio.gather(
            *(stand.data(document, {"id": 2}, viewer=one) for one in viewers)
        )
        cost[name] = stand.sent()["postgres"] - before
        found = [answer["folder"] for answer in answers]
        if name == "alike":
            assert found == [{"name": "canary-1-"}] * 50
        else:
            assert [row for row in found if row] == [{"name": "canary-1-"}]
    assert cost["different"] == 50
    assert cost["alike"] < 10


async def test_roles_are_part_of_what_is_shared(stand: Stand) -> None:
    """Where a rule reads roles, viewers of other roles ask for themselves, in any order."""
    document = "{ notes(first: 1) { totalCount } }"
    auditor = Viewer(subject="owner-1-", roles=AUDITOR.roles)
    reader = Viewer(subject="owner-1-", scopes=frozenset({"notes:shared"}))
    viewers = [auditor, viewer(1), reader] * 20
    answers = await asyncio.gather(*(stand.data(document, viewer=one) for one in viewers))
    counts = [answer["notes"]["totalCount"] for answer in answers]
    assert counts == [VIEWERS * NOTES, NOTES, NOTES] * 20
