"""Looking after collections: for administrators, and nobody else."""

from __future__ import annotations

import pytest

CREATE = """
  mutation ($name: String!, $size: Int, $distance: VectorMetric! = COSINE, $text: Boolean! = false,
            $vectors: [NamedVectorParamsInput!], $sparse: [String!]) {
    createCollection(name: $name, size: $size, distance: $distance, text: $text,
                     vectors: $vectors, sparse: $sparse) { collection changed }
  }
"""
ONE = """
  query ($name: String!) {
    vectorCollection(collection: $name) {
      name status pointCount sparseVectors embeddingModel embeddingDimensions
      vectors { name size distance }
      payloadIndexes { field type pointCount }
    }
  }
"""
EVERYTHING = [
    "query { vectorCollections { name } }",
    'query { vectorCollection(collection: "jottings") { name } }',
    'mutation { createCollection(name: "forbidden", size: 2) { changed } }',
    'mutation { deleteCollection(collection: "jottings") { changed } }',
    'mutation { createPayloadIndex(collection: "jottings", field: "a", type: TEXT) { changed } }',
    'mutation { deletePayloadIndex(collection: "jottings", field: "a") { changed } }',
    'mutation { upsertPoints(collection: "jottings", points: [{id: 1, vector: [1]}]) { count } }',
    'mutation { setPayload(collection: "jottings", payload: {a: 1}, all: true) { count } }',
    'mutation { overwritePayload(collection: "jottings", payload: {}, all: true) { count } }',
    'mutation { deletePayload(collection: "jottings", fields: ["a"], all: true) { count } }',
    'mutation { deletePoints(collection: "jottings", all: true) { count } }',
]


async def info(site, name):
    return (await site.data(ONE, {"name": name}))["vectorCollection"]


@pytest.mark.parametrize("distance", ["COSINE", "EUCLID", "DOT", "MANHATTAN"])
async def test_the_life_of_a_collection(site, name, distance):
    """Created with its size and distance, looked at, found in the list, deleted, gone."""
    created = await site.data(CREATE, {"name": name, "size": 3, "distance": distance})
    assert created == {"createCollection": {"collection": name, "changed": True}}
    assert await info(site, name) == {
        "name": name,
        "status": "green",
        "pointCount": "0",
        "sparseVectors": [],
        "embeddingModel": None,
        "embeddingDimensions": None,
        "vectors": [{"name": None, "size": 3, "distance": distance}],
        "payloadIndexes": [],
    }
    names = await site.data("{ vectorCollections { name vectors { size } } }")
    assert {"name": name, "vectors": [{"size": 3}]} in names["vectorCollections"]
    delete = "mutation ($name: String!) { deleteCollection(collection: $name) { changed } }"
    assert (await site.data(delete, {"name": name}))["deleteCollection"] == {"changed": True}
    assert (await site.data(delete, {"name": name}))["deleteCollection"] == {"changed": False}
    assert await info(site, name) is None


async def test_named_and_sparse_vectors(site, name):
    """A collection may have several vectors by name, dense and sparse."""
    vectors = [{"name": "title", "size": 3, "distance": "DOT"}, {"name": "body", "size": 2}]
    await site.data(CREATE, {"name": name, "vectors": vectors, "sparse": ["words"]})
    found = await info(site, name)
    assert sorted(found["vectors"], key=lambda one: one["name"]) == [
        {"name": "body", "size": 2, "distance": "COSINE"},
        {"name": "title", "size": 3, "distance": "DOT"},
    ]
    assert found["sparseVectors"] == ["words"]


async def test_a_collection_for_text(site, name):
    """It remembers the gateway's model and takes its dimensions."""
    await site.data(CREATE, {"name": name, "text": True})
    found = await info(site, name)
    assert found["vectors"] == [{"name": None, "size": 256, "distance": "COSINE"}]
    assert found["embeddingModel"] == "wordllama-l2_supercat-256"
    assert found["embeddingDimensions"] == 256
    code, message = await site.refused(CREATE, {"name": "other", "text": True, "size": 5})
    assert (code, "must be the 256 dimensions" in message) == ("BAD_USER_INPUT", True)


async def test_payload_indexes(site, name):
    """Created once, seen, of one type only, and removed."""
    await site.data(CREATE, {"name": name, "size": 2})
    create = """
      mutation ($name: String!, $type: PayloadIndexType! = INTEGER) {
        createPayloadIndex(collection: $name, field: "a.b", type: $type) { changed }
      }
    """
    delete = """
      mutation ($name: String!) { deletePayloadIndex(collection: $name, field: "a.b") { changed } }
    """
    assert (await site.data(create, {"name": name}))["createPayloadIndex"]["changed"]
    assert not (await site.data(create, {"name": name}))["createPayloadIndex"]["changed"]
    code, message = await site.refused(create, {"name": name, "type": "KEYWORD"})
    assert (code, "indexed as integer" in message) == ("BAD_USER_INPUT", True)
    assert (await info(site, name))["payloadIndexes"] == [
        {"field": "a.b", "type": "integer", "pointCount": "0"}
    ]
    assert (await site.data(delete, {"name": name}))["deletePayloadIndex"]["changed"]
    assert not (await site.data(delete, {"name": name}))["deletePayloadIndex"]["changed"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"name": "", "size": 2}, "`name` is not a name"),
        ({"name": "a/b", "size": 2}, "`name` is not a name"),
        ({"name": "a" * 256, "size": 2}, "`name` is not a name"),
        ({"name": "bad"}, "no vector"),
        ({"name": "bad", "size": 0}, "`size` must be from 1 to 65536"),
        ({"name": "bad", "size": 65_537}, "`size` must be from 1 to 65536"),
        ({"name": "bad", "size": 2, "vectors": [{"name": "a", "size": 2}]}, "not both"),
        ({"name": "bad", "vectors": [{"name": "a", "size": 0}]}, "vectors[0].size"),
        ({"name": "bad", "vectors": [{"name": "", "size": 2}]}, "vectors[0].name"),
        ({"name": "bad", "vectors": [{"name": "a", "size": 2}] * 2}, "vectors[1].name"),
        ({"name": "bad", "size": 2, "sparse": ["a", "a"]}, "sparse[1]"),
        ({"name": "bad", "size": 2, "sparse": [f"s{n}" for n in range(33)]}, "at most 32"),
    ],
)
async def test_collections_that_cannot_be(site, variables, words):
    """What makes no collection is refused before the engine is asked."""
    code, message = await site.refused(CREATE, variables)
    assert code == "BAD_USER_INPUT"
    assert words in message


async def test_one_that_is_there(site, name):
    """Creating it again is the caller's mistake, and leaves it as it is."""
    await site.data(CREATE, {"name": name, "size": 2})
    code, message = await site.refused(CREATE, {"name": name, "size": 3})
    assert code == "BAD_USER_INPUT"
    assert name in message
    assert (await info(site, name))["vectors"][0]["size"] == 2


@pytest.mark.parametrize("document", EVERYTHING, ids=lambda text: text.split("(")[0].split()[2])
async def test_only_for_administrators(site, notes, document):
    """Without the role nothing is done: FORBIDDEN, or UNAUTHENTICATED for who has not signed in."""
    assert notes is None
    before = await site.source.administration.names()
    for role, wanted in (
        ("editor", "FORBIDDEN"),
        ("guest", "FORBIDDEN"),
        (None, "UNAUTHENTICATED"),
    ):
        answer = await site.ask(document, role=role)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {wanted}
        assert list((answer.get("data") or {"": None}).values()) == [None]
    assert await site.source.administration.names() == before


async def test_a_forbidden_field_beside_others(site, notes):
    """The fields that are allowed run, and the forbidden one has its error."""
    assert notes is None
    document = """
      mutation {
        upsertShapes(points: [{id: 1, vector: [1, 0, 0, 0]}]) { count }
        deleteCollection(collection: "shapes") { changed }
      }
    """
    answer = await site.ask(document, role="editor")
    assert answer["data"] == {"upsertShapes": {"count": 1}, "deleteCollection": None}
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_list_that_is_opened_in_part(site, name):
    """A field whose patterns open some collections shows only those."""
    await site.source.administration.ensure_collection(name, 2)
    await site.source.administration.ensure_collection("hidden", 2)
    found = await site.data("{ scratchCollections { name } }", role="guest")
    names = {one["name"] for one in found["scratchCollections"]}
    assert name in names
    assert all(one.startswith("scratch_") for one in names)
