"""Upserts through GraphQL over real HTTP: what is stored, found again, chunked and refused."""

from __future__ import annotations

import math

import pytest

from gateway.sources.qdrant.requests.change_arguments import MAX_PAYLOAD_BYTES

UPSERT = """
  mutation ($points: [NotePointInput!]!, $wait: Boolean! = true) {
    upsertNotes(points: $points, wait: $wait) { status count }
  }
"""
SHAPES = "mutation ($points: [ShapePointInput!]!) { upsertShapes(points: $points) { count } }"
SEARCH = """
  query ($text: String, $vector: [Float!], $id: ID, $in: String! = "jottings") {
    vectorSearch(collection: $in, text: $text, vector: $vector, id: $id) { id score payload }
  }
"""
POINTS = """
  query ($ids: [ID!]!, $in: String! = "jottings") {
    points(collection: $in, ids: $ids) { id payload vector }
  }
"""
ANY = """
  mutation ($in: String!, $points: [PointInput!]!) {
    upsertPoints(collection: $in, points: $points) { status count }
  }
"""


def full(number=1.0, size=256):
    """A vector of the size of notes."""
    return [number] + [0.5] * (size - 1)


async def stored(site, *ids, collection="jottings"):
    found = await site.data(POINTS, {"ids": list(ids), "in": collection})
    return found["points"]


async def count(site, collection="jottings"):
    found = await site.data(
        "query ($in: String!) { pointCount(collection: $in) }", {"in": collection}
    )
    return found["pointCount"]


@pytest.mark.usefixtures("notes")
async def test_upsert_then_search(site):
    """What was stored by text is found by what it means, by the next request."""
    points = [
        {
            "id": "1",
            "text": "Malware steals passwords saved in a browser.",
            "payload": {"stars": 5},
        },
        {"id": "2", "text": "The weather in the mountains was sunny."},
        {"id": "3", "text": "A recipe for soup with potatoes and leek."},
    ]
    written = await site.data(UPSERT, {"points": points}, role="editor")
    assert written == {"upsertNotes": {"status": "COMPLETED", "count": 3}}
    found = await site.data(SEARCH, {"text": "credentials stolen from web browsers"})
    assert next(hit["id"] for hit in found["vectorSearch"]) == "1"
    assert found["vectorSearch"][0]["payload"] == {"stars": 5}


@pytest.mark.usefixtures("notes")
async def test_a_payload_as_it_is_stored(site):
    """Every declared type arrives as JSON, enums by value, paths as nested objects."""
    payload = {
        "title": "tab\there",
        "mood": "BAD",
        "stars": 4,
        "weight": 0.5,
        "big": "9007199254740993",
        "owner": "7",
        "open": False,
        "written": "2024-05-06T07:08:09+00:00",
        "place": {"lat": 1.5, "lon": -2.5},
        "tags": ["a", "b"],
        "meta_lang": "en",
        "meta_depth_level": 3,
        "extra": {"free": [1, None, {"form": True}]},
    }
    await site.data(UPSERT, {"points": [{"id": "1", "vector": full(), "payload": payload}]})
    (point,) = await stored(site, "1")
    assert point["payload"] == {
        "title": "tab\there",
        "mood": "bad mood",
        "stars": 4,
        "weight": 0.5,
        "big": 9007199254740993,
        "owner": "7",
        "open": False,
        "written": "2024-05-06T07:08:09+00:00",
        "place": {"lat": 1.5, "lon": -2.5},
        "tags": ["a", "b"],
        "meta": {"lang": "en", "depth": {"level": 3}},
        "extra": {"free": [1, None, {"form": True}]},
    }


@pytest.mark.usefixtures("notes")
async def test_the_same_upsert_twice(site):
    """An upsert replaces points with the same ids, payload and all: sent again it changes nothing."""
    points = [
        {"id": "1", "vector": full(2.0), "payload": {"title": "one", "stars": 1}},
        {"id": "0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10", "vector": full()},
    ]
    await site.data(UPSERT, {"points": points})
    once = await stored(site, *(one["id"] for one in points))
    await site.data(UPSERT, {"points": points})
    assert await stored(site, *(one["id"] for one in points)) == once
    await site.data(UPSERT, {"points": [{"id": "1", "vector": full(), "payload": {"stars": 2}}]})
    (point,) = await stored(site, "1")
    assert point["payload"] == {"stars": 2}
    assert await count(site) == 2


@pytest.mark.usefixtures("notes")
async def test_without_waiting(site):
    """`wait: false` is answered with the status the engine gives."""
    points = [{"id": "1", "vector": full()}]
    written = await site.data(UPSERT, {"points": points, "wait": False})
    assert written["upsertNotes"]["status"] in {"ACKNOWLEDGED", "COMPLETED"}
    assert written["upsertNotes"]["count"] == 1


@pytest.mark.usefixtures("notes")
async def test_ten_thousand_points(site):
    """A batch of the largest size is stored whole, in chunks."""
    points = [
        {"id": str(number), "vector": [1.0, number / 10_000, 0.0, 0.0]} for number in range(10_000)
    ]
    written = await site.data(SHAPES, {"points": points})
    assert written == {"upsertShapes": {"count": 10_000}}
    assert await count(site, "shapes") == 10_000
    found = await site.data(SEARCH, {"vector": [0.0, 1.0, 0.0, 0.0], "in": "shapes"})
    assert [hit["id"] for hit in found["vectorSearch"]][:2] == ["9999", "9998"]
    points.append({"id": "10000", "vector": [1.0, 0.0, 0.0, 0.0]})
    code, message = await site.refused(SHAPES, {"points": points})
    assert (code, "give 1 to 10000" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"vector": [1.0] * 255}, "`points[1].vector` has 255 dimensions"),
        ({"vector": [1.0] * 257}, "`points[1].vector` has 257 dimensions"),
        ({"vector": []}, "[1].vector"),
        ({"vector": [1.0] * 1_000_000}, "[1].vector"),
        ({"vector": [1e300] + [0.0] * 255}, "`points[1].vector` holds NaN or an infinity"),
        ({"vector": ["1"] * 256}, "[1].vector"),
        ({"vector": [True] * 256}, "[1].vector"),
        ({"vector": 7}, "[1].vector"),
        ({}, "`points[1]` has neither vector nor text"),
        ({"vector": full(), "text": "both"}, "`points[1]` has vector and text"),
        ({"text": ""}, "`points[1].text` is empty"),
        ({"text": " \n"}, "`points[1].text` is empty"),
        ({"text": "a" * 8_193}, "`points[1].text` has 8193 characters; at most 8192"),
        ({"id": "x", "vector": full()}, "`points[1].id` is not a point id"),
        ({"id": "-1", "vector": full()}, "`points[1].id` is not a point id"),
        ({"id": "1", "vector": full()}, "`points[1].id` is that of `points[0]`"),
        ({"vector": full(), "payload": {"nosuch": 1}}, "nosuch"),
        ({"vector": full(), "payload": {"stars": "five"}}, "[1].payload.stars"),
        ({"vector": full(), "payload": {"mood": "SO_SO"}}, "[1].payload.mood"),
        (
            {"vector": full(), "payload": {"extra": 2**70}},
            "`points[1].payload` must be JSON that can be kept",
        ),
        (
            {"vector": full(), "payload": {"extra": 2**63}},
            "`points[1].payload` must be JSON that can be kept",
        ),
        (
            {"vector": full(), "payload": {"title": "x" * MAX_PAYLOAD_BYTES}},
            f"at most {MAX_PAYLOAD_BYTES} are allowed",
        ),
        (
            {"vector": full(), "vectors": [{"name": "other", "values": [1.0]}]},
            "`points[1].vectors[0].name` must be one of this collection's vectors: none",
        ),
    ],
)
@pytest.mark.usefixtures("notes")
async def test_points_that_are_refused(site, point, words):
    """A bad point is named by its place, and nothing of the batch is stored."""
    points = [{"id": "1", "vector": full()}, {"id": "2", **point}]
    code, message = await site.refused(UPSERT, {"points": points})
    assert code == "BAD_USER_INPUT"
    assert words in message
    assert await count(site) == 0


@pytest.mark.usefixtures("notes")
async def test_nothing_to_store(site):
    """An empty batch is refused."""
    code, message = await site.refused(UPSERT, {"points": []})
    assert (code, "`points` has 0 points" in message) == ("BAD_USER_INPUT", True)


async def test_collections_that_an_argument_names(site, name):
    """The live collection decides what fits: its size, its named and sparse vectors."""
    create = """
      mutation ($name: String!) {
        createCollection(name: $name, sparse: ["words"], vectors: [
          {name: "title", size: 3, distance: DOT}, {name: "body", size: 2}
        ]) { collection changed }
      }
    """
    assert await site.data(create, {"name": name}) == {
        "createCollection": {"collection": name, "changed": True}
    }
    point = {
        "id": "1",
        "vectors": [
            {"name": "title", "values": [1.0, 2.0, 3.0]},
            {"name": "body", "values": [3.0, 4.0]},
            {"name": "words", "indices": [5, 9], "values": [0.5, 2.0]},
        ],
        "payload": {"any": ["thing"]},
    }
    written = await site.data(ANY, {"in": name, "points": [point]})
    assert written == {"upsertPoints": {"status": "COMPLETED", "count": 1}}
    found = await site.data(
        """
          query ($in: String!) {
            points(collection: $in, ids: ["1"]) { payload vectors }
            vectorSearch(collection: $in, using: "words", sparse: {indices: [9], values: [1.5]}) {
              id score
            }
          }
        """,
        {"in": name},
    )
    (point,) = found["points"]
    assert point["payload"] == {"any": ["thing"]}
    assert point["vectors"]["title"] == [1.0, 2.0, 3.0]
    assert point["vectors"]["body"] == pytest.approx([0.6, 0.8])
    assert point["vectors"]["words"] == {"indices": [5, 9], "values": [0.5, 2.0]}
    assert found["vectorSearch"] == [{"id": "1", "score": 3.0}]
    for bad, words in (
        ({"vector": [1.0, 2.0, 3.0]}, "no vector without a name"),
        ({"text": "words"}, "no vector without a name"),
        ({"vectors": [{"name": "title", "values": [1.0]}]}, "[0].values` has 1 dimensions"),
        ({"vectors": [{"name": "none", "values": [1.0]}]}, "must be a dense vector there is"),
        (
            {"vectors": [{"name": "title", "indices": [1], "values": [1.0]}]},
            "must be a sparse vector there is: words",
        ),
        ({"vectors": [{"name": "words", "indices": [1, 1], "values": [1.0, 2.0]}]}, "indices"),
        ({"vectors": [{"name": "words", "indices": [1], "values": [1.0, 2.0]}]}, "indices"),
        ({"payload": {}}, "neither vector nor text"),
        ({"vector": [1.0], "payload": [1]}, "payload` must be an object"),
    ):
        code, message = await site.refused(ANY, {"in": name, "points": [{"id": "2", **bad}]})
        assert code == "BAD_USER_INPUT", message
        assert words in message
    assert await count(site, name) == 1


async def test_a_collection_that_is_not_there(site):
    """An unknown collection is the client's mistake, and named."""
    points = [{"id": "1", "vector": [1.0]}]
    code, message = await site.refused(ANY, {"in": "nowhere", "points": points})
    assert code == "BAD_USER_INPUT"
    assert "no collection 'nowhere'" in message
    code, message = await site.refused(ANY, {"in": "no/where", "points": points})
    assert (code, "name" in message) == ("BAD_USER_INPUT", True)


async def test_patterns_that_open_collections(site, name):
    """A generic field writes only where its patterns let it."""
    await site.source.administration.ensure_collection(name, 2)
    document = ANY.replace("upsertPoints", "upsertScratch")
    points = [{"id": "1", "vector": [1.0, 0.0]}]
    written = await site.data(document, {"in": name, "points": points}, role="guest")
    assert written["upsertScratch"]["count"] == 1
    code, message = await site.refused(document, {"in": "jottings", "points": points}, role="guest")
    assert (code, "one of those open here: scratch_*" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.usefixtures("notes")
async def test_numbers_arrive_whole(site):
    """Integers serve as numbers of a vector, and 32 bits of each number arrive."""
    points = [{"id": "1", "vector": [1, 0.1, -3, 0]}]
    await site.data(SHAPES, {"points": points})
    (point,) = await stored(site, "1", collection="shapes")
    assert point["vector"] == pytest.approx([1, 0.1, -3, 0], rel=1e-6)
    assert math.isclose(point["vector"][1], 0.1, rel_tol=1e-6)


@pytest.mark.usefixtures("notes")
async def test_within_other_fields(site):
    """Several writes of one operation run in order; one that fails leaves the others."""
    document = """
      mutation {
        first: upsertShapes(points: [{id: 1, vector: [1, 0, 0, 0]}]) { __typename made: count }
        bad: upsertPoints(collection: "nowhere", points: [{id: 1, vector: [1]}]) { count }
        last: upsertShapes(points: [{id: 2, vector: [1, 0, 0, 0]}]) { count }
      }
    """
    answer = await site.ask(document)
    assert answer["data"] == {
        "first": {"__typename": "VectorWrite", "made": 1},
        "bad": None,
        "last": {"count": 1},
    }
    (error,) = answer["errors"]
    assert error["path"] == ["bad"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    code, message = await site.refused(document.replace("mutation", "mutation @transaction", 1))
    assert (code, "cannot be part of a transaction" in message) == ("BAD_USER_INPUT", True)
