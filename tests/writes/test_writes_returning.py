"""What a write returns: any selection, read by the planner's statement in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis.asyncio
from writes.stand import code_of

from gateway.viewer import Viewer

if TYPE_CHECKING:
    from writes.stand import Stand

CLERK = Viewer(subject="ann", roles=frozenset({"clerk"}))
GUARDED = 'mutation { guardedShelf(input: {code: "a"}) { id } }'


@pytest.fixture
async def store(redis_url: str) -> Any:
    """The state the shop's counters are kept in."""
    async with redis.asyncio.Redis.from_url(f"{redis_url.rpartition('/')[0]}/13") as client:
        await client.flushdb()
        yield client
        await client.flushdb()


async def test_relations_and_connections_with_arguments(stand: Stand) -> None:
    """Pages, counts, orders, conditions and variables below a write mean what they always mean."""
    data = await stand.data(
        """
        mutation ($new: ShelfInsert!, $first: Int, $where: BoxWhere) {
          insertShelf(input: $new) {
            __typename
            again: code
            ...rest
            boxes(first: $first, where: $where, orderBy: [{place: DESC}]) {
              totalCount
              edges { cursor node { place shelf { code } } }
              pageInfo { hasNextPage hasPreviousPage }
            }
            small: boxes(first: 1, orderBy: [{place: ASC}]) { nodes { place } }
          }
        }
        fragment rest on Shelf { nodeId ... on Shelf { rank } }
        """,
        {
            "new": {"code": "a", "boxes": [{"place": place} for place in range(5)]},
            "first": 2,
            "where": {"place": {"gt": 1}},
        },
    )
    shelf = data["insertShelf"]
    node = await stand.data(
        "query ($id: ID!) { node(nodeId: $id) { ... on Shelf { code } } }",
        {"id": shelf.pop("nodeId")},
    )
    assert node == {"node": {"code": "a"}}
    edges = shelf["boxes"].pop("edges")
    assert [edge["node"] for edge in edges] == [
        {"place": 4, "shelf": {"code": "a"}},
        {"place": 3, "shelf": {"code": "a"}},
    ]
    assert shelf == {
        "__typename": "Shelf",
        "again": "a",
        "rank": 7,
        "boxes": {
            "totalCount": 3,
            "pageInfo": {"hasNextPage": True, "hasPreviousPage": False},
        },
        "small": {"nodes": [{"place": 0}]},
    }


async def test_the_state_after_the_write(stand: Stand) -> None:
    """A relation that the update changed leads to where it leads now."""
    await stand.connection.execute(
        "insert into shelves (code) values ('a'), ('b');"
        "insert into boxes (shelf_id, place) values (1, 1)"
    )
    data = await stand.data('mutation { updateBox(id: 1, set: {shelfId: "2"}) { shelf { code } } }')
    assert data == {"updateBox": {"shelf": {"code": "b"}}}


async def test_fields_of_other_sources(stand: Stand, store: Any) -> None:
    """They are asked after the commit, once for all rows."""
    await store.set("shop:looks_2", 7)
    before = stand.sent()
    data = await stand.data("mutation { insertShelves(inputs: [{}, {}, {}]) { id looks } }")
    assert data["insertShelves"] == [
        {"id": "1", "looks": 0},
        {"id": "2", "looks": 7},
        {"id": "3", "looks": 0},
    ]
    after = stand.sent()
    assert after["redis"] - before["redis"] == 1
    assert after["postgres"] == before["postgres"]


@pytest.mark.parametrize("directive", ["", "@transaction"])
async def test_a_field_of_another_source_that_fails(
    directive: str, stand: Stand, store: Any
) -> None:
    """The write stays, its row is returned, and the failed field is null under an error."""
    await store.set("shop:looks_1", "no counter")
    body = await stand.ask(
        f'mutation {directive} {{ insertShelf(input: {{code: "a"}}) {{ code looks }} }}'
    )
    assert body["data"] == {"insertShelf": {"code": "a", "looks": None}}
    (error,) = body["errors"]
    assert error["path"] == ["insertShelf", "looks"]
    assert await stand.value("select count(*) from shelves") == 1


async def test_nothing_goes_by_the_queues_of_the_reads(stand: Stand) -> None:
    """No write shares a statement with another request, nor waits behind reads."""
    before = stand.sent()
    for document in (
        'mutation { insertShelf(input: {code: "a", boxes: [{place: 1}]}) { tags { totalCount } } }',
        'mutation { upsertShelf(input: {code: "a"}) { boxes { nodes { shelf { code } } } } }',
        "mutation { updateShelf(id: 1, set: {rank: 5}) { tags { totalCount } } }",
        "mutation { updateShelves(where: {rank: {eq: 5}}, set: {rank: 6}) { id } }",
        "mutation { deleteBox(id: 1) { shelf { code } } }",
        "mutation @transaction { deleteShelf(id: 1) { code } }",
    ):
        await stand.data(document)
    assert stand.sent() == before


async def test_a_mutation_by_get_is_refused(stand: Stand) -> None:
    """Where the transport allows no mutation none runs, not even in part."""
    error = await stand.error(
        'mutation { insertShelf(input: {code: "a"}) { id } }', allow_mutations=False
    )
    assert code_of(error) == "METHOD_NOT_ALLOWED"
    assert await stand.value("select count(*) from shelves") == 0


async def test_explaining_runs_nothing(stand: Stand) -> None:
    """The plan is shown, what is written first; no row is written, not even tried."""
    await stand.data("mutation { insertShelf(input: {}) { id } }")
    for directive in ("", "@transaction"):
        document = f'mutation {directive} {{ insertShelf(input: {{code: "a"}}) {{ looks }} }}'
        with stand.statements() as heard:
            body = await stand.ask(document, extensions={"plait": {"explain": True}})
        assert body["data"] is None
        waves = body["extensions"]["plan"]["waves"]
        assert [[(one["source"], one["kind"]) for one in wave] for wave in waves] == [
            [("postgres", "insert")],
            [("postgres", "rows by key")],
            [("redis", waves[2][0]["kind"])],
        ]
        assert waves[0][0]["request"] == {"rows": "Shelf"}
        assert heard == []
    assert await stand.value("select count(*) from shelves") == 1


async def test_a_selection_with_resolvers_in_it(stand: Stand) -> None:
    """Rows of a write pass Python resolvers as rows of a query do."""
    data = await stand.data(
        'mutation { insertShelf(input: {label: "x", boxes: [{place: 1}]})'
        " { shout boxes { nodes { shelf { shout label } } } }"
        ' insertShelves(inputs: [{label: "y"}, {}]) { shout } deleteShelf(id: 9) { shout } }'
    )
    assert data == {
        "insertShelf": {
            "shout": "X",
            "boxes": {"nodes": [{"shelf": {"shout": "X", "label": "x"}}]},
        },
        "insertShelves": [{"shout": "Y"}, {"shout": "BLANK"}],
        "deleteShelf": None,
    }


async def test_a_write_under_a_permission(stand: Stand) -> None:
    """Without it nothing is written, not even for a moment."""
    await stand.data("mutation { insertShelf(input: {}) { id } }")
    with stand.statements() as heard:
        error = await stand.error(GUARDED)
    assert code_of(error) == "FORBIDDEN"
    assert heard == []
    assert await stand.data(GUARDED, viewer=CLERK) == {"guardedShelf": {"id": "2"}}


async def test_a_column_under_a_permission(stand: Stand) -> None:
    """It may be selected below a write by those who may read it."""
    document = 'mutation { insertSample(input: {label: "x"}) { id guarded } }'
    body = await stand.ask(document)
    assert body["data"] == {"insertSample": {"id": 1, "guarded": None}}
    assert code_of(body["errors"][0]) == "FORBIDDEN"
    data = await stand.data(document, viewer=CLERK)
    assert data == {"insertSample": {"id": 2, "guarded": "x"}}
