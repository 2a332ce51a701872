"""The cache in a whole gateway: PostgreSQL and Valkey behind, GraphQL in front."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import orjson
import pytest
from caching import library
from caching.conftest import until
from writes.stand import standing

from gateway.execution.exchange import GraphQLRequest
from gateway.sources.postgres.feed.functions import INSTALL
from gateway.viewer import ANONYMOUS, Viewer

NOTHING = "select 1"
NOBODY = "redis://127.0.0.1:1/0"
TABLES = ("authors", "books", "subjects", "book_subjects", "notes")
SHOWN = {"plait": {"cache": True}}


@pytest.fixture
async def stand(engines, fresh_database, prefix):
    """One gateway over the library."""
    async with AsyncExitStack() as stack:
        yield await another(stack, engines.urls.redis, await fresh_database(), prefix)


async def another(stack, redis, url, prefix, script=library.SCRIPT, **settings):
    """A gateway; a script that makes nothing joins those that are there."""
    addresses = {"POSTGRES_URL": url, "REDIS_URL": redis}
    settings = {"PLAIT_CACHE_PREFIX": prefix, "PLAIT_CACHE_TIMEOUT_SECONDS": "5", **settings}
    made = await stack.enter_async_context(
        standing("caching.library", script, addresses, **settings)
    )
    if redis != NOBODY:
        cache = made.gateway.cache.cache
        await until(lambda: cache.leased)
    return made


async def told(stand, document, **options):
    """What the cache did for a query: by field, where its answers came from."""
    body = await stand.ask(document, extensions=SHOWN, **options)
    assert "errors" not in body
    lines = body["extensions"]["cache"]
    return {
        line.pop("field"): {k: v for k, v in line.items() if k not in {"key", "age"}}
        for line in lines
    }


async def uncached(stand, document):
    """The data of a query, every part of it from its source."""
    deadline = asyncio.get_running_loop().time() + 60
    answer = await stand.gateway.engine.answer(
        GraphQLRequest(document), ANONYMOUS, allow_mutations=False, deadline=deadline, refresh=True
    )
    return orjson.loads(answer.body)["data"]


BOOKS = "{ books(first: 50) { nodes { id title author { name } } } }"


async def test_a_hit_is_the_same_answer(stand):
    """Lists, rows, relations and holes of another source: asked once, equal to the letter."""
    document = (
        "{ books(first: 3) { totalCount nodes { id title reads subjects { nodes { code } } } }"
        " book(id: 1) { title author { name books { nodes { title } } } } }"
    )
    first = await stand.answer(document)
    sent = stand.sent()
    second = await stand.answer(document)
    assert second.body == first.body
    assert stand.sent() == sent
    assert await told(stand, document) == {
        "Query.books": {"memory": 1},
        "Query.book": {"memory": 1},
        "Book.reads": {"memory": 3},
    }


async def test_only_missing_rows_are_read(stand):
    """45 of 50 holes are cached: one call of their source fills the other five."""
    await stand.data("{ books(first: 45) { nodes { reads } } }")
    before = stand.sent()["redis"]
    shown = await told(stand, "{ books(first: 50) { nodes { reads } } }")
    assert shown["Book.reads"] == {"memory": 45, "miss": 5}
    assert stand.sent()["redis"] == before + 1


async def test_undeclared_is_never_cached(stand):
    """`max_age` 0 on a field, or on what is inside, keeps the whole statement out."""
    for document in ("{ slowBooks { nodes { title } } }", "{ book(id: 1) { uncached { name } } }"):
        assert await told(stand, document) == {}
        before = stand.sent()["postgres"]
        await stand.data(document)
        assert stand.sent()["postgres"] == before + 1


WRITES = {
    "update by key": (
        'mutation { setBook(id: 1, set: {title: "new"}) { title } }',
        "{ book(id: 1) { title } }",
    ),
    "update in a list": ('mutation { setBook(id: 1, set: {title: "new"}) { title } }', BOOKS),
    "update of many": (
        'mutation { setBooks(where: {id: {lte: 2}}, set: {title: "new"}) { title } }',
        "{ book(id: 2) { title } }",
    ),
    "update of a related row": (
        'mutation { setAuthor(id: 2, set: {name: "new"}) { name } }',
        "{ book(id: 1) { author { name } } }",
    ),
    "update that moves it elsewhere": (
        "mutation { setBook(id: 1, set: {authorId: 5}) { id } }",
        "{ author(id: 5) { books { nodes { id } } } }",
    ),
    "filter by a relation that is not shown": (
        'mutation { setAuthor(id: 2, set: {name: "new"}) { id } }',
        '{ books(where: {author: {name: {eq: "new"}}}) { nodes { id } } }',
    ),
    "insert into a list": (
        'mutation { addBook(input: {title: "new", authorId: 1}) { id } }',
        "{ books(first: 60) { totalCount nodes { title } } }",
    ),
    "insert of a row that was looked for": (
        'mutation { addBook(input: {title: "new", authorId: 1}) { id } }',
        "{ book(id: 51) { title } }",
    ),
    "insert with children": (
        'mutation { addAuthor(input: {name: "new", books: [{title: "child"}]}) { id } }',
        "{ book(id: 51) { title } books(first: 60) { totalCount } }",
    ),
    "delete": ("mutation { dropBook(id: 1) { id } }", "{ book(id: 1) { title } }"),
    "delete that the database follows": (
        "mutation { dropAuthor(id: 2) { id } }",
        "{ book(id: 1) { title author { name } } }",
    ),
    "delete that cascades between": (
        "mutation { dropBook(id: 1) { id } }",
        '{ subject(code: "a:b") { name } books { nodes { subjects { nodes { name } } } } }',
    ),
    "together": (
        """mutation @transaction {
          a: setBook(id: 1, set: {title: "a"}) { id }
          b: setBook(id: 2, set: {title: "b"}) { id }
        }""",
        "{ book(id: 2) { title } books(first: 2) { nodes { title } } }",
    ),
}


@pytest.mark.parametrize("name", WRITES)
async def test_no_read_after_a_write_is_older(engines, fresh_database, prefix, name):
    """Two replicas have it in memory; after the mutation both show what the database holds."""
    write, read = WRITES[name]
    async with AsyncExitStack() as stack:
        url = await fresh_database()
        here = await another(stack, engines.urls.redis, url, prefix)
        there = await another(stack, engines.urls.redis, url, prefix, script=NOTHING)
        before = [await one.data(read) for one in (here, there, here, there)]
        await here.data(write)
        after = [await one.data(read) for one in (here, there)]
        truth = await uncached(here, read)
        assert after == [truth, truth]
        assert truth != before[0] or "cascades" in name


async def test_a_row_that_was_not_written_stays(stand):
    """Writing one row leaves the entries of others, and takes the lists."""
    await stand.data("{ book(id: 2) { title } }")
    await stand.data(BOOKS)
    await stand.data('mutation { setBook(id: 1, set: {title: "new"}) { title } }')
    assert await told(stand, "{ book(id: 2) { title } }") == {"Query.book": {"memory": 1}}
    assert await told(stand, BOOKS) == {"Query.books": {"miss": 1}}


async def test_a_mutation_shows_its_own_write(stand):
    """What it returns is read afresh, in its own rows and in what fills their holes."""
    await stand.data("{ book(id: 1) { title reads } }")
    data = await stand.data('mutation { setBook(id: 1, set: {title: "new"}) { title reads } }')
    assert data == {"setBook": {"title": "new", "reads": 0}}


async def test_a_rolled_back_write_changes_nothing(stand):
    """Its error leaves, and the cache shows what is still there."""
    await stand.data("{ book(id: 1) { title } }")
    body = await stand.ask(
        'mutation @transaction { a: setBook(id: 1, set: {title: "x"}) { id }'
        ' b: addBook(input: {title: "y", authorId: 77}) { id } }'
    )
    assert body["errors"]
    assert (await stand.data("{ book(id: 1) { title } }"))["book"]["title"] == "book 1"


async def test_errors_are_not_kept(stand):
    """A statement that fails is asked again."""
    await stand.connection.execute("alter table books rename to gone")
    assert "errors" in await stand.ask(BOOKS)
    await stand.connection.execute("alter table gone rename to books")
    assert (await stand.data(BOOKS))["books"]["nodes"]


async def test_nobody_gets_anothers_entry(stand):
    """100 viewers ask the same documents in any order: each sees just their own notes."""
    viewers = [Viewer(subject=f"u{number}") for number in range(100)]
    documents = [
        "{ notes(first: 10) { nodes { owner text } } }",
        "{ notes(first: 10) { totalCount nodes { owner } } }",
        "{ "
        + " ".join(f"n{number}: note(id: {number}) {{ owner text }}" for number in range(1, 9))
        + " }",
    ]

    async def check(viewer, document):
        data = await stand.data(document, viewer=viewer)
        found = data.get("notes", {}).get("nodes") or [data[key] for key in data if key[0] == "n"]
        owners = {row["owner"] for row in found if row and "owner" in row}
        assert owners <= {viewer.subject}

    for _ in range(2):
        await asyncio.gather(
            *(check(viewer, document) for viewer in viewers for document in documents)
        )
    shown = await told(stand, documents[0], viewer=viewers[7])
    assert shown["Query.notes"].keys() <= {"memory", "shared"}


async def test_private_is_not_kept_for_anonymous_viewers(stand):
    """No scope, no cache."""
    document = "{ notes { nodes { text } } }"
    await stand.data(document)
    before = stand.sent()["postgres"]
    await stand.data(document)
    assert stand.sent()["postgres"] == before + 1


async def test_a_cached_function(stand):
    """`@cached` uses the running gateway's cache, and its tags invalidate it."""
    library.CALLS.clear()
    document = "{ book(id: 1) { rate } }"
    assert await stand.data(document) == {"book": {"rate": 6}}
    assert await stand.data(document) == {"book": {"rate": 6}}
    assert library.CALLS == ["book 1"]
    await stand.gateway.cache.cache.invalidate(["Rate"])
    await stand.data(document)
    assert library.CALLS == ["book 1"] * 2


async def test_without_redis_all_is_served(fresh_database, prefix):
    """Away from the start: every answer comes from the source, and writes work."""
    async with AsyncExitStack() as stack:
        stand = await another(stack, NOBODY, await fresh_database(), prefix)
        for _ in range(3):
            assert len((await stand.data(BOOKS))["books"]["nodes"]) == 50
        await stand.data('mutation { setBook(id: 1, set: {title: "new"}) { title } }')
        assert (await stand.data("{ book(id: 1) { title } }"))["book"]["title"] == "new"
        for given in ('tags: ["Book"]', 'pattern: "Book:*"'):
            admin = Viewer(subject="root", roles=frozenset({"admin"}))
            error = await stand.error(f"mutation {{ invalidate({given}) }}", viewer=admin)
            assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert stand.gateway.cache.health().required is False


async def test_the_warm_up_fills(stand):
    """The domain's warm queries are read before anybody asks."""
    assert await stand.gateway.warm() == 1
    assert await told(stand, "{ books(first: 3) { nodes { id title } } }") == {
        "Query.books": {"memory": 1}
    }


async def test_the_schema_says_it(stand):
    """`@cacheControl` is printed on types and fields."""
    printed = stand.gateway.api.schema.as_str()
    assert "type Author implements Node @cacheControl(maxAge: 600)" in printed
    assert 'reads: Int @cacheControl(maxAge: 600, tags: ["reads"])' in printed
    assert "@cacheControl(maxAge: 300, scope: PRIVATE)" in printed


async def test_administrators_invalidate(stand):
    """By tag, by row and by pattern; nobody else may."""
    mutation = """mutation ($tags: [String!], $rows: [CachedRow!], $pattern: String) {
      invalidate(tags: $tags, rows: $rows, pattern: $pattern) }"""
    admin = Viewer(subject="root", roles=frozenset({"admin"}))
    read = '{ subject(code: "a:b") { name } }'
    for given, count in [
        ({"tags": ["Subject"]}, 1),
        ({"rows": [{"type": "Subject", "key": ["a:b"]}]}, 1),
        ({"pattern": "Subject:*"}, 1),
        ({"tags": ["*"]}, 1),
    ]:
        await stand.data(read)
        assert await told(stand, read) == {"Query.subject": {"memory": 1}}
        assert (await stand.data(mutation, given, viewer=admin))["invalidate"] == count
        assert await told(stand, read) == {"Query.subject": {"miss": 1}}
    error = await stand.error(mutation, {"tags": ["*"]}, viewer=Viewer(subject="somebody"))
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_writes_past_the_gateway_are_heard(engines, fresh_database, prefix):
    """With the change feed, what somebody else wrote is invalidated on every replica, by row."""
    async with AsyncExitStack() as stack:
        url = await fresh_database()
        watch = "; ".join([*INSTALL, *(f"select plait_watch('{name}')" for name in TABLES)])
        script = f"{library.SCRIPT};{watch}"
        feed = {"POSTGRES_CHANGE_FEED": "on"}
        redis = engines.urls.redis
        here = await another(stack, redis, url, prefix, script=script, **feed)
        there = await another(stack, redis, url, prefix, script=NOTHING, **feed)
        for stand in (here, there):
            (changes,) = stand.gateway.changes.values()
            await until(lambda changes=changes: changes.live)
        reads = {
            "{ book(id: 1) { title } }": {"book": {"title": "new"}},
            "{ books(first: 1) { nodes { title } } }": {"books": {"nodes": [{"title": "new"}]}},
        }
        await settled(here, there, [*reads, "{ book(id: 2) { title } }"])
        await here.connection.execute("update books set title = 'new' where id = 1")
        for stand in (here, there):
            for read, expected in reads.items():
                for _ in range(1_000):
                    data = await stand.data(read)
                    if data == expected:
                        break
                    await asyncio.sleep(0.005)
                assert data == expected
            kept = await told(stand, "{ book(id: 2) { title } }")
            assert kept["Query.book"].keys() <= {"memory", "shared"}


async def settled(here, there, reads):
    """Wait until what the feeds told at their beginning is invalidated, and all is cached."""
    for _ in range(1_000):
        told_of = [await told(stand, read) for stand in (here, there) for read in reads]
        if all("miss" not in states for one in told_of for states in one.values()):
            await asyncio.sleep(0.05)
            if not here.gateway.cache.cache._invalidations:
                return
    raise AssertionError("it never settled")
