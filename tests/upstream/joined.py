"""An engine over the people service and the zoo's tables, and domains that join the two."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import strawberry
from asking import Asking, built, engine_over
from strawberry import ID
from toy import rows, tables
from upstream.people import SDL

from gateway import (
    Connection,
    Domain,
    Join,
    Remote,
    Upstream,
    belongs_to,
    by_key,
    entity,
    field,
    has_many,
    listing,
    queries,
    remote,
)
from gateway.planning.arguments import PageLimits
from gateway.planning.registry import Registry
from gateway.sources.postgres.source import PostgresSource
from gateway.sources.upstream.source import UpstreamSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.people import People

    from gateway.execution.engine import Engine
    from gateway.schema.build import Api


@entity(tables.enclosures)
class Enclosure:
    id: ID
    name: str
    animals: Connection[Animal] = has_many("enclosure_id")
    keeper: Remote | None = remote("people", "Person", "id", by="person(id:)")


@entity(tables.animals)
class Animal:
    id: ID
    name: str
    enclosure: Enclosure | None = belongs_to("enclosure_id")
    friend: Remote | None = remote("people", "Person", "id", by="people(ids:)")
    owner: Remote | None = remote("people", "Person", "mother_id", by="people(ids:)")

    @field(needs=("name",))
    def shout(self) -> str:
        return self.name.upper()


@queries
class Hello:
    @strawberry.field
    def hello(self) -> str:
        return "hello"


@queries
class Roots:
    animal: Animal | None = by_key()
    animals: Connection[Animal] | None = listing()
    enclosures: Connection[Enclosure] | None = listing()

    @strawberry.field
    def hello(self) -> str:
        return "hello"


JOINS = (
    Join("Person", "pet", Animal, "id"),
    Join("Robot", "pet", Animal, "id"),
    Join("Person", "herd", Animal, "id", "Whom they look after.", column="enclosure_id"),
    Join("Robot", "herd", Animal, "id", column="enclosure_id"),
)


def joined(**options: Any) -> Domain:
    """The zoo and the people, joined both ways."""
    upstream = Upstream("people", SDL, joins=JOINS, **options)
    return Domain(entities=[Enclosure, Animal], queries=[Roots], upstreams=[upstream])


@entity(tables.remarks, authenticated=True)
class Note:
    id: ID
    text: str


@entity(tables.passports, key="code")
class Passport:
    code: ID


def by_text() -> Domain:
    """The people, with rows whose keys are text where the people have numbers."""
    joins = (
        Join("Person", "passport", Passport, "age"),
        Join("Person", "passports", Passport, "age", column="code"),
    )
    return Domain(
        entities=[Passport], queries=[Hello], upstreams=[Upstream("people", SDL, joins=joins)]
    )


def guarded() -> Domain:
    """The people, each with a row that only some may see; its name is taken by the people's."""
    joins = (Join("Person", "note", Note, "id"),)
    sdl = SDL.replace("Note", "Paper")
    return Domain(
        entities=[Note], queries=[Hello], upstreams=[Upstream("people", sdl, joins=joins)]
    )


class Joined(Asking):
    """A running engine over people."""

    def __init__(self, api: Api, engine: Engine, people: People) -> None:
        self.api = api
        self.engine = engine
        self.people = people


@asynccontextmanager
async def running(
    people: People, domain: Domain, database: str | None = None, **options: Any
) -> AsyncIterator[Joined]:
    """An engine over the running service, and over a database where one is given."""
    api = built(domain)
    ((name, info),) = api.catalog.upstreams.items()
    upstream = UpstreamSource(f"upstream.{name}", people.url, info, **options)
    postgres = PostgresSource("postgres", database, api.catalog) if database else None
    sources: dict[str, Any] = {upstream.name: upstream}
    if postgres is not None:
        sources[postgres.name] = postgres
    registry = Registry(
        {"default": postgres} if postgres else {}, {}, {}, upstreams={name: upstream}
    )
    engine, _ = engine_over(api, sources, registry, PageLimits(default=5, most=50))
    for source in sources.values():
        await source.open()
    try:
        yield Joined(api, engine, people)
    finally:
        for source in sources.values():
            await source.close()


async def fill(connection: Any) -> None:
    """The zoo's rows."""
    await tables.create(connection)
    await rows.insert(connection)
