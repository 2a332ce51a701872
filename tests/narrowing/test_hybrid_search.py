"""Vectors and words fused: exactly the reciprocal rank fusion of the two rankings."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from gallery import OWNER, Gallery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.embedding.local import LocalEmbedder
from gateway.errors import Code, SourceTimeout
from gateway.execution.vector_search.fusion import fuse
from gateway.planning.hybrid import Fusion
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from gateway.viewer import Viewer

QUERY = """
    query (
      $text: String!, $mode: SearchMode!, $where: PaintingWhere, $limit: Int!, $offset: Int!
      $weights: FusionWeights, $k: Int!, $candidates: Int!
    ) {
      searchPaintings(
        text: $text, mode: $mode, where: $where, limit: $limit, offset: $offset
        weights: $weights, rrfK: $k, candidates: $candidates
      ) {
        id score vectorRank vectorScore textRank textScore payload
        painting { id title style }
      }
    }
"""
TEXT = "a ship in the storm at sea"
SEEN: dict[str, Viewer] = {"anonymous": ANONYMOUS, "olga": OWNER}


async def sides(
    gallery: Gallery, viewer: Viewer, style: str | None, count: int, *, least: int = 2
) -> tuple[list[int], list[int]]:
    """The first `count` keys by exact cosine, and by words as the database ranks them.

    Of the three words a row has `least`: first those that have more of them.
    """
    stock = gallery.stock
    rows = [row for row in stock.visible(viewer) if style in {None, row["style"]}]
    (vector,) = await LocalEmbedder().embed([TEXT], 1e12)
    by_vector = [key for key, _ in stock.nearest(rows, vector)][:count]
    connection = await asyncpg.connect(gallery.url)
    try:
        found = await connection.fetch(
            "select id, (words @@ 'ship')::int + (words @@ 'storm')::int + (words @@ 'sea')::int n "
            "from paintings, to_tsquery('english', 'ship | storm | sea') q "
            "where words @@ q and id = any($1) order by n desc, ts_rank_cd(words, q) desc, id",
            [row["id"] for row in rows],
        )
    finally:
        await connection.close()
    by_words = [record["id"] for record in found if record["n"] >= least]
    return by_vector, by_words[:count]


@pytest.mark.usefixtures("any_way")
@given(
    style=st.sampled_from([None, "oil", "ink"]),
    viewer=st.sampled_from(sorted(SEEN)),
    candidates=st.sampled_from([5, 20, 100, 1000]),
    window=st.tuples(st.integers(0, 6), st.integers(1, 5)),
    k=st.sampled_from([1, 2, 60]),
    weights=st.sampled_from([(1.0, 1.0), (0.0, 1.0), (2.5, 0.0), (0.3, 1.7)]),
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_hybrid_hits_are_the_fused_rankings(  # noqa: PLR0913, PLR0917 - each is drawn
    gallery: Gallery,
    style: str | None,
    viewer: str,
    candidates: int,
    window: tuple[int, int],
    k: int,
    weights: tuple[float, float],
) -> None:
    """Score, order, and what either ranking says, worked out anew from the two rankings."""
    offset, limit = window
    wanted = max(candidates, offset + limit)
    by_vector, by_words = await sides(gallery, SEEN[viewer], style, wanted)
    by_vector, by_words = by_vector if weights[0] else [], by_words if weights[1] else []
    scores: dict[int, Fraction] = {}
    best: dict[int, int] = {}
    for ranking, weight in ((by_vector, weights[0]), (by_words, weights[1])):
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, Fraction(0)) + Fraction(weight) / (k + rank)
            best[key] = min(rank, best.get(key, rank))
    order = sorted(scores, key=lambda key: (-float(scores[key]), best[key], key))
    variables = {
        "text": TEXT,
        "mode": "HYBRID",
        "where": style and {"style": {"eq": style}},
        "limit": limit,
        "offset": offset,
        "weights": {"vector": weights[0], "text": weights[1]},
        "k": k,
        "candidates": candidates,
    }
    data = await gallery.data(QUERY, variables, viewer=SEEN[viewer])
    hits = data["searchPaintings"]
    assert [int(hit["painting"]["id"]) for hit in hits] == order[offset : offset + limit]
    for hit in hits:
        key = int(hit["painting"]["id"])
        assert hit["score"] == pytest.approx(float(scores[key]), rel=1e-12)
        assert hit["vectorRank"] == (by_vector.index(key) + 1 if key in by_vector else None)
        assert hit["textRank"] == (by_words.index(key) + 1 if key in by_words else None)
        assert (hit["vectorScore"] is None) == (hit["vectorRank"] is None)
        assert (hit["textScore"] is None) == (hit["textRank"] is None)
        assert hit["payload"] == ({"number": key} if key in gallery.stock.vectors else None)


def asked(mode: str, **others: Any) -> dict[str, Any]:
    """Variables of a plain search in this mode."""
    plain = {"text": TEXT, "mode": mode, "limit": 8, "offset": 0, "k": 60, "candidates": 100}
    return {**plain, **others}


async def test_words_alone(gallery: Gallery) -> None:
    """Are ranked by the database; the vector engine is asked for payloads at most."""
    _, by_words = await sides(gallery, ANONYMOUS, None, 8, least=1)
    data = await gallery.data(QUERY, asked("TEXT"))
    assert [int(hit["painting"]["id"]) for hit in data["searchPaintings"]] == by_words
    for rank, hit in enumerate(data["searchPaintings"], 1):
        assert hit["textRank"] == rank
        assert hit["score"] == hit["textScore"]
        assert hit["vectorRank"] is None
    gallery.qdrant.asked.clear()
    bare = '{ searchPaintings(text: "sea", mode: TEXT) { painting { title } } }'
    titles = [hit["painting"]["title"] for hit in (await gallery.data(bare))["searchPaintings"]]
    assert titles
    assert all("sea" in title for title in titles)
    assert not gallery.qdrant.asked


async def test_words_as_people_type_them(gallery: Gallery) -> None:
    """A word to be without, a phrase, and words that say nothing."""
    query = "query ($t: String!) { searchPaintings(text: $t, mode: TEXT, limit: 99) { painting { title } } }"

    async def titles(text: str) -> list[str]:
        data = await gallery.data(query, {"t": text})
        return [hit["painting"]["title"] for hit in data["searchPaintings"]]

    assert all("sea" in one and "ship" not in one for one in await titles("sea -ship"))
    assert all("sea" in one or "ship" in one for one in await titles("sea ship"))
    assert all("night sea" in one for one in await titles('"night sea"'))
    assert await titles("the of") == []


async def test_vectors_alone_show_their_ranks(gallery: Gallery) -> None:
    """Also of a page further on, and among neighbours."""
    first = (await gallery.data(QUERY, asked("VECTOR")))["searchPaintings"]
    assert [hit["vectorRank"] for hit in first] == list(range(1, 9))
    assert all(hit["score"] == hit["vectorScore"] for hit in first)
    assert all(hit["textRank"] is hit["textScore"] is None for hit in first)
    further = (await gallery.data(QUERY, asked("VECTOR", offset=3, limit=2)))["searchPaintings"]
    assert further == first[3:5]
    query = """{ paintings(where: {id: {in: ["10", "11"]}}) { nodes {
        similar(first: 2) { vectorRank textRank score vectorScore painting { id } } } } }"""
    for node in (await gallery.data(query, viewer=OWNER))["paintings"]["nodes"]:
        assert [hit["vectorRank"] for hit in node["similar"]] == [1, 2]
        assert all(hit["score"] == hit["vectorScore"] for hit in node["similar"])


async def test_what_is_not_found_by_words_is_offered_none(gallery: Gallery) -> None:
    """An entity without a full-text column has no modes, and its hits no sides."""
    schema = str(gallery.engine.api.schema)
    hit = schema.partition("type PrintHit {")[2].partition("}\n")[0]
    field = schema.partition("searchPrints(")[2].partition("): [PrintHit!]")[0]
    assert "where: PrintWhere" in field
    assert "mode" not in field
    assert "Rank" not in hit


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("text: null, vector: [1.0], mode: HYBRID", "text"),
        ('id: "5", mode: TEXT', "text"),
        ('text: "sea", mode: HYBRID, filter: {hasId: ["1"]}', "filter"),
        ('text: "sea", mode: TEXT, scoreThreshold: 0.5', "scoreThreshold"),
        ('text: "sea", mode: HYBRID, rrfK: 0', "rrfK"),
        ('text: "sea", mode: HYBRID, rrfK: 1001', "rrfK"),
        ('text: "sea", mode: HYBRID, candidates: 0', "candidates"),
        ('text: "sea", mode: HYBRID, candidates: 1001', "candidates"),
        ('text: "sea", mode: HYBRID, offset: 995', "offset"),
        ('text: "sea", mode: HYBRID, weights: {vector: -1}', "weights.vector"),
        ('text: "sea", mode: HYBRID, weights: {vector: 0, text: 0}', "weights"),
        ('text: "sea", mode: HYBRID, weights: {text: 1e9}', "weights.text"),
        ('text: "sea\\u0000", mode: HYBRID', "text"),
        (f'text: "{"x" * 1001}", mode: HYBRID', "text"),
    ],
)
async def test_a_bad_argument_refuses_the_request(
    gallery: Gallery, arguments: str, names: str
) -> None:
    """Naming it, before any source is asked."""
    gallery.postgres.ran.clear()
    answer = await gallery.answer(f"{{ searchPaintings({arguments}) {{ id }} }}")
    assert answer.code is Code.BAD_USER_INPUT
    assert names.encode() in answer.body
    assert not gallery.postgres.ran


async def test_either_source_failing_fails_the_field(gallery: Gallery) -> None:
    """A hybrid search without one of its rankings would be another search: it is an error."""
    for source in (gallery.postgres, gallery.qdrant):
        source.failing = SourceTimeout("too late")
        try:
            body = await gallery.ask(QUERY, asked("HYBRID"))
        finally:
            source.failing = None
        assert body["data"] == {"searchPaintings": None}
        assert body["errors"][0]["extensions"]["code"] == Code.SOURCE_TIMEOUT


def test_equal_scores_have_one_order() -> None:
    """Best rank first, then the key, whatever the rankings' order of insertion."""
    fusion = Fusion("", 1.0, 1.0, 60, 100)
    one = {5: (1, 0.9), 3: (2, 0.8)}
    other = {3: (1, 9.0), 5: (2, 8.0)}
    assert [key for key, _ in fuse(one, other, fusion)] == [3, 5]
    assert [key for key, _ in fuse(other, one, fusion)] == [3, 5]
