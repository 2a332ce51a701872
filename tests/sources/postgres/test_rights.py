"""Start-up compares what the domain offers with the rights of the gateway's role."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import sqlalchemy as sa
from asking import built
from strawberry import ID
from writes import shop, shop_tables
from writes.stand import SETTINGS, standing

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
from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.settings import load
from gateway.sources.contract import Budget
from gateway.sources.postgres.source import PostgresSource

FreshDatabase = Callable[[], Awaitable[str]]

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
    labels: "Connection[Label]" = many_through(stuck)


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


class Somebody:
    """A role without rights, and a connection of a superuser's."""

    def __init__(self, connection: Any, role: str, url: str, all_url: str) -> None:
        self.connection = connection
        self.role = role
        self.quoted = f'"{role}"'
        self.url = url
        self.superuser_url = all_url

    async def lacks(self, domain: Domain, **options: Any) -> list[str]:
        """What start-up says."""
        source = PostgresSource(
            "postgres", options.pop("dsn", self.url), built(domain).catalog, **options
        )
        try:
            return await source.verify("default", Budget(asyncio.get_running_loop().time() + 20))
        finally:
            await source.close()

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


@pytest.fixture
async def clerk(fresh_database: FreshDatabase) -> AsyncIterator[Somebody]:
    async with somebody(await fresh_database(), TABLES) as one:
        yield one


def grants_of(lines: list[str]) -> str:
    """The statements that the lines tell to run."""
    return " ".join(line.partition("; run: ")[2] for line in lines)


async def test_what_is_read_and_lacks(clerk: Somebody) -> None:
    """A line for each table, with columns of relations and of the row rule; the grants mend it."""
    lines = await clerk.lacks(READING)
    papers = 'annex."Papers"'
    found = [
        (
            "Paper",
            "USAGE of its schema, SELECT",
            papers,
            f"USAGE ON SCHEMA annex|SELECT ON {papers}",
        ),
        ("Label", "SELECT", "labels", "SELECT ON labels"),
        ("Paper", "SELECT", "owners", "SELECT ON owners"),
        ("Paper.labels", "SELECT", "stuck", "SELECT ON stuck"),
    ]
    role = clerk.quoted
    assert lines == [
        f"{who}: role {role} lacks {what} on table {table}; run: "
        + " ".join(f"GRANT {one} TO {role};" for one in grants.split("|"))
        for who, what, table, grants in found
    ]
    await clerk.connection.execute(grants_of(lines))
    assert await clerk.lacks(READING) == []


async def test_rights_by_column(clerk: Somebody) -> None:
    """Those that are read are enough; one that is not among them is named."""
    await clerk.grant(
        "USAGE ON SCHEMA annex",
        'SELECT (id, title, owner_id) ON annex."Papers"',
        "SELECT (id, login) ON owners",
        "SELECT ON labels, stuck",
    )
    (line,) = await clerk.lacks(READING)
    assert (
        'lacks SELECT (revision) on table annex."Papers"; run: GRANT SELECT (revision) ON' in line
    )
    await clerk.connection.execute(grants_of([line]))
    assert await clerk.lacks(READING) == []
    await clerk.revoke("SELECT (login) ON owners")
    (line,) = await clerk.lacks(READING)
    assert "lacks SELECT (login) on table owners" in line


async def test_rights_of_a_view_are_its_own(clerk: Somebody) -> None:
    """Those to the tables below it are its owner's."""
    await clerk.connection.execute(
        "ALTER TABLE labels RENAME TO words; CREATE VIEW labels AS SELECT * FROM words"
    )
    await clerk.grant("USAGE ON SCHEMA annex", 'SELECT ON annex."Papers", owners, stuck')
    (line,) = await clerk.lacks(READING)
    assert line.startswith("Label: ")
    await clerk.grant("SELECT ON labels")
    assert await clerk.lacks(READING) == []


async def test_what_writes_need(clerk: Somebody) -> None:
    """Every right of them, the sequence of a default, and the column that counts versions."""
    await clerk.connection.execute(
        "CREATE SEQUENCE numbers; ALTER TABLE labels ALTER id SET DEFAULT nextval('numbers')"
    )
    await clerk.grant("USAGE ON SCHEMA annex", "SELECT ON ALL TABLES IN SCHEMA public, annex")
    assert await clerk.lacks(READING) == []
    lines = await clerk.lacks(WRITING)
    assert [line.partition(" lacks ")[2].partition("; run: ")[0] for line in lines] == [
        'UPDATE on table annex."Papers"',
        "INSERT, UPDATE, DELETE, USAGE of numbers on table labels",
    ]
    await clerk.grant('UPDATE (title) ON annex."Papers"', "UPDATE (word), DELETE ON labels")
    await clerk.grant("USAGE ON SEQUENCE numbers", "INSERT (id) ON labels")
    lines = await clerk.lacks(WRITING)
    assert [line.partition(" lacks ")[2].partition("; run: ")[0] for line in lines] == [
        'UPDATE (revision) on table annex."Papers"',
        "INSERT (word) on table labels",
    ]
    await clerk.connection.execute(grants_of(lines))
    assert await clerk.lacks(WRITING) == []


async def test_a_table_between_that_is_not_there(clerk: Somebody) -> None:
    """It is told of as an entity's is, by the relation; also where its schema may not be used."""
    await clerk.connection.execute("DROP TABLE stuck")
    lines = await clerk.lacks(READING, dsn=clerk.superuser_url)
    assert lines == ["Paper.labels: table stuck does not exist; `plait migrate up` makes it."]
    await clerk.connection.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    (found,) = [line for line in await clerk.lacks(READING) if line.startswith("Label: ")]
    assert "lacks USAGE of its schema, SELECT on table labels" in found


async def test_another_role_reads_a_replica(clerk: Somebody) -> None:
    """Of it the rights to read are looked at, and those of the writing role of the primary."""
    lines = await clerk.lacks(WRITING, dsn=clerk.superuser_url, replica=clerk.url)
    assert len(lines) == 4
    assert all("SELECT" in line and clerk.role in line for line in lines)
    assert not any("UPDATE" in line for line in lines)
    await clerk.grant("USAGE ON SCHEMA annex", "SELECT ON ALL TABLES IN SCHEMA public, annex")
    assert await clerk.lacks(WRITING, dsn=clerk.superuser_url, replica=clerk.url) == []


EVERY_WRITE = (
    'mutation { insertShelf(input: {code: "a"}) { id } }',
    'mutation { insertShelves(inputs: [{code: "b"}, {code: "c", rank: 2}]) { id tags { nodes { id } } } }',
    'mutation { insertNewShelf(input: {code: "a"}) { id } }',
    'mutation { upsertShelf(input: {code: "a", rank: 3}) { id } }',
    'mutation { upsertShelves(inputs: [{code: "a"}, {code: "e"}], where: {rank: {gt: 1}}) { id } }',
    'mutation { updateShelf(id: 1, set: {label: "x"}) { id version } }',
    'mutation { updateShelfLocked(id: 1, set: {label: "y"}, version: 1) { version } }',
    "mutation { updateShelves(where: {rank: {gt: 0}}, inc: {rank: 1}) { id } }",
    "mutation { updateEachShelf(updates: [{id: 1, inc: {rank: 1}}]) { id } }",
    "mutation { deleteShelf(id: 1) { id } }",
    "mutation { deleteShelves(where: {}, all: true) { id } }",
)


async def test_the_grants_are_enough(fresh_database: FreshDatabase, redis_url: str) -> None:
    """A gateway that was refused at start-up serves every sort of write after them."""
    url = await fresh_database()
    script = shop_tables.script(shop_tables.metadata, shop_tables.EXTRA)
    async with somebody(url, script) as one:
        addresses = {"POSTGRES_URL": one.url, "REDIS_URL": redis_url}
        gateway = Gateway(load(environ={**SETTINGS, **addresses, "PLAIT_RESOLVERS": "writes.shop"}))
        try:
            with pytest.raises(ConfigurationError) as refused:
                await gateway.open()
        finally:
            await gateway.close()
        lines = refused.value.message.splitlines()
        assert len(lines) == len(shop_tables.metadata.tables)
        await one.connection.execute(grants_of(lines))
        async with standing("writes.shop", "SELECT 1", addresses) as stand:
            for document in EVERY_WRITE:
                assert await stand.data(document), document
            assert await stand.data("{ shelves { nodes { boxes { nodes { id } } } } }")
    assert shop.HAPPENED == []
