"""Filters that the embedded Qdrant refuses; the others are compared with local mode."""

from __future__ import annotations

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused
from qdrant_client import models as m


@pytest.fixture
async def name(client):
    """A collection of one point."""
    fresh = fresh_name()
    await client.create_collection(
        fresh, vectors_config=m.VectorParams(size=1, distance=m.Distance.DOT)
    )
    await client.upsert(fresh, [m.PointStruct(id=1, vector=[1.0])])
    return fresh


def on(key, **condition):
    return m.FieldCondition(key=key, **condition)


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
    assert (await client.count(name)).count == 1


async def test_conditions_it_does_not_have(client, name):
    """Refused by name, never left out."""
    always = on("at", is_empty=True)
    unknown = {
        "min_should": m.Filter(min_should=m.MinShould(conditions=[always], min_count=1)),
        "slice": m.Filter(must=[m.SliceCondition(slice=m.Slice(total=3, index=0))]),
        "geo_polygon": m.Filter(
            must=[on("at", geo_polygon=m.GeoPolygon(exterior=m.GeoLineString(points=[])))]
        ),
        "phrase": m.Filter(must=[on("t", match=m.MatchPhrase(phrase="red fox"))]),
    }
    for words, condition in unknown.items():
        with refused(grpc.StatusCode.UNIMPLEMENTED, words):
            await client.count(name, condition)
