"""Row rules in reads: a hidden row is nowhere, not even in a count or an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from writes.ledger_stand import ANN, AUDITOR, BOB, READER, ledger_standing

from gateway.schema import opaque
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from writes.stand import Stand

SEEN = {
    "ann": (ANN, ["a1", "a2"]),
    "bob": (BOB, ["b1"]),
    "a role": (AUDITOR, ["a1", "b1", "a2", "c1", "n1"]),
    "a scope": (READER, ["c1"]),
    "nobody": (ANONYMOUS, []),
    "a subject of nothing": (Viewer(subject=""), []),
    "a role and a subject": (
        Viewer(subject="ann", roles=frozenset({"auditor"})),
        ["a1", "b1", "a2", "c1", "n1"],
    ),
    "another role": (Viewer(roles=frozenset({"auditors", "Auditor", "notes:shared"})), []),
    "another scope": (Viewer(scopes=frozenset({"auditor", "notes"})), []),
    "a subject that is code": (Viewer(subject="x' or true --"), []),
}
SLUGS = ("a1", "b1", "a2", "a3", "c1", "n1")


@pytest.fixture(scope="module")
async def stand(module_database: FreshDatabase, qdrant_endpoint: str) -> AsyncIterator[Stand]:
    """The ledger; nothing here changes it."""
    async with ledger_standing(await module_database(), qdrant_endpoint) as running:
        yield running


def slugs(connection: Any) -> list[str]:
    """The slugs of a list of notes."""
    return [node["slug"] for node in connection["nodes"]]


@pytest.mark.parametrize("who", SEEN)
async def test_by_key_and_in_lists(who: str, stand: Stand) -> None:
    """The same rows by key, by global id, in a list, in its count and from a Python resolver."""
    viewer, expected = SEEN[who]
    for number, slug in enumerate(SLUGS, 1):
        data = await stand.data(
            "query ($id: ID!, $node: ID!) { note(id: $id) { slug }"
            " node(nodeId: $node) { ... on Note { slug } } referred(id: $id) { slug } }",
            {"id": number, "node": opaque.encode("Note", (str(number),))},
            viewer=viewer,
        )
        row = {"slug": slug} if slug in expected else None
        assert data == {"note": row, "node": row, "referred": row}
    data = await stand.data(
        "{ notes { totalCount nodes { slug } aggregate { count max { title } } } }", viewer=viewer
    )
    assert slugs(data["notes"]) == expected
    assert data["notes"]["totalCount"] == data["notes"]["aggregate"]["count"] == len(expected)


@pytest.mark.parametrize("who", SEEN)
async def test_hits_of_a_search(who: str, stand: Stand) -> None:
    """A point whose row is hidden is no hit, and takes no place among them."""
    viewer, expected = SEEN[who]
    data = await stand.data("{ searchNotes(vector: [1, 0]) { id note { slug } } }", viewer=viewer)
    found = [hit["note"]["slug"] for hit in data["searchNotes"]]
    assert sorted(found) == sorted(slug for slug in SLUGS if slug in expected)


async def test_what_is_near_to_a_hidden_row(stand: Stand) -> None:
    """A hidden row's point is answered as one that is not stored, and so is one without a row."""
    document = "query ($id: ID!) { searchNotes(id: $id) { id } }"
    seen = {}
    for number in range(1, 8):
        body = await stand.ask(document, {"id": str(number)}, viewer=ANN)
        seen[number] = body.get("errors", [{"message": None}])[0]["message"]
    absent = "id: collection 'ledger_notes' has no such point"
    assert seen == {1: None, 2: absent, 3: None, **dict.fromkeys((4, 5, 6, 7), absent)}
    body = await stand.data(document, {"id": "2"}, viewer=BOB)
    assert body == {"searchNotes": []}


async def test_neighbours(stand: Stand) -> None:
    """They are asked for visible rows only, and their rows obey the rule."""
    query = "{ notes { nodes { slug similar(first: 5) { note { slug } } } } }"
    data = await stand.data(query, viewer=BOB)
    (node,) = data["notes"]["nodes"]
    assert node["slug"] == "b1"
    assert node["similar"] == []


async def test_relations_in_both_directions(stand: Stand) -> None:
    """To one: null. To many, also by a table between: left out, and not counted."""
    data = await stand.data(
        """
        { notes { nodes { slug parent { slug } children { totalCount nodes { slug } }
            above { slug } folder { name notes { nodes { slug } } }
            comments { totalCount nodes { text note { slug } } } } }
          words { nodes { word notes { totalCount nodes { slug } } } } }
        """,
        viewer=ANN,
    )
    shown = {"name": "f1", "notes": {"nodes": [{"slug": "a1"}, {"slug": "a2"}]}}
    assert data["notes"]["nodes"] == [
        {
            "slug": "a1",
            "parent": None,
            "children": {"totalCount": 0, "nodes": []},
            "above": None,
            "folder": shown,
            "comments": {"totalCount": 1, "nodes": [{"text": "on a1", "note": {"slug": "a1"}}]},
        },
        {
            "slug": "a2",
            "parent": None,
            "children": {"totalCount": 0, "nodes": []},
            "above": None,
            "folder": shown,
            "comments": {"totalCount": 1, "nodes": [{"text": "on a2", "note": {"slug": "a2"}}]},
        },
    ]
    assert data["words"]["nodes"] == [
        {"word": "x", "notes": {"totalCount": 1, "nodes": [{"slug": "a1"}]}},
        {"word": "y", "notes": {"totalCount": 0, "nodes": []}},
    ]


GUESSES: dict[str, tuple[str, list[str]]] = {
    'words(where: {notes: {some: {title: {like: "bob%"}}}}) { nodes { slug: word } }': (
        "words through a hidden note",
        [],
    ),
    "words(where: {notes: {none: {}}}) { nodes { slug: word } }": ("words without notes", ["y"]),
    'words(where: {notes: {every: {owner: {eq: "ann"}}}}) { nodes { slug: word } }': (
        "words of whose notes all are the viewer's",
        ["x", "y"],
    ),
    'notes(where: {parent: {owner: {eq: "bob"}}}) { nodes { slug } }': ("a hidden parent", []),
    "notes(where: {parent: {}}) { nodes { slug } }": ("any parent", []),
    'notes(where: {not: {parent: {owner: {eq: "bob"}}}}) { nodes { slug } }': (
        "not a hidden parent",
        ["a1", "a2"],
    ),
    "notes(where: {state: {eq: DEAD}}) { nodes { slug } }": ("a dead one", []),
    "notes(where: {or: [{}, {owner: {isNull: true}}]}) { nodes { slug } }": (
        "or anything",
        ["a1", "a2"],
    ),
    'comments(where: {note: {slug: {eq: "b1"}}}) { nodes { slug: text } }': (
        "comments of a hidden note",
        [],
    ),
    "comments { nodes { slug: text } }": ("comments by their own rule", ["on a1", "on a2"]),
    "folders { nodes { slug: name } }": ("the tenant's folders", ["f1"]),
    'folders(where: {notes: {some: {owner: {ne: "ann"}}}}) { nodes { slug: name } }': (
        "folders with others' notes",
        [],
    ),
    "folders(where: {notes: {count: {eq: 2}}}) { nodes { slug: name } }": (
        "folders by the number of notes that are seen",
        ["f1"],
    ),
}


@pytest.mark.parametrize("query", GUESSES, ids=lambda query: GUESSES[query][0])
async def test_conditions_meet_visible_rows_only(query: str, stand: Stand) -> None:
    """No condition, through whatever relation, tells of a hidden row."""
    data = await stand.data(f"{{ found: {query} }}", viewer=ANN)
    assert slugs(data["found"]) == GUESSES[query][1]


async def test_orders_meet_visible_rows_only(stand: Stand) -> None:
    """A hidden row orders as one that is not there: its values cannot be told by the order."""
    query = (
        "{ up: notes(orderBy: [{parent: {title: ASC}}, {slug: ASC}]) { nodes { slug } }"
        " down: notes(orderBy: [{parent: {title: DESC}}, {slug: ASC}]) { nodes { slug } } }"
    )
    data = await stand.data(query, viewer=ANN)
    assert slugs(data["up"]) == slugs(data["down"]) == ["a1", "a2"]
    data = await stand.data(query, viewer=AUDITOR)
    assert slugs(data["up"]) == ["b1", "c1", "a2", "a1", "n1"]
    assert slugs(data["down"]) == ["a2", "b1", "c1", "a1", "n1"]


async def test_lists_amount_to_visible_rows_when_they_order(stand: Stand) -> None:
    """What a cursor says of a list is what its viewer sees of it."""
    query = (
        "{ folders(orderBy: [{notes: {count: DESC}}])"
        " { edges { cursor node { notes { totalCount } } } } }"
    )
    counted = []
    for viewer in (ANN, Viewer(roles=AUDITOR.roles, tenant=ANN.tenant)):
        data = await stand.data(query, viewer=viewer)
        seen = [edge["node"]["notes"]["totalCount"] for edge in data["folders"]["edges"]]
        decoded = [opaque.decode(edge["cursor"]) for edge in data["folders"]["edges"]]
        assert [cursor[1][0] for cursor in decoded if cursor] == [str(number) for number in seen]
        assert seen == sorted(seen, reverse=True)
        counted.append(sum(seen))
    assert counted[0] < counted[1]


async def test_cursors_of_others(stand: Stand) -> None:
    """A cursor into the middle of another's list pages through one's own rows."""
    cursors = await stand.data("{ notes { edges { cursor node { slug } } } }", viewer=AUDITOR)
    after = cursors["notes"]["edges"][1]["cursor"]
    data = await stand.data(
        "query ($after: String) { notes(after: $after) { nodes { slug }"
        " pageInfo { hasNextPage } } }",
        {"after": after},
        viewer=ANN,
    )
    assert data["notes"] == {"nodes": [{"slug": "a2"}], "pageInfo": {"hasNextPage": False}}


async def test_groups_meet_visible_rows_only(stand: Stand) -> None:
    """Keys, counts and extremes of a group-by are those of visible rows."""
    query = "{ notes { groups(by: [OWNER]) { key { owner } count max { title } } } }"
    data = await stand.data(query, viewer=ANN)
    assert data["notes"]["groups"] == [
        {"key": {"owner": "ann"}, "count": 2, "max": {"title": "ann two"}}
    ]
