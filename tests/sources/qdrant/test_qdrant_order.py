"""Hits of equal score have one order, and pages that cut through them lose and repeat none."""

from __future__ import annotations

import random
from dataclasses import replace
from uuid import UUID

import orjson
import pytest
from qdrant_client import models

from gateway.schema.vectors.inputs import RecommendStrategy
from gateway.schema.vectors.reading import Reading
from gateway.sources.qdrant import (
    Distance,
    HitField,
    HitKind,
    Nearest,
    Point,
    Search,
    VectorCollection,
    prepare_hits,
)
from gateway.sources.qdrant.reads import ordering
from gateway.sources.qdrant.reads.prepared import prepare_tree
from gateway.sources.qdrant.requests.wishes import (
    Example,
    Fusion,
    Grouped,
    Recommend,
    Searches,
    Sparse,
)

ID, SCORE = HitField("id", HitKind.ID), HitField("score", HitKind.SCORE)
PAYLOAD, VECTOR = HitField("payload", HitKind.PAYLOAD), HitField("vector", HitKind.VECTOR)
BARE, SHOWN = (ID, SCORE), (ID, SCORE, PAYLOAD, VECTOR)
EAST = (1.0, 0.0)


def uuid(number):
    """UUIDs in the order of their numbers."""
    return str(UUID(int=number << 64))


def points(count, direction=EAST):
    """Points in the same place, half of them with UUIDs, stored in no order."""
    ids = [*range(1, count // 2 + 1), *(uuid(number) for number in range(count - count // 2))]
    made = [
        Point(one, list(direction), {"number": place, "shelf": place % 3})
        for place, one in enumerate(ids)
    ]
    return random.Random(1).sample(made, len(made))  # noqa: S311 - repeatable, not secret


async def stored(source, name, some, distance=Distance.DOT):
    """A collection of these points."""
    await source.administration.ensure_collection(name, 2, distance, [])
    await source.bulk.store(name, some)
    return VectorCollection(name, size=2)


async def paged(source, ask, prepared, wish, most):
    """All hits, page by page of the wish's size."""
    found = []
    for offset in range(0, most + wish.limit, wish.limit):
        (value,) = await ask(source, prepared, arguments=(replace(wish, offset=offset),))
        found += orjson.loads(value)
    return found


def is_total(hits, *, least_first=False):
    """Whether no hit comes twice, and equal scores come by id, numbers before UUIDs."""
    ids = [hit["id"] for hit in hits]
    order = [
        (hit["score"] if least_first else -hit["score"], not hit["id"].isdigit(),
         int(hit["id"]) if hit["id"].isdigit() else 0, hit["id"])
        for hit in hits
    ]  # fmt: skip
    return len(set(ids)) == len(ids) and order == sorted(order)


@pytest.fixture(scope="module")
def kept():
    """The ids that `same` stores, in their order."""
    return [str(one.id) for one in sorted(points(700), key=lambda one: one.payload["number"])]


@pytest.fixture
async def same(source, collection_name):
    """700 points in the same place."""
    return await stored(source, collection_name, points(700))


async def test_single_points_in_one_place_are_in_the_order_of_ids(source, same, kept, ask):
    """On either side of where more of the ranking is asked for, and at its end."""
    prepared = prepare_hits("vectors", same, BARE)
    places = (0, 1, 255, 256, 257, 698, 699, 700)
    wishes = [Search(vector=EAST, limit=1, offset=place) for place in places]
    values = [await ask(source, prepared, arguments=(wish,)) for wish in wishes]
    found = [one["id"] for value in values for one in orjson.loads(value[0])]
    assert found == [kept[place] for place in places[:-1]]


@pytest.mark.parametrize(("size", "hit"), [(90, BARE), (699, BARE), (300, SHOWN), (1000, SHOWN)])
async def test_pages_of_points_in_one_place_have_each_once_by_id(  # noqa: PLR0913 - fixtures
    *, source, same, kept, ask, size, hit
):
    """Also where a tie leads out of the first, larger part that is asked for."""
    prepared = prepare_hits("vectors", same, hit)
    hits = await paged(source, ask, prepared, Search(vector=EAST, limit=size), 700)
    assert [one["id"] for one in hits] == kept
    if hit is SHOWN:
        assert [one["payload"]["number"] for one in hits] == list(range(700))
        assert {tuple(one["vector"]) for one in hits} == {EAST}


@pytest.mark.parametrize("distance", list(Distance))
async def test_every_distance_has_the_order(source, collection_name, ask, distance):
    """Scores that fall and scores that rise, several ties in a row."""
    some = [
        Point(point.id, [1.0, float(point.payload["number"] // 40)], point.payload)
        for point in points(200)
    ]
    collection = await stored(source, collection_name, some, distance)
    prepared = prepare_hits("vectors", collection, BARE)
    hits = await paged(source, ask, prepared, Search(vector=(1.0, 0.5), limit=7), 200)
    rising = distance in {Distance.EUCLID, Distance.MANHATTAN}
    assert len(hits) == 200
    assert is_total(hits, least_first=rising)


async def test_a_tie_wider_than_the_engine_is_asked_for_is_cut_alike_on_all_pages(
    source, same, ask, monkeypatch
):
    """Beyond that the pages are those of one choice among the equal ones."""
    monkeypatch.setattr(ordering, "BEHIND", 10)
    monkeypatch.setattr(ordering, "FARTHEST", 300)
    prepared = prepare_hits("vectors", same, SHOWN)
    hits = await paged(source, ask, prepared, Search(vector=EAST, limit=50), 200)
    assert len(hits) == 250
    assert is_total(hits)


async def test_a_threshold_and_a_filter_hold_among_equal_scores(source, collection_name, ask):
    collection = await stored(
        source, collection_name, [*points(60), *(Point(900 + n, [0.5, 0.0], {}) for n in range(9))]
    )
    prepared = prepare_hits("vectors", collection, BARE)
    wish = Search(vector=EAST, score_threshold=0.9, limit=8)
    hits = await paged(source, ask, prepared, wish, 60)
    assert len(hits) == 60
    assert is_total(hits)


@pytest.mark.parametrize("strategy", list(RecommendStrategy))
async def test_recommendations_have_the_order(source, same, ask, strategy):
    prepared = prepare_hits("vectors", same, BARE)
    wish = Recommend(
        positive=(Example(vector=EAST), Example(point_id=350)), strategy=strategy, limit=100
    )
    hits = await paged(source, ask, prepared, wish, 699)
    assert len(hits) == 699
    assert is_total(hits)


async def test_each_search_of_a_batch_and_all_neighbours_have_the_order(source, same, kept, ask):
    """Those whose pages cut through a tie beside those whose do not."""
    wish = Searches(
        (
            Search(vector=EAST, limit=5),
            Search(vector=EAST, limit=5, offset=5),
            Search(point_id=1, limit=5),
            Search(vector=EAST, limit=1000),
        )
    )
    (value,) = await ask(source, prepare_hits("vectors", same, SHOWN), arguments=(wish,))
    first, second, others, everything = ([hit["id"] for hit in one] for one in orjson.loads(value))
    assert (first, second, others) == (kept[:5], kept[5:10], kept[1:6])
    assert everything == kept
    prepared = prepare_hits("vectors", same, SHOWN, by_key=True)
    values = await ask(source, prepared, (1,), (700,), (3,), arguments=(Nearest(limit=3),))
    assert [hit["id"] for hit in orjson.loads(values[0])] == kept[1:4]
    assert values[1] is None
    assert [hit["id"] for hit in orjson.loads(values[2])] == ["1", "2", "4"]


@pytest.mark.parametrize("hit", [BARE, SHOWN], ids=["bare", "shown"])
async def test_no_neighbours_cost_no_call(source, same, ask, calls, hit):
    """`first: 0` is an empty list for every row, as it is of a list of rows."""
    made = calls(source)
    prepared = prepare_hits("vectors", same, hit, by_key=True)
    values = await ask(source, prepared, (1,), (700,), arguments=(Nearest(limit=0),))
    assert values == [b"[]", b"[]"]
    assert made == []


async def test_an_answer_without_a_tie_at_an_edge_is_one_call(source, collection_name, ask, calls):
    """A tie within the page costs none; one across its edge one, and one for what is shown."""
    some = [Point(n, [float(n // 2), 0.0], {"n": n}) for n in reversed(range(20))]
    collection = await stored(source, collection_name, some)
    prepared = prepare_hits("vectors", collection, SHOWN)
    made = calls(source)
    (value,) = await ask(source, prepared, arguments=(Search(vector=EAST, limit=4, offset=2),))
    assert [hit["id"] for hit in orjson.loads(value)] == ["16", "17", "14", "15"]
    assert made == ["query"]
    (value,) = await ask(source, prepared, arguments=(Search(vector=EAST, limit=4, offset=3),))
    assert [hit["id"] for hit in orjson.loads(value)] == ["17", "14", "15", "12"]
    assert [hit["payload"] for hit in orjson.loads(value)] == [{"n": n} for n in (17, 14, 15, 12)]
    assert made == ["query", "query", "query", "run"]


@pytest.fixture
def calls(monkeypatch):
    """Lists the calls that a source makes of its engine."""

    def watched(source):
        made = []
        wire = source._open._wire
        for name in ("query", "run"):
            real = getattr(wire, name)

            async def call(*given, real=real, name=name):
                made.append(name)
                return await real(*given)

            monkeypatch.setattr(wire, name, call)
        return made

    return watched


@pytest.mark.parametrize("seed", range(12))
async def test_any_page_is_a_slice_of_the_one_order(source, ask, collection_name, seed):
    """Whatever scores are equal, and wherever a page cuts through them."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    places = [chance.randrange(4) for _ in range(chance.randint(1, 30))]
    ids = chance.sample(range(1, 31), len(places))
    some = [Point(one, [float(place), 0.0], {}) for one, place in zip(ids, places, strict=True)]
    collection = await stored(source, collection_name, some)
    prepared = prepare_hits("vectors", collection, BARE)
    size = chance.randint(1, 12)
    hits = await paged(source, ask, prepared, Search(vector=EAST, limit=size), len(places))
    right = sorted(zip(places, ids, strict=True), key=lambda pair: (-pair[0], pair[1]))
    assert [int(hit["id"]) for hit in hits] == [one for _, one in right]


async def test_fused_rankings_have_the_order(source, collection_name, ask):
    """The engine's ranks make many equal scores; the page does not change how far it looks."""
    await source._session().run(
        lambda client: client.create_collection(
            collection_name,
            vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT),
            sparse_vectors_config={"words": models.SparseVectorParams()},
        ),
        None,
    )
    some = [
        models.PointStruct(
            id=number,
            vector={
                "": [float(number), 0.0],
                "words": models.SparseVector(indices=[1], values=[float(61 - number)]),
            },
        )
        for number in range(1, 61)
    ]
    await source._session().run(
        lambda client: client.upsert(collection_name, some, wait=True), None
    )
    collection = VectorCollection(collection_name, size=2, sparse=("words",))
    prepared = prepare_hits("vectors", collection, BARE)
    wish = Search(vector=EAST, sparse=Sparse((1,), (1.0,)), fusion=Fusion("words"), limit=7)
    hits = await paged(source, ask, prepared, wish, 60)
    assert len(hits) == 60
    assert is_total(hits)


async def test_groups_and_their_hits_have_the_order(source, same, ask):
    """Which of equal ones are there is the engine's choice, their order is not."""
    inner = (ID, SCORE)
    fields = (HitField("key", HitKind.KEY), HitField("hits", HitKind.HITS, below=inner))
    prepared = prepare_tree("vectors", Reading.GROUPS, same, fields)
    wish = Grouped(Search(vector=EAST), by="shelf", limit=3, size=20)
    (value,) = await ask(source, prepared, arguments=(wish,))
    groups = orjson.loads(value)
    assert len(groups) == 3
    assert all(is_total(group["hits"]) for group in groups)
    assert is_total([group["hits"][0] for group in groups])
