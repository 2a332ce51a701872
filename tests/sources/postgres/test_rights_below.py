"""Rights that are needed of what a table leads to: views' own tables, defaults, enums, functions."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import asyncpg
import pytest
import sqlalchemy as sa
from clerk import READING, TABLES, WRITING, Somebody, grants_of, somebody, what
from named import named_shop
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time

from gateway import (
    Connection,
    Domain,
    entity,
    has_many,
    insert,
    listing,
    many_through,
    mutations,
    queries,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import FreshDatabase

ALL_READ = "SELECT ON ALL TABLES IN SCHEMA public, annex"


@pytest.fixture
async def clerk(fresh_database: FreshDatabase) -> AsyncIterator[Somebody]:
    async with somebody(await fresh_database(), TABLES) as one:
        await one.grant("USAGE ON SCHEMA annex", ALL_READ, 'UPDATE ON annex."Papers"')
        yield one


async def may(clerk: Somebody, *statements: str) -> list[bool]:
    """Which statements the role may run."""
    found = []
    connection = await asyncpg.connect(clerk.url)
    try:
        for statement in statements:
            try:
                await connection.execute(statement)
                found.append(True)
            except asyncpg.InsufficientPrivilegeError:
                found.append(False)
    finally:
        await connection.close()
    return found


WORDS = "SELECT id, word FROM words"
TRIGGER = """
CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN INSERT INTO public.words (word) VALUES (new.word); RETURN new; END';
CREATE TRIGGER put INSTEAD OF INSERT ON labels FOR EACH ROW EXECUTE FUNCTION put();
"""
SECRET = """
create function secret(x int) returns int strict language sql as 'select x';
revoke execute on function secret from public;
"""


def words(option: str, query: str = WORDS) -> str:
    """The labels become a view of words; the role may do all with the view, nothing with words."""
    return f"""
    ALTER TABLE labels RENAME TO words; CREATE TABLE other (id int, note text);
    ALTER TABLE stuck DROP CONSTRAINT stuck_label_id_fkey;
    CREATE SEQUENCE numbers; ALTER TABLE words ALTER id SET DEFAULT nextval('numbers');
    CREATE VIEW labels {option} AS {query}; REVOKE ALL ON words, other FROM PUBLIC;
    """


async def as_view(clerk: Somebody, script: str) -> None:
    """Run the script, then grant the view and nothing below it."""
    await clerk.connection.execute(script)
    await clerk.grant("SELECT, INSERT, UPDATE, DELETE ON labels")
    for table in ("words", "other"):
        await clerk.revoke(f"ALL ON {table}")


INVOKER = "WITH (security_invoker = on)"
SELECT = "SELECT word FROM labels"


async def test_a_view_may_ask_for_rights_to_what_is_below(clerk: Somebody) -> None:
    """With `security_invoker` who reads it reads its tables: the columns that it uses."""
    await as_view(
        clerk, words(INVOKER, "SELECT id, word FROM words WHERE id IN (SELECT id FROM other)")
    )
    assert await may(clerk, SELECT) == [False]
    (line,) = await clerk.lacks(READING)
    assert what(line) == "SELECT of words below it, SELECT of other below it on table labels"
    await clerk.grant("SELECT (id) ON words", "SELECT (id) ON other")
    (line,) = await clerk.lacks(READING)
    assert what(line) == "SELECT (word) of words below it on table labels"
    assert await may(clerk, SELECT) == [False]
    await clerk.connection.execute(grants_of([line]))
    assert await may(clerk, SELECT) == [True]
    assert await clerk.lacks(READING) == []


@pytest.mark.parametrize(
    ("below", "above", "allowed"), [("", INVOKER, True), (INVOKER, "", False), ("", "", True)]
)
async def test_views_of_views(clerk: Somebody, below: str, above: str, allowed: bool) -> None:  # noqa: FBT001 - a parametrised case
    """What a view asks of its user it asks below another view, too, and others ask their owners."""
    middle = f"CREATE VIEW middle {below} AS {WORDS}; CREATE VIEW labels"
    script = words(above, "SELECT id, word FROM middle").replace("CREATE VIEW labels", middle)
    await as_view(clerk, script)
    await clerk.grant("SELECT ON middle")
    assert await may(clerk, SELECT) == [allowed]
    lines = await clerk.lacks(READING)
    assert [what(line) for line in lines] == (
        [] if allowed else ["SELECT of words below it on table labels"]
    )
    await clerk.connection.execute(grants_of(lines) or "SELECT 1")
    assert await may(clerk, SELECT) == [True]


WRITES = (
    "INSERT INTO labels (word) VALUES ('a')",
    "UPDATE labels SET word = 'b'",
    "DELETE FROM labels",
)


async def test_to_write_by_a_view(clerk: Somebody) -> None:
    """Its one table is written with the rights of the user, its defaults are in any case."""
    await as_view(clerk, words(INVOKER))
    await clerk.grant("SELECT ON words")
    assert await may(clerk, *WRITES) == [False, False, False]
    start = await clerk.start(WRITING)
    assert start.refused == []
    (line,) = start.warned
    assert what(line) == (
        "DELETE, INSERT, UPDATE of words below it, USAGE of numbers on table labels"
    )
    await clerk.connection.execute(grants_of(start.warned))
    assert await clerk.start(WRITING) == ([], [], None)
    assert await may(clerk, *WRITES) == [True, True, True]


async def test_to_write_by_a_view_of_its_owners(clerk: Somebody) -> None:
    """Its table is written with the rights of the owner, the sequence used with the user's."""
    await as_view(clerk, words(""))
    assert await may(clerk, *WRITES) == [False, True, True]
    (line,) = (await clerk.start(WRITING)).warned
    assert what(line) == "USAGE of numbers on table labels"
    await clerk.connection.execute(grants_of([line]))
    assert await may(clerk, *WRITES) == [True, True, True]


async def test_of_a_view_that_triggers_write_nothing_more_is_asked(clerk: Somebody) -> None:
    """What a trigger does with which rights only the trigger knows."""
    await as_view(clerk, words(INVOKER) + TRIGGER)
    await clerk.grant("SELECT ON words")
    assert (await clerk.start(WRITING)).warned == []
    assert await may(clerk, WRITES[0]) == [True]


async def test_functions_of_defaults(clerk: Somebody) -> None:
    """To insert is to call them, where the role may; others it needs no right to."""
    await clerk.connection.execute(
        """
        CREATE FUNCTION "Next"(start int, text) RETURNS int LANGUAGE sql AS 'SELECT $1';
        CREATE FUNCTION other() RETURNS text LANGUAGE sql AS 'SELECT ''x''';
        REVOKE EXECUTE ON FUNCTION "Next", other FROM PUBLIC;
        ALTER TABLE labels ALTER id SET DEFAULT "Next"(1, 'a') + "Next"(2, 'b');
        ALTER TABLE labels ALTER word SET DEFAULT length('y')::text;
        ALTER TABLE owners ALTER login SET DEFAULT other();
        """
    )
    await clerk.grant("INSERT, UPDATE, DELETE ON labels")
    (line,) = (await clerk.start(WRITING)).warned
    assert what(line) == 'EXECUTE of "Next"(integer,text) on table labels'
    assert await may(clerk, WRITES[0]) == [False]
    await clerk.connection.execute(grants_of([line]))
    assert await may(clerk, WRITES[0]) == [True]
    assert (await clerk.start(WRITING)).warned == []


class Mood(enum.Enum):
    """How somebody is."""

    CALM = "calm"


metadata = sa.MetaData()
moods = sa.Table(
    "moods",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mood", sa.Enum("calm", name="mood", schema="Kinds of"), nullable=False),
    sa.Column("paper_id", sa.Integer, nullable=False),
)
papers = sa.Table("papers", metadata, sa.Column("id", sa.Integer, primary_key=True))
between = sa.Table(
    "between",
    metadata,
    sa.Column("one", sa.ForeignKey(papers.c.id), primary_key=True),
    sa.Column("other", sa.ForeignKey(moods.c.id), primary_key=True),
)
KINDS = """
CREATE SCHEMA "Kinds of"; CREATE TYPE "Kinds of".mood AS ENUM ('calm');
CREATE TABLE moods (id int PRIMARY KEY, mood "Kinds of".mood NOT NULL, paper_id int NOT NULL);
CREATE TABLE papers (id int PRIMARY KEY);
CREATE TABLE "between" (one int, other int);
"""


@entity(moods)
class Feeling:
    """Has a column of an enum in a schema of its own."""

    id: ID
    mood: Mood


@entity(papers)
class Sheet:
    """Refers to feelings by a table between, and is referred to by some."""

    id: ID
    feelings: Connection[Feeling] = many_through(between)
    moods: Connection[Feeling] = has_many("paper_id")


@queries
class Reads:
    """Reading."""

    feelings: Connection[Feeling] | None = listing()


@mutations
class Writes:
    """Writing sheets, and with them what belongs to them."""

    insert_sheet: Sheet | None = insert()


async def test_enums_and_nested_rows(fresh_database: FreshDatabase) -> None:
    """The schema of an enum is needed to name it; nested rows need their tables, and links theirs."""
    domain = Domain(entities=[Feeling, Sheet], queries=[Reads], mutations=[Writes])
    async with somebody(await fresh_database(), KINDS) as clerk:
        await clerk.grant("SELECT ON ALL TABLES IN SCHEMA public")
        start = await clerk.start(domain)
        assert [what(line) for line in start.refused] == [
            'USAGE of schema "Kinds of" on table moods'
        ]
        assert await may(clerk, "SELECT 'calm'::\"Kinds of\".mood") == [False]
        await clerk.connection.execute(grants_of(start.refused))
        start = await clerk.start(domain)
        assert start.refused == []
        assert [(line.partition(": ")[0], what(line)) for line in start.warned] == [
            ("Sheet", "INSERT on table papers"),
            ("Sheet.feelings", "INSERT on table moods"),
            ("Sheet.feelings", 'INSERT on table "between"'),
        ]
        await clerk.connection.execute(grants_of(start.warned))
        assert await clerk.start(domain) == ([], [], None)


FILES = {
    "told": "-- mode: fetchval\n-- param x: int4 = 1\n-- returns: int4\nselect secret(:x)",
    "many": "-- mode: fetch\n-- returns: Toy\nselect id from toys where price > 1",
    "drop": "-- mode: execute\n-- param x: int4\ndelete from shelves where aisle = secret(:x)",
    "tidy": "-- mode: execute\n-- transaction: false\nanalyze makers",
}


async def test_what_named_sql_lacks(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    """Tables, columns and functions: a query's refuse the start, a mutation's are a warning."""
    domain = named_shop.domain_of(
        tmp_path,
        FILES,
        {"told": int | None, "many": list[named_shop.Toy] | None},
        {"drop": int | None, "tidy": int | None},
    )
    async with somebody(await fresh_database(), named_shop.TABLES + SECRET) as clerk:
        await clerk.grant("SELECT ON ALL TABLES IN SCHEMA public")
        start = await clerk.start(domain)
        (line,) = start.refused
        assert line.endswith("sql/told.sql: permission denied for function secret (42501)")
        (line,) = start.warned
        assert line.endswith("sql/drop.sql: permission denied for table shelves (42501)")
        assert start.health is not None
        assert "drop.sql lacks a right (permission denied for table" in start.health.detail
        await clerk.grant("EXECUTE ON FUNCTION secret", "DELETE ON shelves")
        assert await clerk.start(domain) == ([], [], None)
        await clerk.revoke("SELECT ON toys")
        await clerk.grant("SELECT (id, maker, name, size, owner, price) ON toys")
        assert await clerk.start(domain) == ([], [], None)
        await clerk.revoke("EXECUTE ON FUNCTION secret")
        async with named_shop.open_shop(clerk.url, domain) as shop:  # that nothing has verified
            error = await shop.error("{ told }")
            assert error["extensions"]["code"] == "CONFIGURATION"
            error = await shop.error("mutation { drop(x: 1) }")
            assert error["extensions"] == {"code": "FORBIDDEN", "sqlstate": "42501"}
