"""The same filter gives the same points in the engine and in qdrant-client's local mode."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

from gateway.sources.qdrant import (
    Distance,
    HitField,
    HitKind,
    PayloadIndex,
    Point,
    Search,
    VectorCollection,
    parse_filter,
    prepare_hits,
)
from gateway.sources.qdrant.wire.filters import native_filter

WORDS = ["red", "blue", "green"]
COUNT = 80


def payload(chance):
    """A payload in which every field is sometimes missing, null, single or a list."""
    values = {
        "word": lambda: chance.choice(WORDS),
        "whole": lambda: chance.randrange(-3, 4),
        "real": lambda: chance.choice([-1.5, 0.0, 0.25, 2.0]),
        "flag": lambda: chance.random() < 0.5,
        "day": lambda: f"2024-01-0{chance.randrange(1, 6)}T12:00:00Z",
        "place": lambda: {"lat": chance.uniform(-60, 60), "lon": chance.uniform(-170, 170)},
    }
    made = {}
    for name, value in values.items():
        form = chance.randrange(6)
        if form == 1:
            made[name] = None
        elif form == 2:
            made[name] = [value() for _ in range(chance.randrange(4))]
        elif form > 2:
            made[name] = value()
    return made | {"deep": {"er": made.get("whole")}}


def points():
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    return [Point(number, [1.0], payload(chance)) for number in range(COUNT)]


FIELDS = st.sampled_from(["word", "whole", "real", "flag", "day", "deep.er", "absent"])
WHOLE = st.integers(-3, 4)
NUMBER = st.sampled_from([-1.5, 0, 0.25, 1, 3])
DAY = st.integers(1, 6).map(lambda day: f"2024-01-0{day}T12:00:00+00:00")
PLACE = st.fixed_dictionaries({"lat": st.floats(-60, 60), "lon": st.floats(-170, 170)})


def bounds(value):
    """One or two bounds."""
    names = st.sampled_from(["gt", "gte", "lt", "lte"])
    return st.dictionaries(names, value, min_size=1, max_size=2)


def box(corners):
    """A box from any two places."""
    first, second = sorted(corners, key=lambda place: place["lat"], reverse=True)
    return {"geoBox": {"topLeft": first, "bottomRight": second}}


CONDITIONS = st.one_of(
    st.builds(lambda v: {"match": v}, st.one_of(st.sampled_from(WORDS), WHOLE, st.booleans())),
    st.builds(lambda v: {"any": v}, st.lists(st.sampled_from(WORDS), min_size=1)),
    st.builds(lambda v: {"any": v}, st.lists(WHOLE, min_size=1)),
    st.builds(lambda v: {"except": v}, st.lists(st.sampled_from(WORDS), min_size=1)),
    st.builds(lambda v: {"except": v}, st.lists(WHOLE, min_size=1)),
    st.builds(lambda v: {"isNull": v}, st.booleans()),
    st.builds(lambda v: {"isEmpty": v}, st.booleans()),
    st.builds(lambda v: {"valuesCount": v}, bounds(st.integers(0, 3))),
)
ON_FIELD = st.one_of(
    st.just({}),
    st.builds(lambda field, condition: {field: condition}, FIELDS, CONDITIONS),
    # A number index takes a datetime for a count of microseconds; without one it is no number.
    st.builds(lambda v: {"day": v}, bounds(DAY)),
    st.builds(lambda f, v: {f: v}, st.sampled_from(["whole", "real", "word"]), bounds(NUMBER)),
    st.builds(lambda condition: {"field": "deep.er", **condition}, CONDITIONS),
    st.builds(
        lambda center, radius: {"place": {"geoRadius": {"center": center, "radius": radius}}},
        PLACE,
        st.sampled_from([1e5, 1e6, 5e6]),
    ),
    st.builds(lambda corners: {"place": box(corners)}, st.tuples(PLACE, PLACE)),
    st.builds(lambda ids: {"hasId": ids}, st.lists(st.integers(0, COUNT + 5), max_size=20)),
)
FILTERS = st.recursive(
    ON_FIELD,
    lambda inner: st.dictionaries(
        st.sampled_from(["must", "should", "mustNot"]),
        st.lists(inner, min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
async def local():
    """Local mode, the oracle, with the points."""
    client = AsyncQdrantClient(":memory:")
    vectors = m.VectorParams(size=1, distance=m.Distance.DOT)
    await client.create_collection("points", vectors_config=vectors)
    await client.upsert(
        "points", [m.PointStruct(id=p.id, vector=p.vector, payload=p.payload) for p in points()]
    )
    yield client
    await client.close()


@pytest.fixture(scope="module", params=["without indexes", "with indexes"])
async def engine(request, connect):
    """A source whose collection holds the points."""
    source = connect()
    await source.open()
    indexes = [
        PayloadIndex("word", "keyword"),
        PayloadIndex("whole", "integer"),
        PayloadIndex("real", "float"),
        PayloadIndex("flag", "bool"),
        PayloadIndex("day", "datetime"),
        PayloadIndex("place", "geo"),
        PayloadIndex("deep.er", "integer"),
    ]
    name = f"equivalence_{request.param_index}"
    wanted = indexes if request.param == "with indexes" else []
    await source.administration.ensure_collection(name, 1, Distance.DOT, wanted)
    await source.bulk.store(name, list(points()))
    yield source, VectorCollection(name, 1)
    await source.close()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=FILTERS)
async def test_the_same_points_as_local_mode(engine, local, ask, written):
    """Whatever the filter, however nested, indexed or not."""
    source, collection = engine
    parsed = parse_filter(written)
    prepared = prepare_hits("vectors", collection, (HitField("id", HitKind.ID),))
    search = Search(vector=(1.0,), limit=1_000, filter=parsed)
    (value,) = await ask(source, prepared, arguments=(search,))
    records, _ = await local.scroll(
        "points", scroll_filter=native_filter(parsed), limit=1_000, with_payload=False
    )
    expected = {str(record.id) for record in records}
    found = {hit["id"] for hit in orjson.loads(value)}
    shown = {p.id: p.payload for p in points() if str(p.id) in found ^ expected}
    assert found == expected, shown
