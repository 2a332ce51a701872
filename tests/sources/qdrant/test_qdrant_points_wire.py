"""Points written into the message itself are what the client's own conversion makes of them."""

from __future__ import annotations

from array import array

import pytest
from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import payload_to_grpc

from gateway.sources.qdrant.points import Point
from gateway.sources.qdrant.wire.points import grpc_upsert

PAYLOADS = [
    {},
    {"text": "é", "empty": "", "whole": -(2**63), "part": 0.5, "yes": True, "no": False},
    {"none": None, "list": [1, "a", None, [], {}, [2.5]], "empty": [], "nothing": {}},
    {"deep": {"one": {"two": [{"three": None}]}}},
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("point", [0, 2**64 - 1, "5c9b1a52-0f0f-4d5f-8f7d-0123456789ab"])
def test_as_the_client_writes_them(payload, point):
    """Every kind of id and JSON value, each where it belongs."""
    vector = array("f", [0.5, -1.0, 0.0])
    key = {"num": point} if isinstance(point, int) else {"uuid": point}
    wanted = pb.UpsertPoints(
        collection_name="c",
        wait=True,
        points=[
            pb.PointStruct(
                id=key,
                payload=payload_to_grpc(payload),
                vectors={"vector": {"dense": {"data": vector}}},
            )
        ]
        * 2,
    )
    made = grpc_upsert("c", [Point(point, vector, payload)] * 2)
    assert made == wanted
    assert pb.UpsertPoints.FromString(made.SerializeToString()) == wanted
