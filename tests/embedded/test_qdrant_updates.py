"""Changes of the embedded Qdrant's collections, and the indexes that are built for them."""

from __future__ import annotations

import asyncio
import random

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, green, refused
from qdrant_client import models as m

SIZE = 32
COUNT = 1_200
VECTORS = m.VectorParams(size=SIZE, distance=m.Distance.COSINE)
HNSW = {
    "hnsw_config": m.HnswConfigDiff(m=8, ef_construct=40, full_scan_threshold=10),
    "optimizers_config": m.OptimizersConfigDiff(indexing_threshold=10),
}
"""Thresholds are in KB of vectors; these make the engine index anything."""


@pytest.fixture
async def client(qdrant_wire):
    async with qdrant_wire() as stock:
        yield stock


def vectors():
    chance = random.Random(2)  # noqa: S311 - repeatable, not secret
    return [[chance.gauss(0, 1) for _ in range(SIZE)] for _ in range(COUNT)]


@pytest.fixture
async def name(client):
    fresh = fresh_name()
    await client.create_collection(fresh, vectors_config=VECTORS, metadata={"a": 1, "b": {"c": 2}})
    await client.upsert(
        fresh,
        [m.PointStruct(id=i, vector=v, payload={"n": i}) for i, v in enumerate(vectors())],
    )
    return fresh


async def test_metadata_is_merged(client, name):
    """Key by key; null removes one."""
    await client.update_collection(name, metadata={"b": None, "model": "tiny", "list": [1, 2.5]})
    info = await client.get_collection(name)
    assert info.config.metadata == {"a": 1, "model": "tiny", "list": [1, 2.5]}
    assert info.points_count == COUNT


async def test_indexes_are_built_in_the_background(client, name):
    """The search goes over the graph then, and finds what an exact one finds."""
    info = await client.get_collection(name)
    assert (info.status, info.indexed_vectors_count) == (m.CollectionStatus.GREEN, 0)
    assert await client.update_collection(name, **HNSW)
    info = await green(client, name)
    assert info.indexed_vectors_count == COUNT
    assert info.points_count == COUNT
    assert (info.config.hnsw_config.m, info.config.hnsw_config.ef_construct) == (8, 40)
    assert info.config.optimizer_config.indexing_threshold == 10
    shared = 0
    for query in vectors()[:20]:
        graph, exact = [
            {
                hit.id
                for hit in (
                    await client.query_points(
                        name, query=query, search_params=m.SearchParams(exact=exact, hnsw_ef=200)
                    )
                ).points
            }
            for exact in (False, True)
        ]
        shared += len(graph & exact)
    assert shared >= 190  # of 200


async def test_writes_beside_a_build_are_in_its_outcome(client, name):
    """Whatever is written while the indexes are built is there with them, in its order."""
    await client.update_collection(name, **HNSW)
    rounds, building = 0, True
    while building or rounds < 20:
        key = COUNT + rounds
        await client.upsert(name, [m.PointStruct(id=key, vector=vectors()[0], payload={"n": key})])
        await client.set_payload(name, {"round": rounds}, points=[1])
        await client.delete(name, [rounds])
        await client.upsert(name, [m.PointStruct(id=rounds, vector=vectors()[1], payload={})])
        await client.delete(name, [600 + rounds])
        rounds += 1
        info = await client.get_collection(name)
        building = info.status == m.CollectionStatus.YELLOW
    assert info.indexed_vectors_count > 0
    records, _ = await client.scroll(name, limit=10_000)
    found = {record.id: record.payload for record in records}
    assert set(found) == {*range(600), *range(600 + rounds, COUNT + rounds)}
    assert found[0] == {}
    assert found[COUNT + rounds - 1] == {"n": COUNT + rounds - 1}


async def test_reads_go_on_beside_a_build(client, name):
    """Searches are answered while the indexes are built."""
    await client.update_collection(name, **HNSW)
    answered = 0
    while (await client.get_collection(name)).status == m.CollectionStatus.YELLOW:
        found = await client.query_points(name, query=vectors()[answered % COUNT], limit=1)
        assert found.points[0].id == answered % COUNT
        answered += 1
    assert answered > 0


async def test_one_build_after_another(client, name):
    """A change that comes while one is built is built next; nothing is lost in between."""
    await asyncio.gather(
        *(
            client.update_collection(name, hnsw_config=m.HnswConfigDiff(m=links))
            for links in (4, 8, 16)
        ),
        client.update_collection(name, **HNSW),
    )
    info = await green(client, name)
    assert info.indexed_vectors_count == info.points_count == COUNT


async def test_a_collection_deleted_while_it_is_built(client, name):
    """It is gone at once and can be made anew."""
    await client.update_collection(name, **HNSW)
    assert await client.delete_collection(name)
    await client.create_collection(name, vectors_config=VECTORS)
    assert (await client.count(name)).count == 0
    info = await client.get_collection(name)
    assert info.status == m.CollectionStatus.GREEN


async def test_parameters_of_one_vector(client):
    """A named vector's own graph, changed by its name."""
    name = fresh_name()
    await client.create_collection(
        name,
        vectors_config={"one": VECTORS, "two": VECTORS},
        sparse_vectors_config={"words": m.SparseVectorParams()},
    )
    await client.update_collection(
        name, vectors_config={"two": m.VectorParamsDiff(hnsw_config=m.HnswConfigDiff(m=4))}
    )
    info = await green(client, name)
    assert info.config.params.vectors["two"].hnsw_config.m == 4
    assert info.config.params.vectors["one"].hnsw_config is None
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "'three'"):
        await client.update_collection(
            name, vectors_config={"three": m.VectorParamsDiff(hnsw_config=m.HnswConfigDiff(m=4))}
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"collection_params": m.CollectionParamsDiff(replication_factor=2)}, "replication_factor"),
        ({"collection_params": m.CollectionParamsDiff(read_fan_out_factor=2)}, "read_fan_out"),
        ({"collection_params": m.CollectionParamsDiff(on_disk_payload=False)}, "on_disk_payload"),
        ({"quantization_config": m.Disabled.DISABLED}, "quantization_config"),
        ({"strict_mode_config": m.StrictModeConfig(enabled=True)}, "strict_mode_config"),
        ({"vectors_config": {"": m.VectorParamsDiff(on_disk=True)}}, "on_disk"),
    ],
)
async def test_changes_it_cannot_make(client, name, options, words):
    """Named in the refusal, and nothing is changed."""
    with refused(grpc.StatusCode.UNIMPLEMENTED, words):
        await client.update_collection(name, metadata={"a": 2}, **options)
    assert (await client.get_collection(name)).config.metadata["a"] == 1


async def test_an_unknown_collection(client):
    """NOT_FOUND that names it."""
    with refused(grpc.StatusCode.NOT_FOUND, "nowhere"):
        await client.update_collection("nowhere", metadata={"a": 1})
