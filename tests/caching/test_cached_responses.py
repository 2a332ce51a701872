"""Whole responses: one look-up for an operation, and never anything its parts would not be."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import orjson
import pytest
from caching.test_cached_api import SHOWN, another
from caching.test_http_caching import get, site

from gateway.execution.cache.responses import CachedResponses
from gateway.execution.exchange import GraphQLRequest
from gateway.viewer import ANONYMOUS, Viewer

BOOK = "query ($id: Int!) { book(id: $id) { id title author { name } } }"
PAIR = "{ book(id: 1) { title } author(id: 3) { name } }"


@pytest.fixture
async def stand(engines, fresh_database, prefix):
    """One gateway over the library."""
    async with AsyncExitStack() as stack:
        yield await another(stack, engines.urls.redis, await fresh_database(), prefix)


@pytest.fixture
def served(monkeypatch):
    """The bodies that were served as finished answers."""
    bodies: list[bytes] = []
    find = CachedResponses.find

    def noted(self, *given, **options):
        answer = find(self, *given, **options)
        if answer is not None:
            bodies.append(answer.body)
        return answer

    monkeypatch.setattr(CachedResponses, "find", noted)
    return bodies


async def repeated(stand, document, **options):
    """The fourth answer: the first fills the parts, the third that finds them all is kept."""
    answers = [await stand.answer(document, **options) for _ in range(4)]
    assert len({answer.body for answer in answers}) == 1
    return answers[-1]


async def test_it_is_served_once_all_parts_were_in_memory(stand, served):
    """The same bytes, no source asked, and as many hits counted as it has parts."""
    cache = stand.gateway.cache.cache
    await repeated(stand, PAIR)
    assert len(served) == 1
    sent, hits = stand.sent(), cache.figures()["memory"]
    await stand.answer(PAIR)
    assert len(served) == 2
    assert stand.sent() == sent
    assert cache.figures()["memory"] == hits + 2


async def test_what_is_asked_once_takes_no_room(stand, served):
    """Answers of parts that are all there are not kept before they are asked for again."""
    await stand.data("{ books(first: 50) { nodes { reads } } }")
    await stand.data("{ book(id: 1) { id reads } }")
    memory = stand.gateway.cache.cache.memory
    before = len(memory)
    await stand.data("{ book(id: 1) { id reads } }")
    assert len(memory) == before
    await stand.data("{ book(id: 1) { id reads } }")
    assert len(memory) == before + 1
    assert not served


async def test_variables_are_part_of_the_name(stand, served):
    """Whatever their values, types and order: each has its own answer."""
    for number in (1, 2):
        answer = await repeated(stand, BOOK, variables={"id": number})
        assert orjson.loads(answer.body)["data"]["book"]["id"] == number
    assert len(served) == 2
    refused = await stand.ask(BOOK, variables={"id": "1"})
    assert refused["errors"]
    assert (await stand.ask(BOOK, variables={"id": 1 << 80}))["errors"]


async def test_a_write_ends_it(stand, served):
    """A change of a row in one of its parts; a change of another row does not."""
    await repeated(stand, PAIR)
    await stand.data('mutation { setBook(id: 7, set: {title: "seven"}) { id } }')
    before = len(served)
    await stand.answer(PAIR)
    assert len(served) == before + 1
    await stand.data('mutation { setAuthor(id: 3, set: {name: "new"}) { id } }')
    shown = await stand.data(PAIR)
    assert shown["author"]["name"] == "new"
    assert len(served) == before + 1


async def test_a_part_that_was_read_anew_ends_it(stand):
    """A refresh of one part, after a change that nobody was told of, shows in every answer."""
    await repeated(stand, PAIR)
    await stand.connection.execute("update authors set name = 'new' where id = 3")
    deadline = asyncio.get_running_loop().time() + 60
    await stand.gateway.engine.answer(
        GraphQLRequest("{ author(id: 3) { name } }"),
        ANONYMOUS,
        allow_mutations=False,
        deadline=deadline,
        refresh=True,
    )
    assert (await stand.data(PAIR))["author"]["name"] == "new"


async def test_each_viewer_has_their_own(stand, served):
    """Of private parts, and of rows that hang on who asks."""
    document = "{ notes(first: 3) { nodes { owner text } } }"
    for name in ("u1", "u2"):
        answer = await repeated(stand, document, viewer=Viewer(subject=name))
        owners = {note["owner"] for note in orjson.loads(answer.body)["data"]["notes"]["nodes"]}
        assert owners == {name}
    assert len(served) == 2


async def test_claims_are_told_apart_as_rules_read_them(stand, served):
    """As JSON: viewers that differ in 1, 1.0 and true are three, though Python thinks them one."""
    document = "{ notes(first: 3) { nodes { owner text } } }"
    for level in (1, 1.0, True):
        viewer = Viewer(subject="u1", claims=(("level", level),))
        before = len(served)
        await stand.answer(document, viewer=viewer)
        assert len(served) == before
        await repeated(stand, document, viewer=viewer)
        assert len(served) > before


async def test_who_wants_to_be_told_is_told(stand, served):
    """With the cache's trace every part is looked for by itself."""
    await repeated(stand, PAIR)
    served.clear()
    body = await stand.ask(PAIR, extensions=SHOWN)
    assert [line["memory"] for line in body["extensions"]["cache"]] == [1, 1]
    assert not served


async def test_what_is_not_all_kept_is_not_one(stand, served):
    """A part that is not declared, a function that is called, an error: asked for every time."""
    for document in (
        "{ book(id: 1) { title } slowBooks { nodes { title } } }",
        "{ book(id: 1) { title rate } }",
        "{ book(id: 1) { title uncached { name } } }",
    ):
        await repeated(stand, document)
    assert not served


async def test_without_a_lease_there_is_none(stand, served):
    """As its parts, it is served only while this process hears of writes."""
    await repeated(stand, PAIR)
    served.clear()
    cache = stand.gateway.cache.cache
    await cache._coherence.close()
    await stand.answer(PAIR)
    assert not served


async def test_what_caches_in_front_are_told(engines, fresh_database, prefix, served):
    """The same headers as of the parts, and their age."""
    async with AsyncExitStack() as stack:
        made = site(engines, await fresh_database(), prefix)
        client, _ = await stack.enter_async_context(made)
        answers = [await get(client, PAIR) for _ in range(4)]
        assert len(served) == 1
        for name in ("cache-control", "etag", "vary"):
            assert len({answer.headers[name] for answer in answers}) == 1
        assert answers[3].headers["age"] == "0"
        private = await get(client, PAIR, **{"x-who": "u1"})
        assert "private" in private.headers["cache-control"]
