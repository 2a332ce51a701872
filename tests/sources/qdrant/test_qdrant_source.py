"""The Qdrant adapter on the real engine: contract, searches, neighbours, writes."""

from __future__ import annotations

import asyncio
import json
import random
from uuid import UUID

import orjson
import pytest
from qdrant_client import models
from sources.contract import SourceContract, Subject
from sources.qdrant.wishing import nearest_wish, search_wish

from gateway.embedding.local import LocalEmbedder
from gateway.errors import (
    Code,
    ConfigurationError,
    SourceDataError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.qdrant import (
    Distance,
    HitField,
    HitKind,
    Nearest,
    PayloadIndex,
    Point,
    QdrantSource,
    Search,
    VectorCollection,
    parse_filter,
    prepare_hits,
)

SECRET = "a-wrong-key"
ID = HitField("id", HitKind.ID)
FULL = (
    HitField("__typename", HitKind.TYPENAME, text="TrendHit"),
    ID,
    HitField("score", HitKind.SCORE),
    HitField("payload", HitKind.PAYLOAD),
    HitField("vector", HitKind.VECTOR),
    HitField("trend", HitKind.ENTITY, slot=3),
)
UUID_ID = "0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10"


def one_hot(position, size=8, scale=1.0):
    """A vector along one axis: dot products with it are exact."""
    return [scale if index == position else 0.0 for index in range(size)]


def ids_of(value):
    """The ids of an encoded array of hits."""
    return [hit["id"] for hit in orjson.loads(value)]


@pytest.fixture
async def collection(source, collection_name):
    """Points 1 to 6 on a line, by dot product; their payload says where."""
    await source.administration.ensure_collection(
        collection_name, 2, Distance.DOT, [PayloadIndex("place", "integer")]
    )
    points = [
        Point(number, [float(number), 1.0], {"place": number, "tab\t": ["a\tb"], "ok": True})
        for number in range(1, 7)
    ]
    await source.bulk.store(collection_name, points)
    return VectorCollection(collection_name, size=2)


class TestContract(SourceContract):
    """The source contract, for neighbours of stored points."""

    @pytest.fixture
    async def subject(self, own_qdrant, connect, source, collection):
        prepared = prepare_hits("vectors", collection, (ID,), by_key=True)
        present = {
            (number,): json.dumps(
                [{"id": str(other)} for other in (6, 5, 4, 3, 2, 1) if other != number],
                separators=(",", ":"),
            ).encode()
            for number in range(1, 7)
        }
        return Subject(
            source=source,
            prepared=prepared,
            present=present,
            missing=(404,),
            missing_value=None,
            engines=own_qdrant,
            engine="qdrant",
            intruder=connect(api_key=SECRET),
            secret=SECRET,
        )


async def test_a_hit_in_every_kind(source, collection, ask):
    """Every kind of field, in the order asked for, under the response keys asked for."""
    prepared = prepare_hits("vectors", collection, FULL)
    search = search_wish({"vector": [1, 0], "limit": 1})
    (value,) = await ask(source, prepared, arguments=(search,))
    assert value == (
        b'[{"__typename":"TrendHit","id":"6","score":6.0,'
        b'"payload":{"ok":true,"place":6,"tab\\t":["a\\tb"]},"vector":[6.0,1.0],'
        b'"trend":\t[3,6]\t}]'
    )


async def test_tabs_only_around_holes(source, collection, ask):
    """A tab in a payload is escaped: the engine finds holes by raw tabs alone."""
    prepared = prepare_hits("vectors", collection, FULL[:5])
    (value,) = await ask(source, prepared, arguments=(Search(vector=(1.0, 0.0)),))
    assert b"\t" not in value


async def test_uuid_points(source, collection, ask):
    """A point stored under a UUID is found by it and names its entity by text."""
    await source.bulk.store(collection.name, [Point(UUID_ID, [100.0, 0.0])])
    hit = (ID, HitField("trend", HitKind.ENTITY, slot=0))
    search = prepare_hits("vectors", collection, hit)
    (value,) = await ask(source, search, arguments=(search_wish({"vector": [1, 0], "limit": 1}),))
    assert value == b'[{"id":"%b","trend":\t[0,"%b"]\t}]' % ((UUID_ID.encode(),) * 2)
    nearest = prepare_hits("vectors", collection, (ID,), by_key=True)
    for key in (UUID_ID, UUID_ID.upper(), UUID(UUID_ID)):
        (value,) = await ask(source, nearest, (key,), arguments=(Nearest(limit=2),))
        assert ids_of(value) == ["6", "5"]


async def test_entity_key_in_the_payload(source, collection, ask):
    """The declared payload field names the entity, and shows only where it was asked for."""
    bound = VectorCollection(collection.name, size=2, entity_key="place")
    search = search_wish({"vector": [1, 0], "limit": 1})
    entity = HitField("trend", HitKind.ENTITY, slot=1)
    prepared = prepare_hits("vectors", bound, (entity,))
    assert await ask(source, prepared, arguments=(search,)) == [b'[{"trend":\t[1,6]\t}]']
    only = HitField("payload", HitKind.PAYLOAD, fields=("ok",))
    prepared = prepare_hits("vectors", bound, (entity, only))
    (value,) = await ask(source, prepared, arguments=(search,))
    assert value == b'[{"trend":\t[1,6]\t,"payload":{"ok":true}}]'
    absent = VectorCollection(collection.name, size=2, entity_key="nowhere")
    prepared = prepare_hits("vectors", absent, (entity,))
    assert await ask(source, prepared, arguments=(search,)) == [b'[{"trend":null}]']


async def test_payload_fields(source, collection, ask):
    """Only the named payload fields travel; none when the payload is not selected."""
    search = search_wish({"vector": [1, 0], "limit": 1})
    for wish, shown in ((("place",), {"place": 6}), ((), {}), (("no", "ok"), {"ok": True})):
        payload = HitField("p", HitKind.PAYLOAD, fields=wish)
        prepared = prepare_hits("vectors", collection, (payload,))
        (value,) = await ask(source, prepared, arguments=(search,))
        assert orjson.loads(value) == [{"p": shown}]
    assert prepare_hits("vectors", collection, (ID,)).with_payload is False


async def test_limit_offset_threshold_filter(source, collection, ask):
    """Each argument does what it says."""
    prepared = prepare_hits("vectors", collection, (ID,))

    async def found(**arguments):
        (value,) = await ask(source, prepared, arguments=(search_wish(arguments),))
        return ids_of(value)

    assert await found(vector=[1, 0]) == ["6", "5", "4", "3", "2", "1"]
    assert await found(vector=[1, 0], limit=2, offset=1) == ["5", "4"]
    assert await found(vector=[1, 0], scoreThreshold=4.5) == ["6", "5"]
    assert await found(vector=[1, 0], filter={"place": {"lte": 2}}) == ["2", "1"]
    assert await found(vector=[1, 0], offset=100) == []


async def test_more_like_this_excludes_itself(source, collection, ask):
    """A search by id finds everything but the point; an unknown id is the client's mistake."""
    prepared = prepare_hits("vectors", collection, (ID,))
    (value,) = await ask(source, prepared, arguments=(search_wish({"id": "5", "limit": 2}),))
    assert ids_of(value) == ["6", "4"]
    with pytest.raises(SourceRefused, match="no such point") as raised:
        await ask(source, prepared, arguments=(search_wish({"id": 77}),))
    assert raised.value.code is Code.BAD_USER_INPUT


async def test_neighbours_with_arguments(source, collection, ask):
    """Limit, threshold and filter hold for every key of the batch."""
    prepared = prepare_hits("vectors", collection, (ID,), by_key=True)
    wish = nearest_wish({"first": 1, "filter": {"mustNot": [{"place": {"match": 6}}]}})
    values = await ask(source, prepared, (1,), ("x",), (5,), (-3,), arguments=(wish,))
    assert values == [b'[{"id":"5"}]', None, b'[{"id":"4"}]', None]
    (value,) = await ask(source, prepared, (2,), arguments=(Nearest(score_threshold=1e9),))
    assert value == b"[]"


async def test_a_composite_key_names_no_point(source, collection, ask):
    """A point has one id; an entity with two key columns cannot be looked up."""
    prepared = prepare_hits("vectors", collection, (ID,), by_key=True)
    with pytest.raises(SourceRefused) as raised:
        await ask(source, prepared, (1, 2))
    assert raised.value.code is Code.CONFIGURATION


async def test_dimensions_are_looked_up_where_not_declared(source, collection, ask):
    """A wrong dimension is refused by the gateway, as the client's mistake, either way."""
    for bound in (collection, VectorCollection(collection.name)):
        prepared = prepare_hits("vectors", bound, (ID,))
        with pytest.raises(SourceRefused, match=r"3 dimensions.* have 2") as raised:
            await ask(source, prepared, arguments=(Search(vector=(1.0, 2.0, 3.0)),))
        assert raised.value.code is Code.BAD_USER_INPUT


async def test_a_collection_made_anew_with_other_dimensions(source, collection, ask):
    """Dimensions looked up once are looked up again after the engine disagrees."""
    prepared = prepare_hits("vectors", VectorCollection(collection.name), (ID,))
    await ask(source, prepared, arguments=(Search(vector=(1.0, 0.0)),))
    client = source._session()._wire.client  # as somebody else would, whom nobody here has seen
    await client.delete_collection(collection.name)
    vectors = models.VectorParams(size=3, distance=models.Distance.DOT)
    await client.create_collection(collection.name, vectors_config=vectors)
    with pytest.raises(SourceDataError):
        await ask(source, prepared, arguments=(Search(vector=(1.0, 0.0)),))
    assert await ask(source, prepared, arguments=(Search(vector=(1.0, 0.0, 0.0)),)) == [b"[]"]


async def test_an_unknown_collection(source, ask):
    """A typed error that names the collection."""
    prepared = prepare_hits("vectors", VectorCollection("nowhere", 2), (ID,))
    with pytest.raises(SourceRefused, match="nowhere"):
        await ask(source, prepared, arguments=(Search(vector=(1.0, 0.0)),))
    nearest = prepare_hits("vectors", VectorCollection("nowhere"), (ID,), by_key=True)
    with pytest.raises(SourceRefused, match="nowhere"):
        await ask(source, nearest, (1,))


async def test_an_unknown_collection_that_the_domain_names(connect, ask):
    """By text the collection is looked at first; its absence is no fault of the client's."""
    embedder = LocalEmbedder()
    source = connect(embedder=embedder)
    await source.open()
    prepared = prepare_hits("vectors", VectorCollection("nowhere", 256), (ID,))
    try:
        with pytest.raises(SourceRefused, match="no collection 'nowhere', which") as refused:
            await ask(source, prepared, arguments=(Search(text="a"),))
    finally:
        await source.close()
        embedder.close()
    assert refused.value.code is Code.SOURCE_ERROR


async def test_a_source_that_is_not_open(connect, collection, ask):
    """Before `open` and after `close`: unavailable, and not ready."""
    subject = connect()
    prepared = prepare_hits("vectors", collection, (ID,))
    with pytest.raises(SourceUnavailable):
        await ask(subject, prepared, arguments=(Search(vector=(1.0, 0.0)),))
    await subject.open()
    await subject.close()
    await subject.close()
    with pytest.raises(SourceUnavailable):
        await ask(subject, prepared, arguments=(Search(vector=(1.0, 0.0)),))


@pytest.mark.parametrize(
    "url", ["", "localhost", "ftp://h", "http://", "http://u:pw@h", "http://h:x"]
)
def test_a_bad_address_is_not_repeated(url):
    """Start-up names the source and not the address, which may hold a password."""
    with pytest.raises(ConfigurationError, match="'vectors'") as raised:
        QdrantSource("vectors", url)
    assert "pw" not in raised.value.message


async def test_text_needs_an_embedder(source, collection, ask):
    """Without one, text is refused with what can be done instead."""
    prepared = prepare_hits("vectors", collection, (ID,))
    with pytest.raises(SourceRefused, match="`vector` or `id`") as raised:
        await ask(source, prepared, arguments=(search_wish({"text": "hello"}),))
    assert raised.value.code is Code.BAD_USER_INPUT


async def test_search_by_text(connect, collection_name, collection, ask):
    """Text is embedded by the source's model; what the model cannot place is refused."""
    embedder = LocalEmbedder()
    source = connect(embedder=embedder)
    await source.open()
    try:
        texts = ["theft of browser passwords", "phishing mail", "a recipe for apple pie"]
        name = f"{collection_name}_text"
        vectors = await embedder.embed(texts, asyncio.get_running_loop().time() + 60)
        await source.administration.ensure_collection(name, 256, model=embedder.model)
        await source.bulk.store(
            name, [Point(number, vector) for number, vector in enumerate(vectors)]
        )
        bound = VectorCollection(name)
        prepared = prepare_hits("vectors", bound, (ID,))
        for text, best in (("steal saved credentials in chrome", "0"), ("baking fruit cake", "2")):
            (value,) = await ask(source, prepared, arguments=(search_wish({"text": text}),))
            assert ids_of(value)[0] == best
        with pytest.raises(SourceRefused, match="other words") as raised:
            await ask(source, prepared, arguments=(Search(text=""),))
        assert raised.value.code is Code.BAD_USER_INPUT
        small = prepare_hits("vectors", collection, (ID,))
        with pytest.raises(SourceRefused, match="makes 256 dimensions") as raised:
            await ask(source, small, arguments=(search_wish({"text": "hello"}),))
        assert raised.value.code is Code.CONFIGURATION
    finally:
        await source.close()
        embedder.close()


async def test_recall_of_more_like_this(source, collection_name, ask):
    """Neighbours in the engine are those that exact arithmetic gives."""
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    vectors = [[chance.gauss(0, 1) for _ in range(32)] for _ in range(400)]
    await source.administration.ensure_collection(collection_name, 32, Distance.DOT)
    points = [Point(number, vector) for number, vector in enumerate(vectors)]
    await source.bulk.store(collection_name, points)
    prepared = prepare_hits("vectors", VectorCollection(collection_name), (ID,), by_key=True)
    keys = [(number,) for number in range(0, 400, 40)]
    values = await ask(source, prepared, *keys, arguments=(Nearest(limit=10),))
    for (number,), value in zip(keys, values, strict=True):
        products = {
            other: sum(a * b for a, b in zip(vectors[number], vector, strict=True))
            for other, vector in enumerate(vectors)
            if other != number
        }
        best = sorted(products, key=products.__getitem__, reverse=True)[:10]
        assert ids_of(value) == [str(other) for other in best]


async def test_ensure_collection_twice(source, collection_name):
    """The second time nothing is made; another size, distance or model is refused by name."""
    ensure = source.administration.ensure_collection
    indexes = [PayloadIndex("state", "keyword")]
    assert await ensure(collection_name, 4, payload_indexes=indexes, model="a") is True
    assert await ensure(collection_name, 4, payload_indexes=indexes, model="a") is False
    with pytest.raises(ConfigurationError, match="4"):
        await ensure(collection_name, 5)
    with pytest.raises(ConfigurationError, match="Cosine"):
        await ensure(collection_name, 4, Distance.DOT)
    with pytest.raises(ConfigurationError, match="embedding model a, expected b"):
        await ensure(collection_name, 4, model="b")


async def test_writes_count_and_delete(source, collection):
    """Counted by filter, deleted by ids; absent ones are ignored."""
    admin = source.administration
    low = parse_filter({"place": {"lte": 2}})
    assert await admin.count(collection.name) == 6
    assert await admin.count(collection.name, low) == 2
    await source.bulk.remove(collection.name, [6, 999], asyncio.get_running_loop().time() + 10)
    assert await admin.count(collection.name) == 5


async def test_writes_keep_the_deadline(own_qdrant, source, collection):
    """A frozen engine costs a write its deadline, not more."""
    process = own_qdrant.processes["qdrant"]
    process.freeze()
    try:
        deadline = asyncio.get_running_loop().time() + 0.3
        with pytest.raises(SourceTimeout):
            await source.bulk.store(collection.name, [Point(9, [1.0, 1.0])], deadline)
    finally:
        process.thaw()


async def test_a_silent_engine_is_spared(own_qdrant, source, collection):
    """Late, and silent when asked again: calls fail at once, until it answers by itself."""
    process = own_qdrant.processes["qdrant"]
    loop = asyncio.get_running_loop()
    process.freeze()
    try:
        with pytest.raises(SourceTimeout):
            await source.administration.count(collection.name, deadline=loop.time() + 0.1)
        async with asyncio.timeout(10):
            while not source.figures()["breaker_open"]:  # noqa: ASYNC110 - it offers no event
                await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            with pytest.raises(SourceUnavailable):
                await source.administration.count(collection.name, deadline=loop.time() + 60)
    finally:
        process.thaw()
    async with asyncio.timeout(10):
        while source.figures()["breaker_open"]:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
    assert await source.administration.count(collection.name) == 6


def test_descriptions_show_the_call(connect, collection_name):
    """What `explain` prints: the call, the collection, what is fetched."""
    bound = VectorCollection(collection_name, 2, entity_key="trend_id")
    hit = (ID, HitField("trend", HitKind.ENTITY, slot=0))
    prepared = prepare_hits("vectors", bound, hit)
    assert connect().describe(prepared) == {
        "engine": "qdrant",
        "call": "query_batch_points",
        "near": "vector, text or id",
        "collection": collection_name,
        "using": None,
        "with_payload": ["trend_id"],
        "with_vectors": False,
        "hit": {"id": "id", "trend": "entity"},
    }
