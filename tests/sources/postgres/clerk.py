"""A role of few rights, and a small domain that reads and writes tables of its own."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import sqlalchemy as sa
from asking import built
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time

from gateway import (
    Connection,
    Domain,
    delete,
    entity,
    insert,
    listing,
    many_through,
    mutations,
    queries,
    update,
)
from gateway.errors import Code
from gateway.sources.contract import Budget
from gateway.sources.postgres.source import PostgresSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gateway.sources.contract import Health

metadata = sa.MetaData()
owners = sa.Table(
    "owners",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("secret", sa.Text),
)
papers = sa.Table(
    "Papers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.ForeignKey(owners.c.id), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("hidden", sa.Text),
    schema="annex",
)
labels = sa.Table(
    "labels",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("word", sa.Text, nullable=False),
)
stuck = sa.Table(
    "stuck",
    metadata,
    sa.Column("paper_id", sa.ForeignKey(papers.c.id), primary_key=True),
    sa.Column("label_id", sa.ForeignKey(labels.c.id), primary_key=True),
)

TABLES = """
CREATE SCHEMA annex;
CREATE TABLE owners (id serial PRIMARY KEY, login text NOT NULL, secret text);
CREATE TABLE annex."Papers" (
    id serial PRIMARY KEY, owner_id int NOT NULL REFERENCES owners, title text NOT NULL,
    revision int NOT NULL DEFAULT 1, hidden text
);
CREATE TABLE labels (id int PRIMARY KEY, word text);
CREATE TABLE stuck (
    paper_id int REFERENCES annex."Papers", label_id int REFERENCES labels,
    PRIMARY KEY (paper_id, label_id)
);
"""


def own(row: Any, viewer: Any) -> Any:
    """Those of the viewer, whom another table knows by the login."""
    known = sa.select(owners.c.id).where(owners.c.login == viewer.subject).subquery("known")
    mine = owners.alias("mine")
    return sa.exists().where(mine.c.id == row.owner_id, mine.c.id == known.c.id)


@entity(papers, rule=own)
class Paper:
    """Shows three of its columns."""

    id: ID
    title: str
    revision: int
    labels: Connection[Label] = many_through(stuck)


@entity(labels)
class Label:
    """Is stuck to papers."""

    id: ID
    word: str | None


@queries
class PaperQueries:
    """Reading."""

    papers: Connection[Paper] | None = listing()


@mutations
class PaperMutations:
    """Writing."""

    update_paper: Paper | None = update(version="revision")
    insert_label: Label | None = insert()
    delete_label: Label | None = delete()


READING = Domain(entities=[Paper, Label], queries=[PaperQueries])
WRITING = Domain(entities=[Paper, Label], queries=[PaperQueries], mutations=[PaperMutations])


class Heard(logging.Handler):
    """The warnings that carry the code with which writes will be refused."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "fields", {}).get("code") == Code.FORBIDDEN:
            self.lines.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """The warnings about writes within the block."""
    handler, logger = Heard(), logging.getLogger("gateway.sources.postgres.source")
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


class Start(NamedTuple):
    """Why a start is refused, what it warns of about writes, and what health says of them."""

    refused: list[str]
    warned: list[str]
    health: Health | None


class Somebody:
    """A role without rights, and a connection of a superuser's."""

    def __init__(self, connection: Any, role: str, url: str, all_url: str) -> None:
        self.connection = connection
        self.role = role
        self.quoted = f'"{role}"'
        self.url = url
        self.superuser_url = all_url

    async def start(self, domain: Domain, **options: Any) -> Start:
        """What a start says."""
        source = PostgresSource(
            "postgres", options.pop("dsn", self.url), built(domain).catalog, **options
        )
        budget = Budget(asyncio.get_running_loop().time() + 20)
        try:
            with heard() as warned:
                refused = await source.verify("default", budget)
            return Start(refused, warned, (await source.parts(budget)).get("writes"))
        finally:
            await source.close()

    async def lacks(self, domain: Domain, **options: Any) -> list[str]:
        """What refuses a start."""
        return (await self.start(domain, **options)).refused

    async def grant(self, *grants: str) -> None:
        """Give the role rights."""
        for one in grants:
            await self.connection.execute(f'GRANT {one} TO "{self.role}"')

    async def revoke(self, right: str) -> None:
        """Take one back."""
        await self.connection.execute(f"REVOKE {right} FROM {self.quoted}")


@asynccontextmanager
async def somebody(url: str, script: str) -> AsyncIterator[Somebody]:
    """In a database made by a script."""
    role, password = f"Clerk {secrets.token_hex(4)}", secrets.token_hex(8)
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    own_url = urlunsplit(parts._replace(netloc=f"{role.replace(' ', '%20')}:{password}@{place}"))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
        await connection.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}'")
        try:
            yield Somebody(connection, role, own_url, url)
        finally:
            await connection.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
    finally:
        await connection.close()


def what(line: str) -> str:
    """What a line says is lacking, and where."""
    return re.split("; (?:writes|run)", line.partition(" lacks ")[2])[0]


def grants_of(lines: list[str]) -> str:
    """The statements that the lines tell to run."""
    return " ".join(line.partition("; run: ")[2] for line in lines)
