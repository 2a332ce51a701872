"""What a whole gateway tells caches in front of it: GET queries that are declared, and no others."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from caching import library
from caching.conftest import until
from writes.stand import standing

from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.site import build_site
from gateway.viewer import ANONYMOUS, Viewer

INTENT = {"apollo-require-preflight": "true"}
BOOK = "{ book(id: 1) { id title } }"


@asynccontextmanager
async def site(engines, url, prefix, **settings):
    """A client of a gateway over the library; who asks is said by the header `x-who`."""

    def identify(lines, _scope):
        who = dict(lines).get(b"x-who")
        return Viewer(subject=who.decode()) if who else ANONYMOUS

    async def no_sources(_budget):
        return {}

    addresses = {"POSTGRES_URL": url, "REDIS_URL": engines.urls.redis}
    settings = {"PLAIT_CACHE_PREFIX": prefix, "PLAIT_CACHE_TIMEOUT_SECONDS": "5", **settings}
    async with standing("caching.library", library.SCRIPT, addresses, **settings) as stand:
        if stand.gateway.cache is not None:
            await until(lambda: stand.gateway.cache.cache.leased)
        endpoint = GraphQLOverHTTP(
            stand.gateway.engine,
            identify=identify,
            credentials=("X-Who",),
            keepable=stand.gateway.settings.cache.http,
        )
        app = build_site(graphql=endpoint, readiness=no_sources)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://plait") as client:
            client.headers.update(INTENT)
            yield client, stand


@pytest.fixture
async def client(engines, fresh_database, prefix):
    async with AsyncExitStack() as stack:
        made, _ = await stack.enter_async_context(site(engines, await fresh_database(), prefix))
        yield made


async def get(client, query, **headers):
    return await client.get("/graphql", params={"query": query}, headers=headers)


async def test_a_declared_query(client):
    """It may be kept by all, for as long as its shortest part; what it hangs on is named."""
    answer = await get(client, BOOK)
    assert answer.json() == {"data": {"book": {"id": 1, "title": "book 1"}}}
    assert answer.headers["cache-control"] == (
        "max-age=600, public, stale-while-revalidate=60, stale-if-error=60"
    )
    assert answer.headers["vary"] == "Accept, X-Who"
    assert "age" not in answer.headers
    answer = await get(client, "{ book(id: 1) { title author { name } } }")
    assert answer.headers["cache-control"] == "max-age=600, public"


async def test_a_condition_that_holds_is_304(client):
    """The same bytes are not sent twice; other bytes are."""
    first = await get(client, BOOK)
    again = await get(client, BOOK, **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert again.headers[name] == first.headers[name]
    await client.post(
        "/graphql", json={"query": 'mutation { setBook(id: 1, set: {title: "new"}) { id } }'}
    )
    changed = await get(client, BOOK, **{"if-none-match": first.headers["etag"]})
    assert changed.json() == {"data": {"book": {"id": 1, "title": "new"}}}
    assert changed.headers["etag"] != first.headers["etag"]
    typed = await get(client, BOOK, accept="application/graphql-response+json")
    assert typed.headers["etag"] != changed.headers["etag"]


async def test_the_age_is_told(engines, fresh_database, prefix):
    """Of what came out of our own cache, so that nobody keeps it longer than was meant."""
    async with site(engines, await fresh_database(), prefix) as (client, stand):
        cache = stand.gateway.cache.cache
        await get(client, BOOK)
        for slot in cache.memory._slots.values():
            slot.made_at -= 100
        assert (await get(client, BOOK)).headers["age"] == "100"


async def test_one_who_is_known_gets_it_for_himself(client):
    """What hangs on the viewer is never for all, whatever was declared; nor what is private."""
    answer = await get(client, BOOK, **{"x-who": "u1"})
    assert answer.headers["cache-control"].startswith("max-age=600, private")
    for headers in ({}, {"x-who": "u1"}):
        answer = await get(client, "{ notes { nodes { text } } }", **headers)
        assert answer.headers["cache-control"] == "max-age=300, private"


@pytest.mark.parametrize(
    "query",
    [
        "{ slowBooks { nodes { title } } }",
        "{ book(id: 1) { title uncached { name } } }",
        "{ book(id: 1) { title rate } }",
        "{ book(id: 1) { title } __schema { queryType { name } } }",
        "{ __typename }",
        "{ book(id: 1) { title } _service { sdl } }",
        "{ book(id: 1) { titel } }",
        'mutation { addAuthor(input: {name: "x"}) { id } }',
    ],
)
async def test_what_is_not_declared_is_not_kept(client, query):
    """A part without a time, a mistake, a mutation: `no-store`, and no name to ask by."""
    answer = await get(client, query)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_errors_and_partial_answers_are_not_kept(engines, fresh_database, prefix):
    """Not even where the part that failed was declared."""
    async with site(engines, await fresh_database(), prefix) as (client, stand):
        query = "{ author(id: 1) { name } notes { nodes { owner } } }"
        assert "etag" in (await get(client, query)).headers
        await stand.gateway.cache.cache.invalidate(["*"])
        await stand.connection.execute("alter table notes rename to gone")
        answer = await get(client, query)
        assert answer.json()["errors"]
        assert answer.json()["data"]["author"] == {"name": "author 1"}
        assert answer.headers["cache-control"] == "no-store"


async def test_posts_are_as_ever(client):
    """Nothing is said about what is not asked by GET."""
    answer = await client.post("/graphql", json={"query": BOOK})
    assert not {"cache-control", "etag", "vary", "age"} & set(answer.headers)


async def test_it_can_be_turned_off(engines, fresh_database, prefix):
    """`cache.http` says nothing to anybody; `cache.enabled` is another matter."""
    async with site(engines, await fresh_database(), prefix, PLAIT_CACHE_HTTP="false") as (one, _):
        assert (await get(one, BOOK)).headers["cache-control"] == "no-store"
    off = {"PLAIT_CACHE_ENABLED": "false"}
    async with site(engines, await fresh_database(), prefix, **off) as (one, _):
        for _ in range(2):
            answer = await get(one, BOOK)
            assert answer.headers["cache-control"].startswith("max-age=600, public")
            assert "age" not in answer.headers
