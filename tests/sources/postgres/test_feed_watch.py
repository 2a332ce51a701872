"""`plait_watch` and `plait_unwatch` on tables they have never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from feeding import changes

from gateway.sources.postgres.feed import INSTALL, REMOVE, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.sources.postgres.feed import ChangeFeed, Subscription

TRIGGERS = """SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::text::regclass
    AND NOT tgisinternal"""


@pytest.fixture
def events(feed: ChangeFeed) -> Iterator[Subscription]:
    with feed.subscribe() as subscription:
        yield subscription


async def test_names_that_need_quotes(writer, events) -> None:
    """Schemas, tables and columns of any name are watched, and come under it."""
    await writer.execute(
        """CREATE SCHEMA "My ""S"; CREATE TABLE "My ""S"."Ta\\b'le %s" (
            "Key's ""1" int, "ключ" text, rows int, key int, PRIMARY KEY ("Key's ""1", "ключ"))"""
    )
    found = await writer.fetchval("""SELECT plait_watch('"My ""S"."Ta\\b''le %s"')""")
    assert found == ["Key's \"1", "ключ"]
    await writer.execute("""INSERT INTO "My ""S"."Ta\\b'le %s" VALUES (1, 'ü', 1, 1)""")
    (change,) = await changes(events, writer)
    assert change.table == "My \"S.Ta\\b'le %s"
    assert change.columns == tuple(found)
    assert change.keys == ((1, "ü"),)


async def test_keys_called_as_what_the_function_calls_its_own(writer, events) -> None:
    """Its variables, its aliases, and what a trigger is given."""
    names = ["keys", "key", "n", "part", "number", "changed", "tg_op", "new", "plait_rows"]
    columns = ", ".join(f"{name} int" for name in names)
    await writer.execute(
        f"CREATE TABLE odd_keys ({columns}, note text, PRIMARY KEY ({', '.join(names)}));"
        "SELECT plait_watch('odd_keys')"
    )
    await writer.execute("INSERT INTO odd_keys VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9)")
    await writer.execute("UPDATE odd_keys SET note = 'x'")
    found = await changes(events, writer)
    assert [change.keys for change in found] == [((1, 2, 3, 4, 5, 6, 7, 8, 9),)] * 2
    assert found[1].changed == ("note",)


async def test_keys_of_every_type_do_not_hang_on_the_writer(writer, events) -> None:
    """The same key reads the same whatever the writing session has set; only integers and
    booleans are not text."""
    types = {
        "small smallint": ("7", 7),
        "large bigint": ("9223372036854775807", 9223372036854775807),
        "flag boolean": ("true", True),
        "exact numeric": ("12345678901234567890.120", "12345678901234567890.120"),
        "rough float8": ("0.1", "0.1"),
        "number positive": ("5", 5),
        "unique_id uuid": (
            "'0000000A-0000-0000-0000-000000000001'",
            "0000000a-0000-0000-0000-000000000001",
        ),
        "label mood": ("'so so'", "so so"),
        "bytes bytea": ("'\\xff00'", "\\xff00"),
        "at timestamptz": ("'2024-02-29 12:00+02'", "2024-02-29T10:00:00+00:00"),
        "day date": ("'2024-02-29'", "2024-02-29"),
        "tags text[]": ("'{a,b}'", "{a,b}"),
        "extra jsonb": ("""'{"a": 1}'""", '{"a": 1}'),
    }
    await writer.execute(
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE mood AS ENUM ('so so')"
    )
    names = ", ".join(column.partition(" ")[0] for column in types)
    await writer.execute(f"CREATE TABLE typed ({', '.join(types)}, PRIMARY KEY ({names}))")
    await writer.execute("SELECT plait_watch('typed')")
    await writer.execute(
        "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET bytea_output = 'escape';"
        "SET search_path = other"
    )
    values = ", ".join(given for given, _ in types.values())
    await writer.execute(f"INSERT INTO public.typed VALUES ({values})")  # noqa: S608 - all above
    await writer.execute("RESET search_path")
    (change,) = await changes(events, writer)
    assert change.keys == (tuple(expected for _, expected in types.values()),)


async def test_partitions_change_under_the_name_of_their_table(writer, events) -> None:
    """Written through the table or directly, moved to another partition, or truncated."""
    await writer.execute(
        "CREATE TABLE whole (id int, region text, PRIMARY KEY (region, id))"
        " PARTITION BY LIST (region);"
        "CREATE TABLE part_a PARTITION OF whole FOR VALUES IN ('a');"
        "CREATE TABLE part_b PARTITION OF whole FOR VALUES IN ('b') PARTITION BY RANGE (id);"
        "CREATE TABLE part_b1 PARTITION OF part_b FOR VALUES FROM (0) TO (100);"
        "SELECT plait_watch('whole');"
        "INSERT INTO whole VALUES (1, 'a'), (2, 'b');"
        "INSERT INTO part_b1 VALUES (3, 'b');"
        "UPDATE whole SET region = 'a' WHERE id = 2;"
        "DELETE FROM part_a WHERE id = 1;"
        "TRUNCATE part_a"
    )
    found = await changes(events, writer)
    assert {change.table for change in found} == {"whole"}
    assert [(change.operation, change.keys and set(change.keys)) for change in found] == [
        (Operation.INSERT, {("a", 1), ("b", 2)}),
        (Operation.INSERT, {("b", 3)}),
        (Operation.UPDATE, {("b", 2), ("a", 2)}),
        (Operation.DELETE, {("a", 1)}),
        (Operation.TRUNCATE, None),
    ]
    assert await writer.fetchval("SELECT plait_unwatch('whole')")
    for table in ("whole", "part_a", "part_b", "part_b1"):
        assert await writer.fetchval(TRIGGERS, table) == 0


async def test_what_is_no_table_is_refused(writer) -> None:
    """With a message that says what to watch instead; nothing is left half done."""
    await writer.execute(
        "CREATE VIEW seen AS SELECT * FROM things; CREATE SEQUENCE counted;"
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM things; CREATE TEMP TABLE brief (id int);"
        "CREATE FOREIGN DATA WRAPPER far_wrapper; CREATE SERVER far_server"
        " FOREIGN DATA WRAPPER far_wrapper;"
        "CREATE TABLE mixed (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE near PARTITION OF mixed FOR VALUES FROM (0) TO (9);"
        "CREATE TABLE bare (id int) PARTITION BY RANGE (id);"
        "CREATE FOREIGN TABLE far PARTITION OF bare FOR VALUES FROM (9) TO (99) SERVER far_server"
    )
    for name, reason in (
        ("seen", "seen is a view: watch the tables it reads"),
        ("kept", "kept is a materialized view: watch the tables it reads"),
        ("counted", "counted is not a table"),
        ("brief", "brief is temporary"),
        ("far", "far is a foreign table"),
        ("bare", "far is a foreign table"),
    ):
        with pytest.raises(asyncpg.WrongObjectTypeError, match=reason):
            await writer.execute(f"SELECT plait_watch('{name}')")
        assert await writer.fetchval(TRIGGERS, name) == 0
        assert await writer.fetchval(f"SELECT plait_unwatch('{name}')") is False
    for channel in ("Upper", "", "x" * 64, "a b", "quote'"):
        with pytest.raises(asyncpg.InvalidParameterValueError, match="channel"):
            await writer.execute("SELECT plait_watch('things', $1)", channel)


async def test_watching_twice_and_unwatching(writer, events) -> None:
    """Twice is once; unwatching ends it and says whether there was anything to end."""
    assert await writer.fetchval("SELECT plait_watch('things')") == ["id"]
    assert await writer.fetchval("SELECT plait_watch('loose')") is None
    assert await writer.fetchval(TRIGGERS, "things") == 4
    await writer.execute("INSERT INTO things VALUES (1, 'told once')")
    assert len(await changes(events, writer)) == 1
    assert await writer.fetchval("SELECT plait_unwatch('things')") is True
    assert await writer.fetchval("SELECT plait_unwatch('things')") is False
    await writer.execute("INSERT INTO things VALUES (2, 'untold')")
    assert await changes(events, writer) == []


async def test_a_changed_key_never_fails_a_write(writer, events) -> None:
    """A key column renamed since: the table changes as a whole until it is watched anew."""
    await writer.execute(
        "ALTER TABLE things RENAME id TO number; ALTER TABLE things RENAME TO items"
    )
    await writer.execute("INSERT INTO items VALUES (1, 'x')")
    assert await writer.fetchval("SELECT plait_watch('items')") == ["number"]
    await writer.execute("INSERT INTO items VALUES (2, 'x')")
    found = await changes(events, writer)
    assert [(change.table, change.columns, change.keys) for change in found] == [
        ("items", ("id",), None),
        ("items", ("number",), ((2,),)),
    ]


async def test_tables_that_pass_on_their_names(writer, events) -> None:
    """Each keeps its own function, also where another table has the name since."""
    await writer.execute(
        "ALTER TABLE things RENAME TO items;"
        "CREATE TABLE things (code text PRIMARY KEY, id int); SELECT plait_watch('things')"
    )
    for watches in ("SELECT 1", "SELECT plait_watch('items')", "SELECT plait_watch('things')"):
        await writer.execute(watches)
        await writer.execute("INSERT INTO items VALUES (DEFAULT, 'x')")
        await writer.execute("INSERT INTO things VALUES (gen_random_uuid(), 7)")
        one, two = await changes(events, writer)
        assert (one.table, one.columns, two.table, two.columns) == (
            *("items", ("id",)),
            *("things", ("code",)),
        )
        assert isinstance(one.keys[0][0], int)
        assert isinstance(two.keys[0][0], str)


async def test_functions_go_with_what_is_watched(writer, events) -> None:
    """At once where a table is unwatched; those of dropped ones when it is installed again."""
    count = "SELECT count(*) FROM pg_proc WHERE starts_with(proname, 'plait_changed')"
    before = await writer.fetchval(count)
    await writer.execute(
        "CREATE TABLE brief (id int PRIMARY KEY); SELECT plait_watch('brief');"
        "CREATE TABLE short (id int PRIMARY KEY); SELECT plait_watch('short')"
    )
    assert await writer.fetchval(count) == before + 2
    await writer.execute("SELECT plait_unwatch('brief'); DROP TABLE short")
    assert await writer.fetchval(count) == before + 1
    for statement in INSTALL:
        await writer.execute(statement)
    assert await writer.fetchval(count) == before
    await writer.execute("INSERT INTO things VALUES (1, 'x')")
    assert [change.keys for change in await changes(events, writer)] == [((1,),)]


async def test_who_watches_needs_not_own_what_another_made(writer, events) -> None:
    """The right TRIGGER is enough to watch a table anew, under a function of one's own."""
    await writer.execute(
        "CREATE ROLE feed_watcher; GRANT INSERT, TRIGGER ON things TO feed_watcher;"
        "GRANT CREATE ON SCHEMA public TO feed_watcher"
    )
    try:
        await writer.execute("SET ROLE feed_watcher")
        assert await writer.fetchval("SELECT plait_watch('things')") == ["id"]
        await writer.execute("INSERT INTO things (id) VALUES (9)")
        await writer.execute("RESET ROLE")
        assert [change.keys for change in await changes(events, writer)] == [((9,),)]
        for statement in INSTALL:
            await writer.execute(statement)
    finally:
        await writer.execute("RESET ROLE; SELECT plait_unwatch('things')")
        await writer.execute("DROP OWNED BY feed_watcher; DROP ROLE feed_watcher")


async def test_a_writer_without_rights_to_the_functions(writer, events) -> None:
    """Who may write the table is heard; who may not alter it can neither watch nor unwatch it."""
    await writer.execute(
        "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;"
        "GRANT EXECUTE ON FUNCTION plait_watch, plait_unwatch, plait_source TO PUBLIC;"
        "CREATE ROLE feed_writer; GRANT INSERT ON things TO feed_writer"
    )
    try:
        await writer.execute("SET ROLE feed_writer")
        await writer.execute("INSERT INTO things (id) VALUES (9)")
        for function in ("plait_watch", "plait_unwatch"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await writer.execute(f"SELECT {function}('things')")
        await writer.execute("RESET ROLE")
        assert [change.keys for change in await changes(events, writer)] == [((9,),)]
    finally:
        await writer.execute("RESET ROLE; DROP OWNED BY feed_writer; DROP ROLE feed_writer")


async def test_installing_again_keeps_what_is_watched_and_removing_leaves_nothing(
    writer, events
) -> None:
    """A new version of the functions serves the triggers that are there."""
    for statement in INSTALL:
        await writer.execute(statement)
    await writer.execute("INSERT INTO things VALUES (1, 'x')")
    assert len(await changes(events, writer)) == 1
    for statement in REMOVE:
        await writer.execute(statement)
    assert await writer.fetchval("SELECT count(*) FROM pg_proc WHERE proname ~ '^plait_'") == 0
    assert await writer.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^plait_'") == 0
    await writer.execute("INSERT INTO things VALUES (2, 'untold')")
