"""What an upstream gives, out of the cache: as its SDL's hints and the domain's own words say."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from upstream import joined
from upstream.people import SDL, reply

from gateway import Cache, Domain, Upstream
from gateway.caching.assembly import Options, make_cache
from gateway.errors import ConfigurationError
from gateway.execution.cache.resolver_cache import ResolverCache
from gateway.schema.build import build
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from upstream.joined import Joined
    from upstream.people import People

HINTED = (
    SDL.replace("type Team {", "type Team @cacheControl(maxAge: 50) {")
    .replace("team: Team", "team: Team @cacheControl(inheritMaxAge: true)")
    .replace("type Note {", "type Note @cacheControl(inheritMaxAge: true) {")
    .replace(
        "person(id: ID!): Person\n  people",
        "person(id: ID!): Person @cacheControl(maxAge: 60)\n  people",
    )
    .replace(
        "people(ids: [ID!]): [Person!]!",
        "people(ids: [ID!]): [Person!]! @cacheControl(maxAge: 9, scope: PRIVATE)",
    )
    .replace("mood: Mood\n", "mood: Mood @cacheControl(scope: PRIVATE)\n", 1)
    .replace("age: Int\n", "age: Int @cacheControl(maxAge: 0)\n", 1)
    .replace("count(from: Int = 1): Int!", "count(from: Int = 1): Int! @cacheControl(maxAge: 30)")
)
OLGA, PAUL = Viewer(subject="olga"), Viewer(subject="paul")


@asynccontextmanager
async def keeping(
    service: People, sdl: str = HINTED, caches: Mapping[str, Cache] | None = None, **options: Any
) -> AsyncIterator[Joined]:
    """A gateway before the people that keeps in this process what it may."""
    forward = options.pop("forward", frozenset())
    upstream = Upstream("people", sdl, caches=caches or {}, **options)
    domain = Domain(entities=[], queries=[joined.Hello], upstreams=[upstream])
    async with joined.running(service, domain, forward=forward) as gateway:
        engine = gateway.engine
        cache = make_cache(Options(early_refresh=0.0), None, node="people")
        kept = ResolverCache(cache, engine.api, engine.groups, engine.describe, [])
        engine.cached = kept.reads
        await kept.open()
        yield gateway
        await kept.close()


async def sent(gateway: Joined, *documents: str, viewer: Viewer | None = None) -> int:
    """How many requests the upstream got for these, each asked twice with the same answer."""
    before = len(gateway.people.requests)
    for document in documents:
        first = await gateway.data(document, viewer=viewer)
        assert await gateway.data(document, viewer=viewer) == first
    return len(gateway.people.requests) - before


@pytest.mark.parametrize(
    ("document", "requests"),
    [
        ('{ person(id: "1") { id name } }', 1),
        ('{ person(id: "1") { name team { title } } }', 1),  # as long as the person
        ('{ team(id: "1") { title } }', 1),  # by its type
        ("{ count(from: 3) }", 1),
        ('{ person(id: "1") { name friends { name } } }', 2),  # of friends nothing is said
        ('{ person(id: "1") { name writings { __typename } } }', 2),
        ('{ person(id: "1") { age } }', 2),
        ("{ beings { name } }", 2),
        ('{ team(id: "1") { title members { name } } }', 2),
        ('{ person(id: "1") { mood } }', 2),  # private, and nobody asks
    ],
)
async def test_hints_of_the_sdl_are_kept_to(service: People, document: str, requests: int) -> None:
    """The shortest time of all that is asked; an object of which nothing is said has none."""
    async with keeping(service) as gateway:
        assert await sent(gateway, document) == requests


async def test_names_keep_nobody_apart(service: People) -> None:
    """Operations of different names are answered by one entry."""
    async with keeping(service) as gateway:
        ones = [f'query {name} {{ person(id: "1") {{ name }} }}' for name in ("One", "Two")]
        assert await sent(gateway, *ones) == 1
        assert gateway.people.requests[-1]["operationName"] == "One__people"


async def test_what_is_kept_travels_alone(service: People) -> None:
    """It is found again beside whatever else is asked, under its own arguments and name."""
    async with keeping(service) as gateway:
        assert await sent(gateway, '{ person(id: "1") { name } }') == 1
        both = await gateway.data('{ person(id: "1") { name } never: beings { name } hello }')
        assert both["person"]
        assert len(gateway.people.requests) == 2
        assert (
            await sent(gateway, '{ person(id: "2") { name } }', '{ p: person(id: "1") { name } }')
            == 2
        )
        assert await sent(gateway, '{ __typename person(id: "1") { name } }') == 0


async def test_the_domain_has_the_last_word(service: People) -> None:
    """By field or type, over the SDL's hint; in a namespace and under a prefix too."""
    caches = {"Query.person": Cache(0), "Being": Cache(40), "Query.beings": Cache(30)}
    async with keeping(service, caches=caches) as gateway:
        assert await sent(gateway, '{ person(id: "1") { name } }') == 2
        assert await sent(gateway, "{ beings { name } }") == 1
    async with keeping(service, caches=caches, namespace="crew") as gateway:
        assert await sent(gateway, "{ crew { beings { name } } }") == 1
        assert await sent(gateway, '{ crew { beings { name } person(id: "1") { name } } }') == 2
    async with keeping(service, caches=caches, prefix="Far") as gateway:
        assert await sent(gateway, "{ farBeings { name } }") == 1


async def test_private_is_each_viewers_own(service: People) -> None:
    """And nothing is kept for nobody."""
    document = '{ people(ids: ["1"]) { name } }'
    async with keeping(service, caches={"Person": Cache(60)}) as gateway:
        assert [await sent(gateway, document, viewer=one) for one in (OLGA, PAUL, None)] == [
            1,
            1,
            2,
        ]


async def test_headers_that_go_on_are_part_of_the_key(service: People) -> None:
    """Who sends others gets an answer of his own."""
    async with keeping(service, forward=frozenset({"accept-language"})) as gateway:
        for language in ("de", "fr"):
            viewer = Viewer(subject="olga", headers=(("accept-language", language),))
            assert await sent(gateway, "{ count }", viewer=viewer) == 1
            assert gateway.people.headers[-1]["accept-language"] == language


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"person": None}, "errors": [{"message": "no", "path": ["person"]}]},
        {"data": {"person": None}, "errors": [{"message": "no"}]},
        {
            "data": {"person": {"name": None}},
            "errors": [{"message": "no", "path": ["person", "name"]}],
        },
        {"data": {"person": {"name": "Ann"}}, "errors": [{"message": "no"}]},
        {
            "data": {"person": {"name": "Ann"}},
            "errors": [{"message": "no", "path": ["person", "x"]}],
        },
    ],
)
async def test_answers_with_errors_are_not_kept(service: People, answer: Any) -> None:
    """Wherever the error is, or if it does not say so: it is asked again."""

    async def wrong(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, 200, json.dumps(answer))

    service.answer = wrong
    async with keeping(service) as gateway:
        for _ in range(2):
            await gateway.ask('{ person(id: "1") { name } }')
        assert len(service.requests) == 2
        service.answer = None
        assert await sent(gateway, '{ person(id: "1") { name } }') == 1


async def test_who_joins_anothers_question_gets_all_its_errors(service: People) -> None:
    """One request for two who ask the same at once; each is told what went wrong, and where."""
    failed = [["people", 0, "name"], ["people", 1, "name"]]
    failing = {"data": {"people": None}, "errors": [{"message": "No.", "path": p} for p in failed]}
    going = asyncio.Event()

    async def wrong(_scope: Any, _receive: Any, send: Any) -> None:
        await going.wait()
        await reply(send, 200, json.dumps(failing))

    service.answer = wrong
    async with keeping(service, caches={"Query.people": Cache(60)}) as gateway:
        both = [asyncio.create_task(gateway.ask("{ people { name } }")) for _ in range(2)]
        async with asyncio.timeout(20):
            while not service.requests:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        going.set()
        for body in await asyncio.gather(*both):
            assert [error["path"] for error in body["errors"]] == failed
        assert len(service.requests) == 1


async def test_tags_that_a_mutation_declares_are_invalidated(service: People) -> None:
    """What was kept under them is asked anew."""
    caches = {
        "Query.person": Cache(60, tags=("Person",)),
        "Mutation.rename": Cache(0, tags=("Person",)),
    }
    async with keeping(service, caches=caches) as gateway:
        assert await sent(gateway, '{ person(id: "1") { name } }', "{ count }") == 2
        await gateway.data('mutation { rename(id: "1", name: "Zoe") { name } }')
        found = await gateway.data('{ person(id: "1") { name } }')
        assert found == {"person": {"name": "Zoe"}}
        assert await sent(gateway, "{ count }") == 0


async def test_a_write_that_comes_after_its_time(service: People) -> None:
    """Nobody knew whether it would be done: what was read meanwhile is not kept for long."""
    caches = {
        "Query.person": Cache(600, tags=("Person",)),
        "Mutation.rename": Cache(0, tags=("Person",)),
    }
    read = '{ person(id: "2") { name } }'
    async with keeping(service, caches=caches) as gateway:
        service.delay = asyncio.Event()
        late = service.delay
        error = await gateway.error(
            'mutation { rename(id: "2", name: "Ida") { name } }', seconds=0.2
        )
        assert error["extensions"]["code"] == "SOURCE_TIMEOUT"
        service.delay = None
        assert await gateway.data(read) != {"person": {"name": "Ida"}}
        late.set()
        async with asyncio.timeout(20):
            while await gateway.data(read) != {"person": {"name": "Ida"}}:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)


def test_names_that_the_sdl_has_not_are_refused() -> None:
    """When the gateway starts."""
    upstream = Upstream("people", SDL, caches={"Person.nme": Cache(1), "Query.count": Cache(1)})
    with pytest.raises(
        ConfigurationError, match=r"upstream people: `caches` .* not: Person\.nme\."
    ):
        build(Domain(entities=[], queries=[joined.Hello], upstreams=[upstream]))
