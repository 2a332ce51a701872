"""A list narrowed to what is near in meaning: all that lists can holds over the narrowed set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery import OWNER, vector_of

from gateway.errors import Code, SourceUnavailable
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from gallery import Gallery

LIST = """
    query ($near: NearInput, $where: PaintingWhere, $first: Int, $after: String) {
      paintings(
        near: $near, where: $where, orderBy: [{ year: DESC }], first: $first, after: $after
      ) {
        nodes { id year }
        totalCount
        aggregate { count max { year } }
        groups(by: [STYLE]) { key { style } count }
        pageInfo { endCursor hasNextPage }
      }
    }
"""


def expected(gallery: Gallery, viewer: Any, vector: list[float], limit: int) -> list[Any]:
    """The rows of the nearest points that a viewer sees."""
    stock = gallery.stock
    nearest = stock.nearest(stock.visible(viewer), vector)[:limit]
    return [stock.paintings[key] for key, _ in nearest]


@pytest.mark.usefixtures("any_way")
@pytest.mark.parametrize("viewer", [ANONYMOUS, OWNER])
async def test_the_whole_list_is_the_narrowed_one(gallery: Gallery, viewer: Any) -> None:
    """Rows, counts, aggregates and groups are those of the nearest rows the viewer sees."""
    vector = vector_of(3)
    rows = expected(gallery, viewer, vector, 30)
    data = await gallery.data(LIST, {"near": {"vector": vector, "limit": 30}}, viewer=viewer)
    found = data["paintings"]
    assert {int(node["id"]) for node in found["nodes"]} == {row["id"] for row in rows}
    assert found["totalCount"] == found["aggregate"]["count"] == 30
    assert found["aggregate"]["max"]["year"] == max(row["year"] or 0 for row in rows)
    assert sum(group["count"] for group in found["groups"]) == 30


async def test_where_and_near_both_hold(gallery: Gallery) -> None:
    """`where` chooses among the nearest; it does not bring others in their place."""
    vector = vector_of(4)
    rows = [row for row in expected(gallery, ANONYMOUS, vector, 40) if row["style"] == "ink"]
    variables = {"near": {"vector": vector, "limit": 40}, "where": {"style": {"eq": "ink"}}}
    found = (await gallery.data(LIST, variables))["paintings"]
    assert {int(node["id"]) for node in found["nodes"]} == {row["id"] for row in rows}
    assert found["totalCount"] == len(rows)


async def test_pages_go_on_within_the_nearest(gallery: Gallery) -> None:
    """By cursors, page after page, every row of the narrowed list comes once, in the order."""
    variables: dict[str, Any] = {"near": {"vector": vector_of(5), "limit": 25}, "first": 4}
    whole = (await gallery.data(LIST, {**variables, "first": 50}))["paintings"]["nodes"]
    seen: list[Any] = []
    while True:
        page = (await gallery.data(LIST, variables))["paintings"]
        seen += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        variables["after"] = page["pageInfo"]["endCursor"]
    assert seen == whole
    assert len(seen) == 25


async def test_it_is_one_call_and_one_statement(gallery: Gallery) -> None:
    """Of each source, beside what the row rule takes; and an empty `near` narrows nothing."""
    gallery.postgres.ran.clear()
    query = "query ($near: NearInput) { paintings(near: $near) { nodes { id } totalCount } }"
    everything = await gallery.data(query, {"near": None})
    assert everything["paintings"]["totalCount"] == len(gallery.stock.visible(ANONYMOUS))
    assert len(gallery.postgres.ran) == 1
    await gallery.data(query, {"near": {"vector": vector_of(6), "limit": 9}})
    assert sum("json_build" in text or "row_to_json" in text for text in gallery.postgres.ran) == 2


@pytest.mark.parametrize(
    "near",
    [
        {},
        {"text": "storm", "vector": [1.0]},
        {"vector": []},
        {"text": ""},
        {"text": "storm", "limit": 0},
        {"text": "storm", "limit": 1001},
        {"id": "no id"},
    ],
)
async def test_a_bad_near_refuses_the_request(gallery: Gallery, near: dict[str, Any]) -> None:
    """Before any source is asked."""
    gallery.qdrant.asked.clear()
    answer = await gallery.answer(LIST, {"near": near})
    assert answer.code is Code.BAD_USER_INPUT
    assert not gallery.qdrant.asked


async def test_a_vector_engine_that_is_away_fails_the_list_alone(gallery: Gallery) -> None:
    """With a typed error in its place; other fields are there."""
    gallery.qdrant.failing = SourceUnavailable("away")
    try:
        body = await gallery.ask(
            '{ paintings(near: {text: "storm"}) { totalCount } artists { totalCount } }'
        )
    finally:
        gallery.qdrant.failing = None
    assert body["data"] == {"paintings": None, "artists": {"totalCount": 8}}
    assert [error["path"] for error in body["errors"]] == [["paintings"]]
    assert body["errors"][0]["extensions"]["code"] == Code.SOURCE_UNAVAILABLE
