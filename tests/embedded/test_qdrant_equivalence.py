"""Whatever the points and the request: the engine and qdrant-client's local mode say the same.

Local mode is the oracle. Where it is known to differ the generator keeps away, and says why:

- numbers are not compared with datetimes: an index of numbers takes a datetime for a count of
  microseconds, without one it is no number;
- no place lies on the border of a box: for local mode the border is outside, for the engine inside;
- no box goes over the date line: an index of places misses some that are in it;
- a facet is of a field with an index: local mode has none and needs none;
- a text is one text: an index finds words that are spread over several, local mode looks into each.
"""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from embedded.qdrant_calls import fresh_name, stock_client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

WORDS = st.sampled_from(["red", "blue", "green", "grün"])
TEXT = st.lists(st.sampled_from(["red", "fox", "Jumps", "über"]), max_size=4).map(" ".join)
WHOLE = st.integers(-3, 3)
REAL = st.sampled_from([-1.5, 0.0, 0.25, 2.0])
DAY = st.integers(1, 6).map(lambda day: f"2024-01-0{day}T12:00:00Z")
LAT, LON = st.integers(-60, 60), st.integers(-170, 170)
PLACE = st.builds(lambda lat, lon: {"lat": float(lat), "lon": float(lon)}, LAT, LON)
COUNT = 12
IDS = [i if i % 3 else f"0198c9a2-54ff-7e63-a2a4-3ae3b1ad{i:04d}" for i in range(COUNT + 3)]
SIZE = 6


def sometimes(value):
    """A value, several of them, or null."""
    return st.one_of(value, value, st.lists(value, max_size=3), st.none())


PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "word": sometimes(WORDS),
        "text": st.one_of(TEXT, st.none()),
        "whole": sometimes(WHOLE),
        "real": sometimes(REAL),
        "flag": sometimes(st.booleans()),
        "day": sometimes(DAY),
        "place": sometimes(PLACE),
        "deep": st.fixed_dictionaries({}, optional={"er": sometimes(WHOLE)}),
        "parts": st.lists(st.fixed_dictionaries({"a": WHOLE, "b": WORDS}), max_size=3),
    },
)
INDEXES = {
    "word": "keyword",
    "text": "text",
    "whole": "integer",
    "real": "float",
    "flag": "bool",
    "day": "datetime",
    "place": "geo",
    "deep.er": "integer",
}
FIELDS = st.sampled_from([*INDEXES, "absent", "parts"])


def bounds(model, value):
    """One or two bounds."""
    names = st.sampled_from(["gt", "gte", "lt", "lte"])
    return st.dictionaries(names, value, min_size=1, max_size=2).map(lambda given: model(**given))


def on(keys, **parts):
    """Conditions of one kind on one of `keys`."""
    return st.builds(m.FieldCondition, key=keys, **parts)


def box(north, south, west, east):
    """Any box that does not go over the date line."""
    top, bottom = max(north, south) + 0.5, min(north, south) - 0.5
    return m.GeoBoundingBox(
        top_left=m.GeoPoint(lat=top, lon=min(west, east) - 0.5),
        bottom_right=m.GeoPoint(lat=bottom, lon=max(west, east) + 0.5),
    )


EXACT = st.one_of(WORDS, WHOLE, st.booleans())
SEVERAL = st.one_of(st.lists(WORDS, min_size=1, max_size=3), st.lists(WHOLE, min_size=1))
CENTER = st.builds(lambda lat, lon: m.GeoPoint(lat=lat + 0.5, lon=lon + 0.5), LAT, LON)
RADIUS = st.builds(m.GeoRadius, center=CENTER, radius=st.sampled_from([1e5, 1e6, 5e6]))
ON_FIELD = st.one_of(
    on(FIELDS, match=st.builds(m.MatchValue, value=EXACT)),
    on(FIELDS, match=st.builds(m.MatchAny, any=SEVERAL)),
    on(FIELDS, match=SEVERAL.map(lambda values: m.MatchExcept(**{"except": values}))),
    on(st.just("text"), match=st.builds(m.MatchText, text=TEXT.filter(bool))),
    on(st.just("text"), match=st.builds(m.MatchTextAny, text_any=TEXT.filter(bool))),
    on(st.sampled_from(["whole", "real", "word", "deep.er"]), range=bounds(m.Range, REAL)),
    on(st.just("day"), range=bounds(m.DatetimeRange, DAY)),
    on(st.just("place"), geo_radius=RADIUS),
    on(st.just("place"), geo_bounding_box=st.builds(box, LAT, LAT, LON, LON)),
    on(FIELDS, values_count=bounds(m.ValuesCount, st.integers(0, 3))),
    on(FIELDS, is_empty=st.booleans()),
    on(FIELDS, is_null=st.booleans()),
)
IN_PARTS = st.one_of(
    on(st.just("a"), match=st.builds(m.MatchValue, value=WHOLE)),
    on(st.just("b"), match=st.builds(m.MatchValue, value=WORDS)),
)
CONDITIONS = st.one_of(
    ON_FIELD,
    ON_FIELD,
    st.builds(lambda key: m.IsEmptyCondition(is_empty=m.PayloadField(key=key)), FIELDS),
    st.builds(lambda key: m.IsNullCondition(is_null=m.PayloadField(key=key)), FIELDS),
    st.builds(m.HasIdCondition, has_id=st.lists(st.sampled_from(IDS), max_size=8)),
    st.builds(
        lambda inner: m.NestedCondition(nested=m.Nested(key="parts", filter=m.Filter(must=inner))),
        st.lists(IN_PARTS, min_size=1, max_size=2),
    ),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.dictionaries(
        st.sampled_from(["must", "should", "must_not"]),
        st.lists(inner, min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ).map(lambda parts: m.Filter(**parts)),
    max_leaves=6,
).map(lambda one: one if isinstance(one, m.Filter) else m.Filter(must=[one]))


@dataclass(frozen=True)
class Stage:
    """The same collection in the engine and in local mode."""

    name: str
    engine: AsyncQdrantClient
    local: AsyncQdrantClient

    async def fill(self, payloads, seed):
        """Make these payloads, with any vectors, all there is."""
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        points = [
            m.PointStruct(id=IDS[i], vector=[chance.gauss(0, 1) for _ in range(SIZE)], payload=one)
            for i, one in enumerate(payloads)
        ]
        for client in self.clients:
            await client.delete(self.name, m.Filter(must=[]))
            await client.upsert(self.name, points)
        return points

    @property
    def clients(self):
        return self.engine, self.local


@pytest.fixture(scope="module", params=["without indexes", "with indexes"])
async def stage(request, qdrant_endpoint):
    async with AsyncExitStack() as stack:
        made = Stage(
            fresh_name(),
            await stack.enter_async_context(stock_client(qdrant_endpoint)),
            AsyncQdrantClient(":memory:"),
        )
        stack.push_async_callback(made.local.close)
        vectors = m.VectorParams(size=SIZE, distance=m.Distance.COSINE)
        for client in made.clients:
            await client.create_collection(made.name, vectors_config=vectors)
        if request.param == "with indexes":
            for field, kind in INDEXES.items():
                await made.engine.create_payload_index(made.name, field, kind)
        yield made


def many(examples):
    """Hypothesis over one stage: it is filled anew for every example."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


async def scrolled(client, name, wanted):
    records, _ = await client.scroll(name, wanted, limit=1_000)
    return {record.id: record.payload for record in records}


@many(60)
@given(
    payloads=st.lists(PAYLOADS, min_size=1, max_size=COUNT),
    filters=st.lists(FILTERS, min_size=1, max_size=8),
)
async def test_the_same_filter_gives_the_same_points(stage, payloads, filters):
    """With the same payloads; and a count over the filter counts them."""
    await stage.fill(payloads, 0)
    for wanted in filters:
        expected = await scrolled(stage.local, stage.name, wanted)
        found = await scrolled(stage.engine, stage.name, wanted)
        differing = {
            IDS[i]: one
            for i, one in enumerate(payloads)
            if (IDS[i] in found) != (IDS[i] in expected)
        }
        assert not differing, wanted.model_dump(exclude_none=True)
        assert found == expected
        assert (await stage.engine.count(stage.name, wanted)).count == len(expected)


def rankings(points):
    """One request of every kind, by name."""
    ids = [point.id for point in points]
    query = [1.0, -0.5, 0.25, 0.0, 2.0, -1.0]
    near, far = ids[0], ids[-1]

    def recommend(strategy):
        given = m.RecommendInput(positive=[near, query], negative=[far], strategy=strategy)
        return {"query": m.RecommendQuery(recommend=given)}

    return {
        "vector": {"query": query},
        "id": {"query": near},
        **{f"recommend, {one.value}": recommend(one) for one in m.RecommendStrategy},
    }


@many(25)
@given(
    payloads=st.lists(PAYLOADS, min_size=2, max_size=COUNT),
    wanted=FILTERS,
    seed=st.integers(0, 1_000),
)
async def test_the_same_ranking_gives_the_same_scores(stage, payloads, wanted, seed):
    """Nearest and recommended, each filtered: the same points with the same scores."""
    points = await stage.fill(payloads, seed)
    for kind, request in rankings(points).items():
        scores = []
        for client in stage.clients:
            found = await client.query_points(
                stage.name, **request, query_filter=wanted, limit=COUNT
            )
            scores.append({hit.id: hit.score for hit in found.points})
            ranked = [hit.score for hit in found.points]
            assert ranked == sorted(ranked, reverse=True), kind
        assert scores[0] == pytest.approx(scores[1], abs=1e-5), kind


@many(25)
@given(
    payloads=st.lists(PAYLOADS, min_size=1, max_size=COUNT),
    wanted=FILTERS,
    key=st.sampled_from(["word", "whole", "deep.er", "parts[].b", "flag", "real"]),
    size=st.integers(1, 4),
)
async def test_the_same_groups(stage, payloads, wanted, key, size):
    """By words, numbers and what is inside of lists; the same hits in each."""
    points = await stage.fill(payloads, 1)
    answers = []
    for client in stage.clients:
        found = await client.query_points_groups(
            stage.name,
            group_by=key,
            query=points[0].vector,
            query_filter=wanted,
            group_size=size,
            limit=4,
        )
        answers.append([(group.id, [hit.id for hit in group.hits]) for group in found.groups])
    assert answers[0] == answers[1]


@many(25)
@given(
    payloads=st.lists(PAYLOADS, min_size=1, max_size=COUNT),
    wanted=FILTERS,
    key=st.sampled_from(["word", "whole", "flag"]),
)
async def test_the_same_facets(stage, payloads, wanted, key):
    """How often each value occurs among the points a filter lets through."""
    await stage.fill(payloads, 2)
    await stage.engine.create_payload_index(stage.name, key, INDEXES[key])
    counts = []
    for client in stage.clients:
        found = await client.facet(stage.name, key, facet_filter=wanted, limit=100, exact=True)
        counts.append({(type(hit.value), hit.value): hit.count for hit in found.hits})
    assert counts[0] == counts[1]
