"""Documents by their names: automatic persisted queries as Apollo's clients use them, and manifests."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json

import pytest
from graphql import build_schema
from telemetry.shelf import ask, reserved, served

from gateway.documents.persisted import NamedDocuments
from gateway.documents.refusal import InvalidDocument
from gateway.documents.store import DocumentStore
from gateway.documents.trusted import read_manifest
from gateway.errors import Code, ConfigurationError, RequestError, SourceUnavailable
from gateway.execution.exchange import GraphQLRequest

SCHEMA = build_schema("type Query { a: Int b: Int }")
_numbers = itertools.count(1)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def asked(text, **more):
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}, **more}


@pytest.fixture
def store():
    return DocumentStore(SCHEMA)


@pytest.fixture
async def make(store):
    made = []

    def one(**options):
        named = NamedDocuments(store, **{"most_bytes": 1 << 20, **options})
        made.append(named)
        return named

    yield one
    for named in made:
        await named.close()


async def load(named, text="", extensions=None, name=None, seconds=10.0):
    deadline = asyncio.get_running_loop().time() + seconds
    return await named.load(GraphQLRequest(text, None, None, extensions, name), deadline)


async def refusal(named, *given, **options):
    with pytest.raises(RequestError) as caught:
        await load(named, *given, **options)
    return caught.value.code


async def test_a_hash_is_asked_for_then_known(make):
    """Unknown at first; after it came with its document the hash alone will do."""
    named = make()
    assert await refusal(named, extensions=asked("{ a }")) is Code.PERSISTED_QUERY_NOT_FOUND
    sent = await load(named, "{ a }", asked("{ a }"))
    assert await load(named, extensions=asked("{ a }")) is sent
    assert await load(named, name=f"sha256:{digest('{ a }')}") is sent
    assert named.figures()["hits"] == 2


async def test_a_wrong_hash_poisons_nothing(make):
    """A document comes under its own hash or not at all."""
    named = make()
    assert await refusal(named, "{ b }", asked("{ a }")) is Code.BAD_REQUEST
    assert await refusal(named, extensions=asked("{ a }")) is Code.PERSISTED_QUERY_NOT_FOUND


async def test_only_valid_documents_are_kept(make):
    """What cannot run takes no room."""
    named = make()
    with pytest.raises(InvalidDocument):
        await load(named, "{ c }", asked("{ c }"))
    assert named.figures()["entries"] == 0


@pytest.mark.parametrize(
    "extension",
    [1, "x", {}, {"version": 2, "sha256Hash": "a"}, {"version": 1}, {"version": 1, "sha256Hash": 1},
     {"version": 1, "sha256Hash": ""}],
)  # fmt: skip
async def test_what_is_no_persisted_query_is_refused(make, extension):
    """Each form that is not the protocol's is a bad request."""
    assert await refusal(make(), extensions={"persistedQuery": extension}) is Code.BAD_REQUEST


async def test_nothing_at_all_is_refused(make):
    """A request must say what it wants."""
    assert await refusal(make(), extensions={"other": 1}) is Code.BAD_REQUEST


async def test_memory_is_bounded(make):
    """The longest unused go first."""
    named = make(most_bytes=5_000)
    texts = ["{ a " + "#" * 900 + f"{n}\n}}" for n in range(10)]
    await load(named, texts[0], asked(texts[0]))
    for text in texts[1:]:
        await load(named, text, asked(text))
        await load(named, extensions=asked(texts[0]))
    figures = named.figures()
    assert figures["bytes"] <= 5_000
    assert 2 <= figures["entries"] < 10
    assert await refusal(named, extensions=asked(texts[1])) is Code.PERSISTED_QUERY_NOT_FOUND
    assert await load(named, extensions=asked(texts[9]))


async def test_off_is_said_as_the_protocol_has_it(make):
    """A client then sends documents only; one that sends both is answered."""
    named = make(most_bytes=0)
    code = await refusal(named, extensions=asked("{ a }"))
    assert code is Code.PERSISTED_QUERY_NOT_SUPPORTED
    assert await load(named, "{ a }", asked("{ a }"))
    assert named.figures()["entries"] == 0


class Blobs:
    """A shared store that may lie or be away."""

    def __init__(self, values=(), *, away=False):
        self.values = dict(values)
        self.away = away
        self.asked = 0

    async def load(self, keys):
        self.asked += 1
        if self.away:
            raise SourceUnavailable("away")
        return [self.values.get(key) for key in keys]

    async def save(self, values, seconds):
        del seconds
        if self.away:
            raise SourceUnavailable("away")
        self.values |= values

    async def aclose(self):
        pass


async def test_what_another_process_stored_is_checked(make):
    """A shared store is believed only as far as the hash goes."""
    blobs = Blobs({f"plait:document:{digest('{ a }')}": b"{ b }"})
    code = await refusal(make(blobs=blobs), extensions=asked("{ a }"))
    assert code is Code.PERSISTED_QUERY_NOT_FOUND


async def test_a_shared_store_that_is_away_knows_nothing(make):
    """Requests go on by the protocol, and soon nobody asks it any more."""
    blobs = Blobs(away=True)
    named = make(blobs=blobs)
    for n in range(20):
        code = await refusal(named, extensions=asked(f"{{ a{n}: a }}"))
        assert code is Code.PERSISTED_QUERY_NOT_FOUND
    assert blobs.asked == 5
    await load(named, "{ a }", asked("{ a }"))
    assert await load(named, extensions=asked("{ a }"))


# Trusted documents -------------------------------------------------------------------------------

APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": "x1", "name": "A", "type": "query", "body": "query A { a }"}],
}


@pytest.fixture
def manifest(tmp_path):
    def write(content):
        path = tmp_path / "manifest.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_both_forms_of_manifest_are_read(manifest):
    """Apollo's, and the map of Relay's compiler."""
    assert read_manifest(manifest(APOLLO)) == {"x1": "query A { a }"}
    assert read_manifest(manifest({"x2": "{ b }"})) == {"x2": "{ b }"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is no manifest"),
        ("[]", "is no manifest"),
        ('{"a": 1}', "is no manifest"),
        ({**APOLLO, "version": 2}, "another version"),
        ({**APOLLO, "operations": [{"id": "", "body": "{ a }"}]}, "is no manifest"),
        ({**APOLLO, "operations": APOLLO["operations"] * 2}, "an id twice"),
    ],
)
def test_a_wrong_manifest_stops_the_start(manifest, content, problem):
    """The setting is named, and nothing of the file."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        read_manifest(manifest(content))
    assert "PLAIT_DOCUMENTS_MANIFEST" in caught.value.message


def test_a_missing_manifest_stops_the_start(tmp_path):
    """As does a file that is not there."""
    with pytest.raises(ConfigurationError, match="No such file"):
        read_manifest(tmp_path / "none.json")


async def test_trusted_documents_are_known_by_id_and_text(make):
    """Also with the prefix that the specification gives hashes; others run too unless required."""
    named = make(trusted={"x1": "{ a }", f"sha256:{digest('{ b }')}": "{ b }"})
    assert (await load(named, name="x1")).text == "{ a }"
    assert (await load(named, extensions=asked("{ b }"))).text == "{ b }"
    assert (await load(named, name=f"sha256:{digest('{ b }')}")).text == "{ b }"
    assert (await load(named, "{ a b }")).text == "{ a b }"


async def test_required_means_nothing_else_is_parsed(make, store):
    """10,000 strangers cost no parse; the gateway's own documents still run."""
    named = make(trusted={"x1": "{ a }"}, own=["{ b }"], required=True)
    for n in range(10_000):
        with pytest.raises(RequestError) as caught:
            await load(named, f"{{ x{n}: a }}")
        assert caught.value.code is Code.DOCUMENT_NOT_TRUSTED
    assert await refusal(named, extensions=asked("{ c }")) is Code.DOCUMENT_NOT_TRUSTED
    assert await refusal(named, name="x2") is Code.DOCUMENT_NOT_TRUSTED
    assert await refusal(named, "{ c }", name="x1") is Code.DOCUMENT_NOT_TRUSTED
    assert store.checked == 0
    assert (await load(named, name="x1")).text == (await load(named, "{ a }")).text == "{ a }"
    assert (await load(named, "{ b }")).text == "{ b }"


# The whole gateway -------------------------------------------------------------------------------


async def test_a_hash_travels_by_get_and_between_gateways(fresh_database, redis_url):
    """GET with a hash alone; what one gateway was told another finds in Redis."""
    database = await fresh_database()
    settings = {"PLAIT_DOCUMENTS_PERSISTED_REDIS": "default"}
    text = f"{{ hello }} # {next(_numbers)} {database}"
    query = {"extensions": json.dumps(asked(text))}
    async with served(database, redis_url, **settings) as client:
        missing = await client.get("/graphql", params=query)
        assert missing.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        code = missing.json()["errors"][0]["extensions"]["code"]
        assert code == "PERSISTED_QUERY_NOT_FOUND"
        assert missing.headers["cache-control"] == "no-store"
        sent = await client.get("/graphql", params={**query, "query": text})
        assert sent.json() == {"data": {"hello": "hello"}}
        assert (await client.get("/graphql", params=query)).json() == sent.json()
        assert await ask(client, extensions=asked(text)) == sent.json()
        async with reserved(database, redis_url, **settings) as other:
            for _ in range(500):
                found = await ask(other, extensions=asked(text))
                if "errors" not in found:
                    break
                await asyncio.sleep(0.01)
            assert found == sent.json()
        by_id = await client.get("/graphql", params={"documentId": f"sha256:{digest(text)}"})
        assert by_id.json() == sent.json()


async def test_only_the_manifest_runs_where_that_is_required(fresh_database, manifest):
    """By text, by hash, by id; introspection and everything else is refused with 403."""
    path = manifest({"greet": "query Greet { hello }"})
    settings = {"PLAIT_DOCUMENTS_MANIFEST": str(path), "PLAIT_DOCUMENTS_REQUIRE": "true"}
    async with served(await fresh_database(), **settings) as client:
        assert await ask(client, documentId="greet") == {"data": {"hello": "hello"}}
        assert await ask(client, "query Greet { hello }") == {"data": {"hello": "hello"}}
        accept = {"accept": "application/graphql-response+json"}
        for body in ({"query": "{ __typename }"}, {"extensions": asked("{ hello }")}):
            refused = await client.post("/graphql", json=body, headers=accept)
            assert refused.status_code == 403
            assert refused.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"


async def test_an_operation_that_costs_too_much_does_not_run(fresh_database):
    """Before anything is asked, with what it costs; `explain` tells the cost of one that may run."""
    settings = {"PLAIT_LIMITS_MAX_COST": "100"}
    async with served(await fresh_database(), **settings) as client:
        query = "query($n: Int) { books(first: $n) { nodes { title } } }"
        assert "errors" not in await ask(client, query, variables={"n": 99})
        refused = await ask(client, query, variables={"n": 100})
        assert refused["errors"][0]["extensions"] == {
            "code": "COST_LIMIT_EXCEEDED",
            "cost": 101,
            "limit": 100,
        }
        explain = {"plait": {"explain": True}}
        told = await ask(client, query, variables={"n": 7}, extensions=explain)
        assert told["extensions"]["cost"] == 8
