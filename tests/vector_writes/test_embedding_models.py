"""Vectors of different models are never compared: the collection remembers which made its own."""

from __future__ import annotations

import logging

import pytest
from embedding.openai_service import DIMENSIONS, KEY, MODEL, Fault, answer_of, serving
from points_site import served

from gateway.embedding.local import LocalEmbedder
from gateway.sources.qdrant import Distance

UPSERT = """
  mutation ($in: String!, $points: [PointInput!]!) {
    upsertPoints(collection: $in, points: $points) { count }
  }
"""
SEARCH = """
  query ($in: String!, $text: String, $vector: [Float!]) {
    vectorSearch(collection: $in, text: $text, vector: $vector) { id }
  }
"""


def settings_of(service):
    """Embedding by the toy service."""
    return {
        "PLAIT_EMBEDDING_KIND": "http",
        "PLAIT_EMBEDDING_BASE_URL": service.url,
        "PLAIT_EMBEDDING_API_KEY": KEY,
        "PLAIT_EMBEDDING_MODEL": MODEL,
        "PLAIT_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    }


@pytest.fixture(scope="module")
async def service():
    async with serving() as running:
        yield running


@pytest.fixture(scope="module")
async def site(qdrant_endpoint, service):
    """A gateway whose texts go to the service."""
    async with served(qdrant_endpoint, **settings_of(service)) as running:
        yield running


@pytest.fixture
async def fresh(site, name):
    """A collection that was made for text by the service's model."""
    name = f"model_{name}"
    await site.source.administration.delete_collection(name)
    create = "mutation ($name: String!) { createCollection(name: $name, text: true) { changed } }"
    await site.data(create, {"name": name})
    return name


async def test_text_through_the_service(site, service, fresh):
    """Points and searches by text meet: equal texts are nearest, and are embedded once."""
    points = [{"id": str(number), "text": f"text {number}"} for number in range(100)]
    await site.data(UPSERT, {"in": fresh, "points": points})
    before = len(service.asked)
    found = await site.data(SEARCH, {"in": fresh, "text": "text 42"})
    assert found["vectorSearch"][0] == {"id": "42"}
    assert len(service.asked) == before
    assert all(len(batch) <= 64 for batch in service.asked)


async def test_another_model_is_refused(site, service, name):
    """Search and upsert by text name both models; by vector the collection serves as ever."""
    await site.source.administration.ensure_collection(
        name, DIMENSIONS, Distance.DOT, model="the-old-model"
    )
    asked = len(service.asked)
    for document, variables in (
        (SEARCH, {"in": name, "text": "anything"}),
        (UPSERT, {"in": name, "points": [{"id": "1", "text": "anything"}]}),
    ):
        code, message = await site.refused(document, variables)
        assert code == "CONFIGURATION"
        assert "the-old-model (8 dimensions)" in message
        assert f"{MODEL} (8 dimensions)" in message
        assert "build the collection anew" in message
    assert len(service.asked) == asked
    vector = [1.0] * DIMENSIONS
    await site.data(UPSERT, {"in": name, "points": [{"id": "1", "vector": vector}]})
    found = await site.data(SEARCH, {"in": name, "vector": vector})
    assert found == {"vectorSearch": [{"id": "1"}]}


async def test_a_collection_built_anew(site, name):
    """Once it is made with the right model, it is served without a restart."""
    administration = site.source.administration
    await administration.ensure_collection(name, DIMENSIONS, model="the-old-model")
    assert (await site.refused(SEARCH, {"in": name, "text": "a"}))[0] == "CONFIGURATION"
    await administration.delete_collection(name)
    await administration.ensure_collection(name, DIMENSIONS, model=MODEL)
    assert await site.data(SEARCH, {"in": name, "text": "a"}) == {"vectorSearch": []}


async def test_a_collection_nobody_said_a_model_of(site, name):
    """Without a remembered model only the dimensions must fit."""
    await site.source.administration.ensure_collection(name, DIMENSIONS)
    await site.data(UPSERT, {"in": name, "points": [{"id": "1", "text": "a"}]})
    assert await site.data(SEARCH, {"in": name, "text": "a"}) == {"vectorSearch": [{"id": "1"}]}
    other = f"{name}_wide"
    await site.source.administration.ensure_collection(other, 5)
    code, message = await site.refused(UPSERT, {"in": other, "points": [{"id": "1", "text": "a"}]})
    assert (code, "makes 8 dimensions" in message) == ("CONFIGURATION", True)


async def test_start_up_and_readiness_tell(qdrant_endpoint, service, caplog):
    """A bound collection of another model is logged when the gateway starts, and it starts.

    Readiness names it, both models and the remedy until the collection is made anew.
    """
    async with served(qdrant_endpoint) as local:
        administration = local.source.administration
        await administration.delete_collection("jottings")
        await administration.ensure_collection("jottings", 256, model=LocalEmbedder.model)
    with caplog.at_level(logging.WARNING, "gateway"):
        async with served(qdrant_endpoint, **settings_of(service)) as site:
            ready = await site.client.get("/health/ready")
            await site.source.administration.delete_collection("jottings")
            after = await site.client.get("/health/ready")
    assert ready.status_code == 200
    entry = ready.json()["sources"]["qdrant:embedding model"]
    assert (entry["ready"], entry["required"]) == (False, False)
    (logged,) = [line for line in caplog.messages if line.startswith("qdrant:embedding model")]
    for told in (logged, entry["detail"]):
        assert "'jottings'" in told
        assert LocalEmbedder.model in told
        assert MODEL in told
        assert "plait sync --repair jottings" in told
    assert "qdrant:embedding model" not in after.json()["sources"]


async def test_a_declared_collection_that_is_not_there(qdrant_endpoint, caplog):
    """The client who did not name it is not blamed; start-up and readiness name it until it is."""
    async with served(qdrant_endpoint) as site:
        await site.source.administration.delete_collection("jottings")
    with caplog.at_level(logging.WARNING, "gateway"):
        async with served(qdrant_endpoint) as site:
            ready = await site.client.get("/health/ready")
            for write in ('upsertNotes(points: [{id: 1, text: "a"}])', "deleteNotes(ids: [1])"):
                code, message = await site.refused(f"mutation {{ {write} {{ count }} }}")
                assert code == "SOURCE_ERROR", message
                assert "has no collection 'jottings', which the domain names" in message
            await site.source.administration.ensure_collection("jottings", 256)
            after = await site.client.get("/health/ready")
    assert ready.status_code == 200
    entry = ready.json()["sources"]["qdrant:collections"]
    assert (entry["ready"], entry["required"]) == (False, False)
    assert "no collection 'jottings'" in entry["detail"]
    assert any("no collection 'jottings'" in line for line in caplog.messages)
    assert "jottings" not in after.json()["sources"].get("qdrant:collections", {}).get("detail", "")


async def test_a_service_that_fails(site, service, fresh):
    """Its failure is the field's alone; what earlier chunks stored is told, and may be sent again."""
    service.faults += [Fault(401)]
    both = """
      query ($in: String!) {
        vectorSearch(collection: $in, text: "never embedded before") { id }
        pointCount(collection: $in)
      }
    """
    answer = await site.ask(both, {"in": fresh})
    assert answer["data"] == {"vectorSearch": None, "pointCount": 0}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "CONFIGURATION"
    service.faults.clear()
    points = [{"id": str(number), "text": f"{fresh} {number}"} for number in range(300)]
    service.refused.add(f"{fresh} 299")
    answer = await site.ask(UPSERT, {"in": fresh, "points": points})
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "SOURCE_DATA", "stored": 256}
    assert "256 of 300 points are stored" in error["message"]
    service.refused.clear()
    assert (await site.data(UPSERT, {"in": fresh, "points": points}))["upsertPoints"][
        "count"
    ] == 300


async def test_a_text_that_means_nothing(site, service, fresh):
    """A text whose vector is all zeros is refused, by its place."""
    service.faults.append(Fault(body=answer_of([1.0] * DIMENSIONS, [0.0] * DIMENSIONS)))
    points = [{"id": "1", "text": f"{fresh} fine"}, {"id": "2", "text": f"{fresh} nothing"}]
    code, message = await site.refused(UPSERT, {"in": fresh, "points": points})
    assert code == "BAD_USER_INPUT"
    assert message.startswith("`points[1].text` holds nothing")
