"""Hits of equal score in searches that rows take part in: one order, by whichever way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery import OWNER, vector_of

from gateway.sources.qdrant.points import Point

if TYPE_CHECKING:
    from gallery import Gallery

SEARCH = """
    query ($vector: [Float!], $text: String, $mode: SearchMode, $where: PaintingWhere,
           $limit: Int!, $offset: Int!) {
      searchPaintings(
        vector: $vector, text: $text, mode: $mode, where: $where, limit: $limit, offset: $offset
      ) { id score painting { id } }
    }
"""
NEAR = """
    query ($near: NearInput) { paintings(near: $near) { nodes { id } } }
"""
WHERE = {"style": {"in": ["ink", "oil"]}}


@pytest.fixture(scope="module", autouse=True)
async def places(gallery: Gallery) -> dict[int, int]:
    """All points of the paintings lie in one of three places; the place of each."""
    found = {key: 0 if key % 10 else key // 10 % 2 + 1 for key in gallery.stock.vectors}
    points = [Point(key, vector_of(place), {}) for key, place in reversed(found.items())]
    await gallery.qdrant.bulk.store("paintings", points)
    return found


def right(gallery: Gallery, places: dict[int, int]) -> list[int]:
    """The keys that `WHERE` leaves, nearest to place 0 first, in each place by key."""
    visible = [row for row in gallery.stock.visible(OWNER) if row["style"] in {"ink", "oil"}]
    keys = [row["id"] for row in visible if row["id"] in places]
    nearness = _nearness()
    return sorted(keys, key=lambda key: (-nearness[places[key]], key))


def _nearness() -> dict[int, float]:
    """How near the places are to place 0; no two are equally near."""
    target = vector_of(0)
    found = {
        place: sum(a * b for a, b in zip(vector_of(place), target, strict=True))
        / sum(a * a for a in vector_of(place)) ** 0.5
        for place in range(3)
    }
    assert len(set(found.values())) == 3
    return found


async def paged(gallery: Gallery, size: int, **variables: Any) -> list[Any]:
    """All hits of a search, page by page."""
    found: list[Any] = []
    while True:
        window = {"limit": size, "offset": len(found)}
        data = await gallery.data(SEARCH, {**variables, **window}, viewer=OWNER)
        found += data["searchPaintings"]
        if len(data["searchPaintings"]) < size:
            return found


@pytest.mark.usefixtures("any_way")
@pytest.mark.parametrize("size", [5, 23, 64])
async def test_pages_of_narrowed_hits_lose_and_repeat_none(
    gallery: Gallery, places: dict[int, int], size: int
) -> None:
    """Rows first, in portions, vectors first, and given up: the same hits in the same order."""
    hits = await paged(gallery, size, vector=vector_of(0), where=WHERE)
    assert [int(hit["id"]) for hit in hits] == right(gallery, places)
    assert all(hit["painting"]["id"] == hit["id"] for hit in hits)


@pytest.mark.usefixtures("any_way")
async def test_a_list_near_something_has_the_first_of_the_order(
    gallery: Gallery, places: dict[int, int]
) -> None:
    """Its limit cuts through points that are equally near."""
    nearness = _nearness()
    keys = [row["id"] for row in gallery.stock.visible(OWNER) if row["id"] in places]
    order = sorted(keys, key=lambda key: (-nearness[places[key]], key))
    variables = {"near": {"vector": vector_of(0), "limit": 17}}
    data = await gallery.data(NEAR, variables, viewer=OWNER)
    assert sorted(int(node["id"]) for node in data["paintings"]["nodes"]) == sorted(order[:17])


@pytest.mark.parametrize("where", [None, WHERE], ids=["all", "some"])
async def test_pages_of_fused_rankings_lose_and_repeat_none(
    gallery: Gallery, where: dict[str, Any] | None
) -> None:
    """The candidates of the vectors' ranking are cut within a tie."""
    text = "a ship in the storm at sea"
    variables = {"text": text, "mode": "HYBRID", "where": where}
    ids = [hit["id"] for hit in await paged(gallery, 7, **variables)]
    assert len(set(ids)) == len(ids) >= 50
    data = await gallery.data(SEARCH, {**variables, "limit": 100, "offset": 0}, viewer=OWNER)
    assert ids[:98] == [hit["id"] for hit in data["searchPaintings"]][:98]
