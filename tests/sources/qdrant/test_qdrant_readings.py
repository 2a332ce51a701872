"""Everything that is read beside a single search: together, grouped, counted, page by page."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models
from sources.qdrant.wishing import nearest_wish, search_wish
from toy.profiles import examples

from gateway.errors import Code, SourceDataError, SourceError, SourceRefused, SourceTimeout
from gateway.schema import asks
from gateway.schema.bindings import Vectors
from gateway.schema.vectors.keys import KEYS
from gateway.schema.vectors.reading import Reading
from gateway.sources.contract import Batch, Budget, Together
from gateway.sources.qdrant import (
    Distance,
    HitField,
    HitKind,
    PayloadIndex,
    Point,
    VectorCollection,
    prepare_hits,
)
from gateway.sources.qdrant.reads.shape import Hit, Shape
from gateway.sources.qdrant.requests.payload_paths import check_paths, selected

ID = HitField("id", HitKind.ID)
SCORE = HitField("score", HitKind.SCORE)
PLACE = HitField("payload", HitKind.PAYLOAD, fields=("place",))


@pytest.fixture
async def collection(source, collection_name):
    """Points 1 to 6 on a line, by dot product; two of them belong to each entity."""
    await source.administration.ensure_collection(
        collection_name,
        2,
        Distance.DOT,
        [PayloadIndex("place", "integer"), PayloadIndex("side", "keyword")],
    )
    points = [
        Point(
            number,
            [float(number), 1.0],
            {"place": number, "owner": (number + 1) // 2, "side": "ab"[number % 2]},
        )
        for number in range(1, 7)
    ]
    await source.bulk.store(collection_name, points)
    return VectorCollection(collection_name, size=2)


@pytest.fixture
def calls(source):
    """The questions of every engine call that ranks, noted as they are sent."""
    sent = []
    wire = source._session()._wire
    query = wire.query

    async def noted(collection, asks, seconds):
        sent.append((collection, list(asks)))
        return await query(collection, asks, seconds)

    wire.query = noted
    return sent


async def together(source, *parts, seconds=10.0):
    """Execute (prepared, keys, wish) as one; the values of each part."""
    prepared = Together("vectors", False, tuple(part[0] for part in parts))  # noqa: FBT003 - by_key
    arguments = tuple((keys, (wish,)) for _, keys, wish in parts)
    deadline = asyncio.get_running_loop().time() + seconds
    (answers,) = await source.execute(prepared, Batch((), arguments), Budget(deadline))
    return answers


async def read(source, ask, binding, values, *parts):
    """Read what is no list of hits; the decoded answer."""
    tree = asks.VectorRead(binding.reading, binding.collection, parts)
    prepared = source.prepare(tree, {})
    (value,) = await ask(source, prepared, arguments=(source.arguments(binding, values),))
    return orjson.loads(value)


def found(value):
    return [hit["id"] for hit in orjson.loads(value)]


async def test_all_travel_in_one_call(source, collection, calls):
    """Searches, recommendations and neighbours of a collection are one call, each answered."""
    search = prepare_hits("vectors", collection, (ID, SCORE))
    near = prepare_hits("vectors", collection, (ID,), by_key=True)
    recommend = source.arguments(
        Vectors(Reading.RECOMMEND, collection),
        {"positive": [{"id": 1}], "negative": [{"vector": [0, 1]}]},
    )
    answers = await together(
        source,
        (search, (), search_wish({"vector": [1, 0], "limit": 1})),
        (near, ((1,), (404,), (2,)), nearest_wish({"first": 1})),
        (search, (), recommend),
        (search, (), search_wish({"id": 6, "limit": 2})),
    )
    assert answers[0] == [b'[{"id":"6","score":6.0}]']
    assert [value and found(value) for value in answers[1]] == [["6"], None, ["6"]]
    assert found(answers[2][0])[0] == "6"
    assert found(answers[3][0]) == ["5", "4"]
    assert [len(asked) for _, asked in calls] == [6, 5]  # the second without the missing point


async def test_equal_questions_are_asked_once(source, collection, calls):
    """Whoever asks and whatever is shown: the engine is asked once, and each gets its own fields."""
    bare = prepare_hits("vectors", collection, (ID,))
    shown = prepare_hits("vectors", collection, (PLACE, HitField("vector", HitKind.VECTOR)))
    whole = prepare_hits("vectors", collection, (HitField("all", HitKind.PAYLOAD),))
    wish = search_wish({"vector": [1, 0], "limit": 1})
    answers = await together(source, (bare, (), wish), (shown, (), wish), (whole, (), wish))
    assert answers == [
        [b'[{"id":"6"}]'],
        [b'[{"payload":{"place":6},"vector":[6.0,1.0]}]'],
        [b'[{"all":{"owner":3,"place":6,"side":"a"}}]'],
    ]
    ((_, asked),) = calls
    (one,) = asked
    assert one.with_payload is True
    assert one.with_vectors


async def test_another_filter_is_another_question(source, collection, calls):
    """What differs in anything but what is shown is asked by itself."""
    search = prepare_hits("vectors", collection, (ID,))
    wishes = [
        search_wish({"vector": [1, 0], "limit": 1}),
        search_wish({"vector": [1, 0], "limit": 1, "filter": {"place": {"match": 1}}}),
        search_wish({"vector": [1, 0], "limit": 1, "offset": 1}),
    ]
    answers = await together(source, *((search, (), wish) for wish in wishes))
    assert [found(value) for (value,) in answers] == [["6"], ["1"], ["5"]]
    assert [len(asked) for _, asked in calls] == [3]


async def test_one_wrong_part_is_its_own_error(source, collection, calls):
    """A part the engine refuses fails alone; the others are asked again, once each."""
    search = prepare_hits("vectors", VectorCollection(collection.name), (ID,))
    known = source.administration.known
    real = await known.collection(collection.name, None)
    former = replace(real, dense={"": (3, "Dot")})  # the collection was made anew since
    known._found[collection.name] = (math.inf, former)
    answers = await together(
        source,
        (search, (), search_wish({"vector": [1, 0, 0], "limit": 1})),
        (search, (), search_wish({"id": 1, "limit": 1})),
        (search, (), search_wish({"text": "no embedder"})),
        (search, (), search_wish({"id": 404, "limit": 1})),
    )
    assert isinstance(answers[0][0], SourceDataError)
    assert found(answers[1][0]) == ["6"]
    assert answers[2][0].code == Code.BAD_USER_INPUT
    assert answers[3][0].code == Code.BAD_USER_INPUT
    assert all(name == collection.name for name, _ in calls)


async def test_a_batch_of_searches(source, collection, ask, calls):
    """Several searches of one field are one call; their order is kept, a missing point is named."""
    prepared = prepare_hits("vectors", collection, (ID,))
    binding = Vectors(Reading.BATCH, collection)
    wish = source.arguments(
        binding, {"searches": [{"vector": [1, 0], "limit": 1}, {"id": 6, "limit": 2}]}
    )
    (value,) = await ask(source, prepared, arguments=(wish,))
    assert orjson.loads(value) == [[{"id": "6"}], [{"id": "5"}, {"id": "4"}]]
    assert len(calls) == 1
    wish = source.arguments(binding, {"searches": [{"id": 1}, {"id": 404}]})
    with pytest.raises(SourceRefused, match=r"searches\[1\]\.id: collection .* no such point"):
        await ask(source, prepared, arguments=(wish,))


async def test_neighbours_by_a_key_in_the_payload(source, collection, ask, calls):
    """An entity's points are those that hold its key: their average counts, they are no hits."""
    bound = VectorCollection(collection.name, 2, entity_key="owner")
    hit = (ID, HitField("entity", HitKind.ENTITY, slot=0))
    prepared = prepare_hits("vectors", bound, hit, by_key=True)
    wish = nearest_wish({"first": 3})
    values = await ask(source, prepared, (3,), (404,), (1,), (3,), arguments=(wish,))
    assert values[0] == values[3]
    assert values[0] == (
        b'[{"id":"4","entity":\t[0,2]\t},{"id":"3","entity":\t[0,2]\t},'
        b'{"id":"2","entity":\t[0,1]\t}]'
    )
    assert values[1] is None
    assert found(values[2].replace(b"\t", b"")) == ["6", "5", "4"]
    assert len(calls) == 1
    narrow = nearest_wish({"first": 3, "filter": {"side": {"match": "a"}}})
    (value,) = await ask(source, prepared, (3,), arguments=(narrow,))
    assert found(value.replace(b"\t", b"")) == ["4", "2"]


async def test_groups(source, collection, ask):
    """The best groups first, each with its best hits; a missing point is the client's error."""
    binding = Vectors(Reading.GROUPS, collection)
    hits = asks.Part("hits", "hits", parts=(asks.Part("id", "id"),))
    parts = (asks.Part("k", "key"), hits)
    values = {"groupBy": "owner", "vector": [1, 0], "limit": 2, "groupSize": 1}
    assert await read(source, ask, binding, values, *parts) == [
        {"k": 3, "hits": [{"id": "6"}]},
        {"k": 2, "hits": [{"id": "4"}]},
    ]
    with pytest.raises(SourceRefused, match="no such point") as raised:
        await read(source, ask, binding, {"groupBy": "owner", "id": 404}, *parts)
    assert raised.value.code == Code.BAD_USER_INPUT


async def test_facets(source, collection, ask):
    """The most frequent values first; of equally frequent ones the first by name."""
    binding = Vectors(Reading.FACET, collection)
    parts = (asks.Part("value", "value"), asks.Part("count", "count"))
    values = {"key": "side", "filter": {"place": {"gt": 1}}}
    assert await read(source, ask, binding, values, *parts) == [
        {"value": "a", "count": 3},
        {"value": "b", "count": 2},
    ]


async def test_every_point_once_whatever_the_page(source, collection, ask):
    """Pages of any size hold all points once, in the order of ids, and know where they end."""
    await source.bulk.store(
        collection.name,
        [Point("ffffffff-ffff-ffff-ffff-ffffffffffff", [0.0, 0.0]), Point(2**64 - 1, [0.0, 0.0])],
    )
    binding = Vectors(Reading.PAGE, collection)
    info = (asks.Part("next", "hasNextPage"), asks.Part("end", "endCursor"))
    parts = (
        asks.Part("nodes", "nodes", parts=(asks.Part("id", "id"),)),
        asks.Part("info", "pageInfo", parts=info),
        asks.Part("total", "totalCount"),
    )
    for size in (1, 3, 8, 9):
        ids, after, more = [], None, True
        while more:
            page = await read(source, ask, binding, {"first": size, "after": after}, *parts)
            ids += [node["id"] for node in page["nodes"]]
            assert page["total"] == 8
            assert len(page["nodes"]) <= size
            more, after = page["info"]["next"], page["info"]["end"]
        assert ids == [*"123456", str(2**64 - 1), "f" * 8 + "-ffff" * 3 + "-" + "f" * 12]
        assert (await read(source, ask, binding, {"after": after}, *parts))["nodes"] == []
    nothing = await read(source, ask, binding, {"first": 0}, *parts)
    assert nothing["nodes"] == []
    assert nothing["info"] == {"next": True, "end": None}
    nothing = await read(source, ask, binding, {"first": 0}, parts[0])
    assert nothing == {"nodes": []}


async def test_a_point_without_a_vector_has_none(source, collection):
    """Others may have stored it; whoever fills the collection learns of vectors that there are."""
    bare = models.PointStruct(id=9, vector={}, payload={})
    deadline = asyncio.get_running_loop().time() + 10
    await source.administration.run(
        lambda client: client.upsert(collection.name, [bare], wait=True), deadline
    )
    found = await source.bulk.vectors(collection.name, [1, 9, 404], deadline)
    assert found == {1: [1.0, 1.0]}


READINGS = {
    Reading.FACET: {"key": "side"},
    Reading.GROUPS: {"groupBy": "owner", "vector": [1, 0]},
    Reading.POINTS: {"ids": ["1"]},
    Reading.COUNT: {},
    Reading.PAGE: {},
}


@pytest.mark.parametrize("reading", READINGS)
async def test_a_frozen_engine_costs_the_deadline(own_qdrant, source, collection, ask, reading):
    """Each reading ends in a typed error at its deadline, and works again afterwards."""
    binding, values = Vectors(reading, collection), READINGS[reading]
    tree = asks.VectorRead(reading, collection, ())
    prepared = source.prepare(tree, {})
    wish = source.arguments(binding, values)
    process = own_qdrant.processes["qdrant"]
    process.freeze()
    try:
        with pytest.raises(SourceTimeout):
            await ask(source, prepared, arguments=(wish,), seconds=0.3)
    finally:
        process.thaw()
    assert await ask(source, prepared, arguments=(wish,))


@pytest.mark.parametrize("reading", READINGS)
async def test_an_unknown_collection(source, ask, reading):
    """It is the client's error where an argument named it, and the operator's where a binding did."""
    values = READINGS[reading]
    for binding, code in (
        (Vectors(reading, None, opened=("*",)), Code.BAD_USER_INPUT),
        (Vectors(reading, VectorCollection("nobody")), Code.SOURCE_ERROR),
    ):
        tree = asks.VectorRead(reading, binding.collection, ())
        wish = source.arguments(binding, {**values, "collection": "nobody"})
        prepared = source.prepare(tree, {})
        with pytest.raises(SourceError) as raised:
            await ask(source, prepared, arguments=(wish,))
        assert raised.value.code == code


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("xyz", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
STEPS = st.builds(lambda name, lists: name + "[]" * lists, NAMES, st.integers(0, 2))
PATHS = st.lists(st.lists(STEPS, min_size=1, max_size=3).map(".".join), max_size=4, unique=True)


@pytest.fixture(scope="module")
def local():
    """The client's local mode, which selects as the server does."""
    client = QdrantClient(":memory:")
    client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
    yield client
    client.close()


@given(st.dictionaries(NAMES, VALUES, max_size=3), PATHS.map(tuple))
@examples(150)
def test_the_same_selection_as_the_engine(local, payload, paths):
    """What the gateway shows of a payload is what the engine would have sent."""
    local.upsert("c", [models.PointStruct(id=1, vector=[1.0], payload=payload)])
    wish = models.PayloadSelectorInclude(include=list(paths))
    (record,) = local.retrieve("c", [1], with_payload=wish)
    assert selected(payload, check_paths(paths)) == (record.payload or {})


async def test_a_facet_without_an_index_is_a_typed_error(source, collection, ask):
    """What the engine refuses to count is that field's error, in its words about the request."""
    with pytest.raises(SourceError) as raised:
        await read(source, ask, Vectors(Reading.FACET, collection), {"key": "owner"})
    assert raised.value.code in {Code.SOURCE_DATA, Code.SOURCE_ERROR}


@pytest.mark.parametrize(
    ("kind", "held", "key"),
    [
        ("IntID", 7, b"7"),
        ("IntID", "8", b"8"),
        ("IntID", "x", None),
        ("BigInt", 2**63, None),
        ("IntID", True, None),
        ("TextID", 7, b'"7"'),
        ("TextID", "a\tb", b'"a\\tb"'),
        (
            "UUIDID",
            "0198C9A2-54FF-7E63-A2A4-3AE3B1AD2B10",
            b'"0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10"',
        ),
        ("UUIDID", 7, None),
        ("UUID", "nonsense", None),
        ("TextID", [1], None),
    ],
)
def test_a_key_has_the_type_of_its_entity(kind, held, key):
    """What cannot be a key of the entity is no row, and fails no other."""
    shape = Shape((HitField("row", HitKind.ENTITY, slot=2),), entity_key="owner", key=KEYS[kind])
    written = shape.encode([Hit(1, 0.5, {"owner": held}, None)])
    hole = b"null" if key is None else b"\t[2," + key + b"]\t"
    assert written == b'[{"row":' + hole + b"}]"
