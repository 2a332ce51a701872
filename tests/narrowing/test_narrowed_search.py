"""A search narrowed by rows gives exactly the nearest of them, by whichever way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery import OWNER, STYLES, Stock, vector_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy.texts import part

from gateway.schema.lists.patterns import PARTS
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from gallery import Gallery

VIEWERS = {"anonymous": ANONYMOUS, "olga": OWNER}
QUERY = """
    query ($vector: [Float!], $where: PaintingWhere, $limit: Int!, $offset: Int!, $least: Float) {
      searchPaintings(
        vector: $vector, where: $where, limit: $limit, offset: $offset, scoreThreshold: $least
      ) { id score painting { id title } }
    }
"""

years = st.integers(1499, 1521)
leaf = st.one_of(
    st.builds(lambda year: {"year": {"lt": year}}, years),
    st.builds(lambda year: {"year": {"gte": year}}, years),
    st.builds(lambda style: {"style": {"eq": style}}, st.sampled_from(STYLES)),
    st.builds(lambda styles: {"style": {"in": styles}}, st.lists(st.sampled_from(STYLES))),
    st.builds(lambda keys: {"id": {"in": [str(k) for k in keys]}}, st.lists(st.integers(1, 160))),
    st.builds(lambda land: {"artist": {"country": {"eq": land}}}, st.sampled_from(["IT", "FR"])),
    st.just({"year": {"isNull": True}}),
    st.builds(
        lambda operator, text: {"title": {operator: text}},
        st.sampled_from(sorted(PARTS)),
        st.sampled_from(["sea", "SE", "e ", "%", "_", ""]),
    ),
)
wheres = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"and": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"or": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=4,
)


def holds(stock: Stock, row: dict[str, Any], where: dict[str, Any]) -> bool | None:
    """The condition on a row, with SQL's idea of null."""
    parts = [_member(stock, row, name, operand) for name, operand in where.items()]
    return _all(parts)


def _all(parts: list[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def _member(  # noqa: PLR0911 - one return per sort of condition
    stock: Stock, row: dict[str, Any], name: str, operand: Any
) -> bool | None:
    if name == "and":
        return _all([holds(stock, row, part) for part in operand])
    if name == "or":
        found = [holds(stock, row, part) for part in operand]
        return True if True in found else None if None in found else False
    if name == "not":
        return not holds(stock, row, operand)
    if name == "artist":
        artist = stock.artists.get(row["artist_id"])
        return artist is not None and holds(stock, artist, operand) is True
    ((operator, value),) = operand.items()
    own = row[name]
    if operator == "isNull":
        return (own is None) is value
    if own is None:
        return None
    if operator == "in":
        return str(own) in value
    if operator == "eq":
        return bool(own == value)
    if operator in PARTS:
        return part(operator, own, value)
    return bool(own < value if operator == "lt" else own >= value)


@pytest.mark.usefixtures("any_way")
@given(
    where=st.none() | wheres,
    seed=st.integers(0, 40),
    limit=st.integers(1, 40),
    offset=st.integers(0, 12),
    least=st.none() | st.floats(-0.1, 0.1),
    viewer=st.sampled_from(sorted(VIEWERS)),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_hits_are_the_nearest_rows(  # noqa: PLR0913, PLR0917 - each is drawn
    gallery: Gallery,
    where: dict[str, Any] | None,
    seed: int,
    limit: int,
    offset: int,
    least: float | None,
    viewer: str,
) -> None:
    """All rows filtered in Python and ranked by exact cosine give the same hits, in this order."""
    vector, stock = vector_of(seed), gallery.stock
    rows = [
        row
        for row in stock.visible(VIEWERS[viewer])
        if where is None or holds(stock, row, where) is True
    ]
    ranked = stock.nearest(rows, vector)
    if least is not None:
        ranked = [pair for pair in ranked if pair[1] >= least]
    expected = ranked[offset : offset + limit]
    variables = {
        "vector": vector,
        "where": where,
        "limit": limit,
        "offset": offset,
        "least": least,
    }
    data = await gallery.data(QUERY, variables, viewer=VIEWERS[viewer])
    hits = data["searchPaintings"]
    assert [hit["id"] for hit in hits] == [str(key) for key, _ in expected]
    assert [hit["score"] for hit in hits] == pytest.approx([s for _, s in expected], abs=1e-5)
    titles = [stock.paintings[key]["title"] for key, _ in expected]
    assert [hit["painting"]["title"] for hit in hits] == titles


NEAR_TO = (
    "searchPaintings(id: $id) { id }",
    "recommendPaintings(positive: [{id: OWN}, {id: $id}]) { id }",
    "recommendPaintings(positive: [{id: OWN}], negative: [{id: $id}]) { id }",
    "paintings(near: {id: $id}) { totalCount }",
)


@pytest.mark.parametrize("field", NEAR_TO)
async def test_a_hidden_row_is_no_example(gallery: Gallery, field: str) -> None:
    """What is near to it would tell of it: its point is answered as one that is not stored."""
    stock = gallery.stock
    hidden = next(
        row["id"]
        for row in stock.paintings.values()
        if row["owner"] == "paul" and row["id"] in stock.vectors
    )
    own = next(row["id"] for row in stock.visible(ANONYMOUS) if row["id"] in stock.vectors)
    document = f"query ($id: ID!) {{ {field.replace('OWN', str(own))} }}"
    told = {}
    for number in (hidden, 100_000):
        body = await gallery.ask(document, {"id": str(number)})
        (error,) = body["errors"]
        told[number] = (error["message"], error["extensions"])
    assert told[hidden] == told[100_000]
    assert "no such point" in told[hidden][0]
    assert await gallery.data(document, {"id": str(own)})
