"""How narrowed searches use their sources: few requests, traced, shared, bounded, failing alone."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from gallery import OWNER, vector_of

from gateway.errors import Code, SourceUnavailable
from gateway.execution.vector_search.tactics import FEWEST, Tactics, Way
from gateway.sources.qdrant.reads.narrowing import point_ids
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from gallery import Gallery

    from gateway.sources.contract import Budget

SEARCH = """
    query ($vector: [Float!], $where: PaintingWhere, $limit: Int! = 5) {
      searchPaintings(vector: $vector, where: $where, limit: $limit) { id painting { title } }
    }
"""
INK = {"style": {"eq": "ink"}}
TRACE = {"plait": {"trace": True}}


async def made(gallery: Gallery, tactics: Tactics, **options: Any) -> tuple[Any, int, list[str]]:
    """The body of an answer, how many calls of the engine it took, and which statements."""
    gallery.engine.tactics = tactics
    gallery.qdrant.asked.clear()
    gallery.postgres.ran.clear()
    variables = {"vector": vector_of(1), "where": INK}
    body = await gallery.ask(SEARCH, variables, **options)
    return body, len(gallery.qdrant.asked), list(gallery.postgres.ran)


async def test_rows_first_is_one_call_and_two_statements(gallery: Gallery) -> None:
    """The keys, the hits among them, their rows; and before that an estimate, which is kept."""
    tactics = Tactics()
    body, calls, statements = await made(gallery, tactics, extensions=TRACE)
    (line,) = body["extensions"]["trace"]
    assert line["way"] == Way.ROWS_FIRST
    assert line["path"] == "searchPaintings"
    assert line["estimatedRows"] <= line["threshold"]
    assert line["wholeRows"] == len(gallery.stock.paintings)
    assert calls == 1
    assert sum(text.startswith("EXPLAIN") for text in statements) == 2
    assert len(statements) == 4
    _, calls, statements = await made(gallery, tactics)
    assert (calls, len(statements)) == (1, 2)


async def test_vectors_first_checks_what_it_found(gallery: Gallery) -> None:
    """A ranking, one statement that looks at its rows, the hits among those, their rows."""
    body, calls, statements = await made(
        gallery, Tactics(forced=Way.VECTORS_FIRST), extensions=TRACE
    )
    (line,) = body["extensions"]["trace"]
    assert line == {"path": "searchPaintings", "way": "vectors first", "vectors": FEWEST}
    assert (calls, len(statements)) == (2, 2)


async def test_a_trace_comes_only_when_asked_for(gallery: Gallery) -> None:
    """And beside whatever graphql-core walks."""
    body, *_ = await made(gallery, Tactics())
    assert "extensions" not in body
    for wish in ({}, {"plait": {"trace": "yes"}}, {"plait": True}):
        body, *_ = await made(gallery, Tactics(), extensions=wish)
        assert "extensions" not in body
    query = '{ __schema { queryType { name } } searchPaintings(text: "sea") { id } }'
    body = await gallery.ask(query, extensions=TRACE)
    assert [line["path"] for line in body["extensions"]["trace"]] == ["searchPaintings"]


async def test_explain_shows_every_way(gallery: Gallery) -> None:
    """Both ways and the estimate of a narrowed search, the words of a fused one."""
    plan = gallery.engine.explain(SEARCH, {"vector": [1.0], "where": INK})
    ((search,), _) = plan["waves"]
    assert set(search["branches"]) == {"estimate", "rows first", "vectors first"}
    assert search["branches"]["estimate"]["sql"].startswith("EXPLAIN")
    assert "style" in search["branches"]["rows first"]["sql"]
    query = '{ searchPaintings(text: "sea", mode: HYBRID) { id } }'
    ((search,),) = gallery.engine.explain(query)["waves"]
    assert "ts_rank_cd" in search["branches"]["by words"]["sql"]
    ((listed,),) = gallery.engine.explain('{ paintings(near: {text: "x"}) { totalCount } }')[
        "waves"
    ]
    assert listed["branches"]["near"]["collection"] == "paintings"
    ((bare,),) = gallery.engine.explain('{ searchPrints(text: "sea") { id } }')["waves"]
    assert "branches" not in bare


async def test_a_hidden_row_takes_no_place(gallery: Gallery) -> None:
    """Without any `where`, each viewer gets full pages of what they see, at the same time too."""
    gallery.engine.tactics = Tactics()
    query = "query ($v: [Float!]) { searchPaintings(vector: $v, limit: 40) { id } }"
    viewers = [Viewer(), OWNER, Viewer(subject="paul")]
    bodies = await asyncio.gather(
        *(gallery.data(query, {"v": vector_of(9)}, viewer=one) for one in viewers * 3)
    )
    for viewer, body in zip(viewers * 3, bodies, strict=True):
        stock = gallery.stock
        expected = stock.nearest(stock.visible(viewer), vector_of(9))[:40]
        assert [hit["id"] for hit in body["searchPaintings"]] == [str(key) for key, _ in expected]


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("source", ["postgres", "qdrant"])
async def test_a_source_that_is_away_fails_the_search_alone(
    gallery: Gallery, way: Way, source: str
) -> None:
    """With a typed error in its place."""
    gallery.engine.tactics = Tactics(forced=way)
    failing: Any = getattr(gallery, source)
    failing.failing = SourceUnavailable("away")
    query = """query ($v: [Float!]) { searchPaintings(vector: $v, where: {style: {eq: "ink"}}) { id }
        searchPrints(vector: $v) { id } }"""
    try:
        body = await gallery.ask(query, {"v": vector_of(1)})
    finally:
        failing.failing = None
    assert body["data"]["searchPaintings"] is None
    codes = {tuple(error["path"]): error["extensions"]["code"] for error in body["errors"]}
    assert codes["searchPaintings",] == Code.SOURCE_UNAVAILABLE
    assert (body["data"]["searchPrints"] is None) == (source == "qdrant")


@pytest.mark.usefixtures("any_way")
async def test_the_deadline_ends_a_search_between_its_requests(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that never answers costs the request its time, and no more."""

    async def never(_prepared: Any, _batch: Any, budget: Budget) -> Any:
        await asyncio.sleep(max(0.0, budget.deadline - asyncio.get_running_loop().time()))
        raise SourceUnavailable("late")

    monkeypatch.setattr(gallery.qdrant, "execute", never)
    body = await gallery.ask(SEARCH, {"vector": vector_of(1), "where": INK}, seconds=0.3)
    assert body["data"] == {"searchPaintings": None}
    assert body["errors"][0]["extensions"]["code"] in {
        Code.SOURCE_UNAVAILABLE,
        Code.SOURCE_TIMEOUT,
    }


@pytest.mark.usefixtures("any_way")
async def test_a_cancelled_search_leaves_nothing_behind(gallery: Gallery) -> None:
    """Whenever it is cancelled; the next one is answered."""
    query = {"vector": vector_of(1), "where": INK}
    for steps in range(0, 12, 2):
        task = asyncio.ensure_future(gallery.answer(SEARCH, query))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.sleep(0)
    assert len((await gallery.data(SEARCH, query))["searchPaintings"]) == 5
    for group in gallery.engine.groups.values():
        assert group.figures()["flying"] == 0


@pytest.mark.parametrize(
    "where",
    [
        {"year": {"lt": None}},
        {"style": {"eq": "\x00"}},
        {"id": {"in": ["1"] * 10_001}},
        {"and": [{"style": {"eq": "x"}}] * 201},
    ],
)
async def test_a_bad_where_refuses_the_request(gallery: Gallery, where: dict[str, Any]) -> None:
    """As a list refuses it, before any source is asked."""
    gallery.postgres.ran.clear()
    answer = await gallery.answer(SEARCH, {"vector": vector_of(1), "where": where})
    assert answer.code is Code.BAD_USER_INPUT
    assert not gallery.postgres.ran


def test_the_threshold_is_where_both_ways_cost_the_same() -> None:
    """Few rows of many: rows first; most rows: vectors first; never more than a portion."""
    tactics = Tactics()
    assert tactics.choose(10, 1_000_000, 10, 1000).way is Way.ROWS_FIRST
    assert tactics.choose(900_000, 1_000_000, 10, 1000).way is Way.VECTORS_FIRST
    assert tactics.choose(1_001, 1e12, 10, 1000).way is Way.VECTORS_FIRST
    assert tactics.choose(0, 0, 1, 1000).way is Way.ROWS_FIRST


def test_attempts_go_further_and_end() -> None:
    """Each by the factor, the last as far as it may be; exact from the second on."""
    tactics = Tactics(farthest=4000)
    choice = tactics.choose(300_000, 1_000_000, 10, 10_000)
    attempts = list(tactics.attempts(choice, 10))
    counts = [attempt.count for attempt in attempts]
    assert counts == sorted(counts)
    assert counts[0] >= math.ceil(10 / 0.3)
    assert counts[-1] == 4000
    assert [attempt.exact for attempt in attempts] == [False, *[True] * (len(attempts) - 1)]


async def test_estimates_are_kept_for_equal_arguments_only() -> None:
    """One and 1.0 are other arguments; what failed is asked again; old ones make room."""
    tactics, asked = Tactics(), []

    async def ask() -> float:
        asked.append(1)
        return float(len(asked))

    async def fail() -> float:
        raise SourceUnavailable("away")

    of = object()
    assert await tactics.remembered(of, (1,), ask) == await tactics.remembered(of, (1,), ask) == 1
    assert await tactics.remembered(of, (1.0,), ask) == 2
    with pytest.raises(SourceUnavailable):
        await tactics.remembered(of, ("x",), fail)
    assert await tactics.remembered(of, ("x",), ask) == 3
    for number in range(2000):
        await tactics.remembered(of, (number, "y"), ask)
    assert await tactics.remembered(of, (1,), ask) > 3


def test_keys_that_no_point_can_have_are_left_out() -> None:
    """Negative numbers and texts that are no id; the rest as points have them."""
    assert list(point_ids([3, 0, -1])) == [3, 0]
    assert list(point_ids([])) == []
    upper = "0B0E7A5C-3C4B-4F1E-9E7F-0A1B2C3D4E5F"
    assert list(point_ids(["7", "x", upper])) == [7, upper.lower()]
    assert orjson.dumps(list(point_ids(range(3)))) == b"[0,1,2]"
