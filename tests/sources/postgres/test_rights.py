"""Start-up compares what the domain offers with the rights of the gateway's role."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from clerk import READING, TABLES, WRITING, Somebody, grants_of, heard, somebody, what
from writes import shop, shop_tables
from writes.stand import SETTINGS, standing

from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.settings import load
from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture
async def clerk(fresh_database: FreshDatabase) -> AsyncIterator[Somebody]:
    async with somebody(await fresh_database(), TABLES) as one:
        yield one


async def test_what_is_read_and_lacks(clerk: Somebody) -> None:
    """A line for each table, with columns of relations and of the row rule; the grants mend it."""
    lines = await clerk.lacks(READING)
    papers = 'annex."Papers"'
    found = [
        (
            "Paper",
            "USAGE of schema annex, SELECT",
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


async def test_what_writes_lack_is_a_warning(clerk: Somebody) -> None:
    """Every right of them by column, and the sequence of a default; the grants mend it."""
    await clerk.connection.execute(
        "CREATE SEQUENCE numbers; ALTER TABLE labels ALTER id SET DEFAULT nextval('numbers')"
    )
    await clerk.grant("USAGE ON SCHEMA annex", "SELECT ON ALL TABLES IN SCHEMA public, annex")
    assert await clerk.start(READING) == ([], [], None)
    start = await clerk.start(WRITING)
    assert start.refused == []
    lacks = [
        'UPDATE on table annex."Papers"',
        "INSERT, UPDATE, DELETE, USAGE of numbers on table labels",
    ]
    assert [what(line) for line in start.warned] == lacks
    assert all("; writes that need it are FORBIDDEN; run: GRANT " in one for one in start.warned)
    assert start.health is not None
    assert not start.health.ready
    assert not start.health.required
    assert start.health.detail == (
        "Paper lacks UPDATE; Label lacks INSERT, UPDATE, DELETE, USAGE of numbers"
    )
    await clerk.grant('UPDATE (title) ON annex."Papers"', "UPDATE (word), DELETE ON labels")
    await clerk.grant("USAGE ON SEQUENCE numbers", "INSERT (id) ON labels")
    start = await clerk.start(WRITING)
    assert [what(line) for line in start.warned] == [
        'UPDATE (id, revision) on table annex."Papers"',
        "INSERT (word) on table labels",
    ]
    await clerk.connection.execute(grants_of(start.warned))
    assert await clerk.start(WRITING) == ([], [], None)


async def test_a_table_between_that_is_not_there(clerk: Somebody) -> None:
    """It is told of as an entity's is, by the relation; also where its schema may not be used."""
    await clerk.connection.execute("DROP TABLE stuck")
    lines = await clerk.lacks(READING, dsn=clerk.superuser_url)
    assert lines == ["Paper.labels: table stuck does not exist; `plait migrate up` makes it."]
    await clerk.connection.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    (found,) = [line for line in await clerk.lacks(READING) if line.startswith("Label: ")]
    assert "lacks USAGE of schema public, SELECT on table labels" in found


async def test_another_role_reads_a_replica(clerk: Somebody) -> None:
    """Of it the rights to read are looked at, and those of the writing role of the primary."""
    lines = await clerk.lacks(WRITING, dsn=clerk.superuser_url, replica=clerk.url)
    assert len(lines) == 4
    assert all("SELECT" in line and clerk.role in line for line in lines)
    assert not any("UPDATE" in line for line in lines)
    await clerk.grant("USAGE ON SCHEMA annex", "SELECT ON ALL TABLES IN SCHEMA public, annex")
    assert await clerk.lacks(WRITING, dsn=clerk.superuser_url, replica=clerk.url) == []


READS = "{ shelves { nodes { boxes { nodes { id } } } } }"
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
    """A gateway that was refused at start-up serves every sort of write after them.

    With rights to read alone it starts, reads, and refuses every write by a typed error.
    """
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
        with heard() as warned:
            async with standing("writes.shop", "SELECT 1", addresses) as stand:
                assert await stand.data(READS) == {"shelves": {"nodes": []}}
                for document in EVERY_WRITE:
                    error = await stand.error(document)
                    assert error["extensions"] == {"code": "FORBIDDEN", "sqlstate": "42501"}
                    assert "nothing was written" in error["message"]
                found = await stand.gateway.check(Budget(asyncio.get_running_loop().time() + 20))
                assert not found["postgres:writes"].ready
                assert found["postgres"].ready
        await one.connection.execute(grants_of(warned))
        async with standing("writes.shop", "SELECT 1", addresses) as stand:
            for document in EVERY_WRITE:
                assert await stand.data(document), document
            assert await stand.data(READS)
            found = await stand.gateway.check(Budget(asyncio.get_running_loop().time() + 20))
            assert "postgres:writes" not in found
    assert shop.HAPPENED == []
