"""A gateway for subscriptions: a newsroom's tables, its channels, and generators of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator  # noqa: TC003 - Strawberry reads annotations
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import sqlalchemy as sa
import strawberry
from redis.asyncio import Redis as Client
from sqlalchemy.dialects import postgresql as pg
from subscriptions.speaking import served, until

from gateway import (
    Change,
    Connection,
    Domain,
    PlaitError,
    StateQueries,
    StateSubscriptions,
    belongs_to,
    by_key,
    changes,
    entity,
    field,
    listing,
    queries,
    reference,
    subscriptions,
)
from gateway.app import Application
from gateway.composition import Gateway
from gateway.configuration import Secret
from gateway.settings import (
    ApiKey,
    Identity,
    Postgres,
    Redis,
    Serve,
    Settings,
    State,
    Subscriptions,
)
from gateway.sources.postgres.feed import INSTALL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from subscriptions.speaking import Served

metadata = sa.MetaData()

authors = sa.Table(
    "authors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
)
stories = sa.Table(
    "stories",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("desk", sa.Text, nullable=False),
    sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id")),
)
memos = sa.Table(
    "memos",
    metadata,
    sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
tags = sa.Table(
    "tags",
    metadata,
    sa.Column("story_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("weight", sa.Integer, nullable=False),
)
TABLES = (authors, stories, memos, tags)

KEYS = {"ann": "ann-has-a-key-of-her-own", "bob": "bob-has-a-key-of-his-own"}


@entity(authors)
class Author:
    """Who writes."""

    id: int
    name: str


@entity(stories)
class Story:
    """What is written."""

    id: strawberry.ID
    title: str
    desk: str
    author: Author | None = belongs_to("author_id")

    @field(needs=("title",))
    def shout(self) -> str:
        """The title, louder."""
        return self.title.upper()


@entity(memos, rule=lambda row, viewer: row.owner == viewer.subject)
class Memo:
    """A note that only its owner sees."""

    id: strawberry.ID
    owner: str
    text: str


@entity(tags, key=("story_id", "name"))
class Tag:
    """A word on a story."""

    story_id: strawberry.ID
    name: str
    weight: int


@queries
class Reading:
    """Reading."""

    story: Story | None = by_key()
    stories: Connection[Story] = listing()
    memos: Connection[Memo] = listing()


class Pulse:
    """What the test sends through `beats`, and how many generators listen."""

    def __init__(self) -> None:
        self.queues: set[asyncio.Queue[Any]] = set()

    def send(self, value: Any) -> None:
        for queue in self.queues:
            queue.put_nowait(value)


PULSE = Pulse()


@subscriptions
class Telling:
    """What is told."""

    story_changed: Change[Story] | None = changes()
    memo_changed: Change[Memo] | None = changes()
    tag_changed: Change[Tag] | None = changes()
    secret_changed: Change[Story] | None = changes(roles=["editor"])

    @strawberry.subscription
    async def countdown(self, start: int) -> AsyncGenerator[int, None]:
        """Numbers down to one."""
        for number in range(start, 0, -1):
            yield number

    @strawberry.subscription
    async def featured(self, ids: list[int]) -> AsyncGenerator[Story | None, None]:
        """Stories by their ids."""
        for one in ids:
            yield reference(Story, one)

    @strawberry.subscription
    async def retitled(self, ids: list[int]) -> AsyncGenerator[Story | None, None]:
        """The same made by hand, with titles of their own."""
        for one in ids:
            yield Story(id=one, title=f"New {one}")  # type: ignore[call-arg]  # the rest is read

    @strawberry.subscription
    async def beats(self, info: strawberry.Info) -> AsyncGenerator[str, None]:
        """What the test sends; an exception ends it."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        PULSE.queues.add(queue)
        try:
            while True:
                value = await queue.get()
                if isinstance(value, Exception):
                    raise value
                yield f"{info.context.viewer.subject}: {value}"
        finally:
            PULSE.queues.discard(queue)

    @strawberry.subscription
    async def refusing(self) -> AsyncGenerator[int, None]:
        """Never begins."""
        raise PlaitError("Not today.")
        yield 1


domain = Domain(
    entities=[Author, Story, Memo, Tag],
    queries=[Reading, StateQueries],
    subscriptions=[Telling, StateSubscriptions],
    examples={
        "Beats": "subscription Beats {\n  beats\n}\n",
        "Live": "query Live @live {\n  story(id: 761) {\n    title\n  }\n}\n",
    },
    namespaces=["wire", "board"],
)


class Newsroom:
    """The running gateway, and ways to make things happen."""

    def __init__(
        self,
        gateway: Gateway,
        server: Served,
        database: asyncpg.Connection[Any],
        redis: Client,
        prefix: str,
    ) -> None:
        self.gateway = gateway
        self.quiet = self.listeners
        self.server = server
        self.database = database
        self.redis = redis
        self.prefix = prefix

    @property
    def listeners(self) -> int:
        """How many listen to the change feed."""
        return int(self.gateway.changes["default"].figures()["subscribers"])

    async def listening(self, count: int) -> None:
        """Wait until so many subscriptions hear of changes."""
        await until(lambda: self.listeners - self.quiet == count)

    async def write(self, sql: str, *values: Any) -> None:
        """Change rows, as another program would."""
        await self.database.execute(sql, *values)


def settings_of(database: str, redis_url: str, prefix: str, **more: Any) -> Settings:
    """The settings of a newsroom."""
    keys = {
        name: ApiKey(hash=hashlib.sha256(key.encode()).hexdigest(), subject=name, roles=roles)
        for (name, key), roles in zip(KEYS.items(), ("editor", "reader"), strict=True)
    }
    return Settings(
        resolvers=more.pop("resolvers", "subscriptions.newsroom"),
        serve=more.pop("serve", Serve(deadline_seconds=20.0)),
        subscriptions=more.pop("subscriptions", Subscriptions()),
        identity=Identity(anonymous="all"),
        api_key=keys,
        postgres={"default": Postgres(url=Secret(database), change_feed="on", pool_size=3)},
        redis={"default": Redis(url=Secret(redis_url), socket_timeout=5.0)},
        state=more.pop(
            "state",
            {
                "wire": State(prefix=f"{prefix}wire:", read="*"),
                "board": State(prefix=f"{prefix}board:", read="editor", kind="text"),
            },
        ),
        **more,
    )


@asynccontextmanager
async def running(
    make_database: Callable[[], Awaitable[str]], redis_url: str, prefix: str, **more: Any
) -> AsyncIterator[Newsroom]:
    """A newsroom with a database of its own, whose tables are watched."""
    url = await make_database()
    database = await asyncpg.connect(url)
    redis = Client.from_url(redis_url)
    try:
        for statement in INSTALL:
            await database.execute(statement)
        for table in TABLES:
            await database.execute(str(sa.schema.CreateTable(table).compile(dialect=pg.dialect())))
            await database.execute(f"SELECT plait_watch('{table.name}')")
        await database.execute("INSERT INTO authors VALUES (1, 'Ann'), (2, 'Bob')")
        settings = settings_of(url, redis_url, prefix, **more)
        gateway = Gateway(settings)
        async with served(Application(gateway)) as server:
            yield Newsroom(gateway, server, database, redis, prefix)
    finally:
        await redis.aclose()
        await database.close()
