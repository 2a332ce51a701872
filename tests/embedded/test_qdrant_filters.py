"""The embedded Qdrant's filter conditions beyond those the gateway's own filters use.

The others are compared with local mode in tests/sources/qdrant.
"""

from __future__ import annotations

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused
from qdrant_client import models as m

PAYLOADS = {
    1: {"t": "red fox jumps", "parts": [{"a": 1, "b": 1}], "at": {"lat": 1.0, "lon": 1.0}},
    2: {"t": "fox red", "parts": [{"a": 1, "b": 2}, {"a": 2, "b": 1}]},
    3: {"t": "blue whale", "parts": [], "at": {"lat": 9.0, "lon": 9.0}},
}
TEXT = m.TextIndexParams(type=m.TextIndexType.TEXT, phrase_matching=True)


@pytest.fixture
async def client(qdrant_wire):
    async with qdrant_wire() as stock:
        yield stock


@pytest.fixture
async def name(client):
    fresh = fresh_name()
    await client.create_collection(
        fresh,
        vectors_config={
            "one": m.VectorParams(size=1, distance=m.Distance.DOT),
            "two": m.VectorParams(size=1, distance=m.Distance.DOT),
        },
    )
    await client.upsert(
        fresh,
        [
            m.PointStruct(
                id=key, vector={"one": [1.0]} | ({"two": [1.0]} if key == 2 else {}), payload=value
            )
            for key, value in PAYLOADS.items()
        ],
    )
    await client.create_payload_index(fresh, "t", TEXT)
    return fresh


def on(key, **condition):
    return m.FieldCondition(key=key, **condition)


SQUARE = m.GeoLineString(
    points=[m.GeoPoint(lat=lat, lon=lon) for lat, lon in ((0, 0), (0, 5), (5, 5), (5, 0), (0, 0))]
)
A1, B1 = on("a", match=m.MatchValue(value=1)), on("b", match=m.MatchValue(value=1))


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (on("t", match=m.MatchText(text="fox red")), {1, 2}),
        (on("t", match=m.MatchPhrase(phrase="red fox")), {1}),
        (on("t", match=m.MatchTextAny(text_any="whale jumps")), {1, 3}),
        (m.NestedCondition(nested=m.Nested(key="parts", filter=m.Filter(must=[A1, B1]))), {1}),
        (on("parts[].a", match=m.MatchValue(value=2)), {2}),
        (on("at", geo_polygon=m.GeoPolygon(exterior=SQUARE)), {1}),
        (on("at", is_empty=True), {2}),
        (on("at", is_null=True), set()),
        (m.HasVectorCondition(has_vector="two"), {2}),
        (m.Filter(min_should=m.MinShould(conditions=[
            on("t", match=m.MatchText(text="red")),
            on("t", match=m.MatchText(text="fox")),
            on("at", is_empty=True),
        ], min_count=3)), {2}),
    ],
)  # fmt: skip
async def test_conditions(client, name, condition, ids):
    """Each lets exactly its points through."""
    records, _ = await client.scroll(name, m.Filter(must=[condition]), limit=10)
    assert {record.id for record in records} == ids


async def test_bad_filters(client, name):
    """Refused with what is wrong, whichever call carries them."""
    nested = m.Filter(must=[])
    for _ in range(40):
        nested = m.Filter(must=[nested])
    bad = {
        "JSON path": m.Filter(must=[on("a[", match=m.MatchValue(value=1))]),
        "levels deep": nested,
        "lat": m.Filter(
            must=[on("at", geo_radius=m.GeoRadius(center=m.GeoPoint(lat=99, lon=0), radius=1))]
        ),
    }
    for words, condition in bad.items():
        for call in (client.count, client.delete):
            with refused(grpc.StatusCode.INVALID_ARGUMENT, words):
                await call(name, condition)
    slices = m.Filter(must=[m.SliceCondition(slice=m.Slice(total=2, index=2))])
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "slice"):
        await client.count(name, slices)
    assert (await client.count(name)).count == 3


async def test_slices(client, name):
    """Every point is in exactly one slice."""
    counts = [
        (
            await client.count(
                name, m.Filter(must=[m.SliceCondition(slice=m.Slice(total=3, index=index))])
            )
        ).count
        for index in range(3)
    ]
    assert sum(counts) == len(PAYLOADS)
