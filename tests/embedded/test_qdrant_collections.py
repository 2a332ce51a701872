"""The embedded Qdrant's collections, driven by the stock client."""

from __future__ import annotations

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused
from qdrant_client import models as m

VECTORS = m.VectorParams(size=3, distance=m.Distance.COSINE)


async def test_a_collection_from_creation_to_deletion(client):
    """It exists, is listed and described as created; then it is gone."""
    name = fresh_name()
    assert not await client.collection_exists(name)
    assert await client.create_collection(
        name,
        vectors_config=VECTORS,
        metadata={"embedding_model": "tiny"},
    )
    assert await client.collection_exists(name)
    assert name in [one.name for one in (await client.get_collections()).collections]
    info = await client.get_collection(name)
    assert info.status == m.CollectionStatus.GREEN
    assert info.points_count == 0
    assert info.config.params.vectors == VECTORS
    assert info.config.metadata == {"embedding_model": "tiny"}
    assert await client.delete_collection(name) is True
    assert await client.delete_collection(name) is False
    assert not await client.collection_exists(name)
    with refused(grpc.StatusCode.NOT_FOUND, name):
        await client.get_collection(name)


@pytest.mark.parametrize("name", ["..", "a/b", "ünï çødé", "%2F", "kept-x", "x" * 200])
async def test_any_name_is_one_directory(client, name):
    """Names that look like paths or are encoded already keep apart and work.

    Over gRPC: in REST a name is a part of a path.
    """
    await client.create_collection(name, vectors_config=VECTORS)
    try:
        await client.upsert(name, [m.PointStruct(id=1, vector=[1, 0, 0])])
        assert (await client.count(name)).count == 1
    finally:
        assert await client.delete_collection(name)


@pytest.mark.parametrize("name", ["", "x" * 201])
async def test_names_that_are_too_short_or_long(client, name):
    """Refused before anything is made."""
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "collection name"):
        await client.create_collection(name, vectors_config=VECTORS)


async def test_creating_it_twice(client):
    """The second creation is refused and harms nothing."""
    name = fresh_name()
    await client.create_collection(name, vectors_config=VECTORS)
    await client.upsert(name, [m.PointStruct(id=1, vector=[1, 0, 0])])
    with refused(grpc.StatusCode.ALREADY_EXISTS, name):
        await client.create_collection(name, vectors_config=VECTORS)
    assert (await client.count(name)).count == 1


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"shard_number": 2}, grpc.StatusCode.UNIMPLEMENTED, "shard_number"),
        ({"replication_factor": 3}, grpc.StatusCode.UNIMPLEMENTED, "replication_factor"),
        (
            {"strict_mode_config": m.StrictModeConfig(enabled=True)},
            grpc.StatusCode.UNIMPLEMENTED,
            "strict_mode_config",
        ),
        (
            {
                "quantization_config": m.ScalarQuantization(
                    scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8)
                )
            },
            grpc.StatusCode.UNIMPLEMENTED,
            "quantization_config",
        ),
        (
            {"vectors_config": m.VectorParams(size=65_537, distance=m.Distance.DOT)},
            grpc.StatusCode.INVALID_ARGUMENT,
            "65536",
        ),
        ({"vectors_config": {}}, grpc.StatusCode.INVALID_ARGUMENT, "at least one vector"),
    ],
)
async def test_options_it_cannot_honour(client, options, status, words):
    """Named in the refusal, and no collection is left behind."""
    name = fresh_name()
    with refused(status, words):
        await client.create_collection(name, **({"vectors_config": VECTORS} | options))
    assert not await client.collection_exists(name)


@pytest.mark.parametrize("distance", list(m.Distance))
async def test_every_distance(client, distance):
    """Nearest first, whichever way the score runs."""
    name = fresh_name()
    await client.create_collection(name, vectors_config=m.VectorParams(size=2, distance=distance))
    points = [
        m.PointStruct(id=1, vector=[0.1, 1.0]),
        m.PointStruct(id=2, vector=[1.0, 0.1]),
        m.PointStruct(id=3, vector=[0.7, 0.7]),
    ]
    await client.upsert(name, points)
    found = await client.query_points(name, query=[1.0, 0.0])
    assert [point.id for point in found.points] == [2, 3, 1]


async def test_named_and_sparse_vectors(client):
    """Each named vector keeps its own kind, comes back as stored, and is searched by name."""
    name = fresh_name()
    await client.create_collection(
        name,
        vectors_config={
            "title": m.VectorParams(size=2, distance=m.Distance.DOT),
            "words": m.VectorParams(size=3, distance=m.Distance.DOT),
        },
        sparse_vectors_config={"terms": m.SparseVectorParams(modifier=m.Modifier.IDF)},
    )
    vectors = {
        "title": [1.0, 2.0],
        "words": [1.0, 0.0, 3.0],
        "terms": m.SparseVector(indices=[1, 7], values=[0.5, 2.0]),
    }
    other = {"title": [0.0, 1.0], "terms": m.SparseVector(indices=[2], values=[1.0])}
    await client.upsert(
        name, [m.PointStruct(id=1, vector=vectors), m.PointStruct(id=2, vector=other)]
    )
    (record,) = await client.retrieve(name, [1], with_vectors=True)
    assert record.vector == vectors
    (record,) = await client.retrieve(name, [1], with_vectors=["title"])
    assert record.vector == {"title": [1.0, 2.0]}
    for using, query in (
        ("title", [1.0, 0.0]),
        ("words", [0.0, 0.0, 1.0]),
        ("terms", m.SparseVector(indices=[7], values=[1.0])),
    ):
        found = await client.query_points(name, query=query, using=using, limit=1)
        assert found.points[0].id == 1, using
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "'nope'"):
        await client.query_points(name, query=[1.0, 0.0], using="nope")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "sparse"):
        await client.query_points(name, query=[1.0, 0.0], using="terms")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "dense"):
        await client.query_points(
            name, query=m.SparseVector(indices=[1], values=[1.0]), using="title"
        )
    with refused(grpc.StatusCode.UNIMPLEMENTED, "multi_dense"):
        await client.query_points(name, query=[[1.0, 0.0]], using="title")


@pytest.mark.parametrize("schema", list(m.PayloadSchemaType))
async def test_payload_indexes(client, schema):
    """Created, shown, and deleted again."""
    name = fresh_name()
    await client.create_collection(name, vectors_config=VECTORS)
    await client.create_payload_index(name, "field", schema)
    index = (await client.get_collection(name)).payload_schema["field"]
    assert index.data_type == schema
    await client.delete_payload_index(name, "field")
    assert (await client.get_collection(name)).payload_schema == {}


async def test_parameters_of_indexes(client):
    """Refused: an index is made by its type alone."""
    name = fresh_name()
    await client.create_collection(name, vectors_config=VECTORS)
    schema = m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
    with refused(grpc.StatusCode.UNIMPLEMENTED, "parameters"):
        await client.create_payload_index(name, "field", schema)


async def test_health(client):
    """It says what it is."""
    answer = await client.info()
    assert answer.title == "embedded Qdrant"
    assert answer.version


async def test_calls_it_does_not_have_say_their_name(client):
    """UNIMPLEMENTED, with the call's name, for every service."""
    name = fresh_name()
    await client.create_collection(name, vectors_config=VECTORS)
    for call, words in (
        (client.create_snapshot(name), ("the call Create", "/snapshots")),
        (client.update_collection(name, metadata={"a": 1}), ("the call Update", "PATCH")),
        (client.get_aliases(), ("ListAliases", "/aliases")),
        (client.search_matrix_pairs(name), ("SearchMatrixPairs", "/matrix/pairs")),
        (client.list_shard_keys(name), ("ListShardKeys", "/shards")),
    ):
        with refused(grpc.StatusCode.UNIMPLEMENTED, *words):
            await call
