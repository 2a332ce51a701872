"""Neighbours narrowed by rows: exact for every row of a page, in batched calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery import OWNER, vector_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.execution.vector_search.tactics import Tactics, Way
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from gallery import Gallery

    from gateway.viewer import Viewer

SEEN: dict[str, Viewer] = {"anonymous": ANONYMOUS, "olga": OWNER}
QUERY = """
    query ($ids: [ID!], $where: PaintingWhere, $first: Int!) {
      paintings(where: { id: { in: $ids } }) {
        nodes { id similar(first: $first, where: $where) { id score payload painting { style } } }
      }
    }
"""


@pytest.mark.usefixtures("any_way")
@given(
    ids=st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True),
    style=st.sampled_from([None, "oil", "fresco"]),
    first=st.integers(1, 20),
    viewer=st.sampled_from(sorted(SEEN)),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_neighbours_are_the_nearest_rows(
    gallery: Gallery, ids: list[int], style: str | None, first: int, viewer: str
) -> None:
    """For each row those of the condition, without itself; null for a row without a point."""
    stock = gallery.stock
    rows = [row for row in stock.visible(SEEN[viewer]) if style in {None, row["style"]}]
    variables = {"ids": ids, "first": first, "where": style and {"style": {"eq": style}}}
    data = await gallery.data(QUERY, variables, viewer=SEEN[viewer])
    for node in data["paintings"]["nodes"]:
        own = int(node["id"])
        if own not in stock.vectors:
            assert node["similar"] is None
            continue
        nearest = stock.nearest([row for row in rows if row["id"] != own], stock.vectors[own])
        expected = nearest[:first]
        assert [hit["id"] for hit in node["similar"]] == [str(key) for key, _ in expected]
        scores = [hit["score"] for hit in node["similar"]]
        assert scores == pytest.approx([score for _, score in expected], abs=1e-5)
        for hit in node["similar"]:
            assert hit["payload"] == {"number": int(hit["id"])}
            assert style in {None, hit["painting"]["style"]}


async def test_no_neighbours_are_asked_for(gallery: Gallery) -> None:
    """`first: 0` is an empty list, and neither estimated nor ranked."""
    gallery.postgres.ran.clear()
    variables = {"ids": [10, 11], "where": {"style": {"eq": "oil"}}, "first": 0}
    data = await gallery.data(QUERY, variables, viewer=OWNER)
    assert [node["similar"] for node in data["paintings"]["nodes"]] == [[], []]
    assert len(gallery.postgres.ran) == 1


@pytest.mark.parametrize("way", list(Way))
async def test_a_page_of_neighbours_is_a_few_calls(gallery: Gallery, way: Way) -> None:
    """Their number hangs on how far must be looked, not on the number of rows."""
    gallery.engine.tactics = Tactics(forced=way)
    counts = []
    for size in (2, 24):
        gallery.qdrant.asked.clear()
        gallery.postgres.ran.clear()
        ids = [str(key) for key in range(10, 10 + size)]
        variables: dict[str, Any] = {"ids": ids, "first": 2, "where": {"style": {"eq": "oil"}}}
        await gallery.data(QUERY, variables, viewer=OWNER)
        counts.append((len(gallery.qdrant.asked), len(gallery.postgres.ran)))
    assert counts[0] == counts[1]
    assert counts[1][0] <= (1 if way is Way.ROWS_FIRST else 3)


@pytest.mark.usefixtures("any_way")
async def test_uuid_keys(gallery: Gallery) -> None:
    """Rows under UUIDs narrow by whichever way, too."""
    stock = gallery.stock
    query = """query ($v: [Float!], $w: PrintWhere) {
        searchPrints(vector: $v, where: $w, limit: 20) { id print { copies } } }"""
    variables = {"v": vector_of(2), "w": {"copies": {"gte": 4}}}
    hits = (await gallery.data(query, variables))["searchPrints"]
    wanted = {str(key) for key, row in stock.prints.items() if row["copies"] >= 4}
    assert {hit["id"] for hit in hits} == wanted & set(map(str, stock.print_vectors))
    assert all(hit["print"]["copies"] >= 4 for hit in hits)


@pytest.mark.usefixtures("any_way")
async def test_by_the_id_of_a_point(gallery: Gallery) -> None:
    """The point itself is not among the hits; one that is not there is the client's mistake."""
    stock = gallery.stock
    query = """query ($id: ID!) {
        searchPaintings(id: $id, where: {style: {eq: "ink"}}, limit: 6) { id } }"""
    rows = [row for row in stock.visible(ANONYMOUS) if row["style"] == "ink" and row["id"] != 17]
    nearest = stock.nearest(rows, stock.vectors[17])[:6]
    hits = (await gallery.data(query, {"id": "17"}))["searchPaintings"]
    assert [hit["id"] for hit in hits] == [str(key) for key, _ in nearest]
    body = await gallery.ask(query, {"id": "99999"})
    assert body["data"] == {"searchPaintings": None}
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.usefixtures("any_way")
async def test_recommendations_keep_rows_and_rules(gallery: Gallery) -> None:
    """Like one example, unlike none: the nearest to it of the rows that fit and are seen."""
    stock = gallery.stock
    query = """{ recommendPaintings(positive: [{ id: 17 }], where: {style: {ne: "oil"}}, limit: 9) {
        id painting { style } } }"""
    rows = [row for row in stock.visible(ANONYMOUS) if row["style"] != "oil" and row["id"] != 17]
    nearest = stock.nearest(rows, stock.vectors[17])[:9]
    hits = (await gallery.data(query))["recommendPaintings"]
    assert [hit["id"] for hit in hits] == [str(key) for key, _ in nearest]
    assert "oil" not in {hit["painting"]["style"] for hit in hits}
