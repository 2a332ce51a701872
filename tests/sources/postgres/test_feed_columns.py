"""Which columns an update changed, as the change feed tells it: compared with the rows themselves."""

from __future__ import annotations

from feeding import changes, connected
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.sources.postgres.feed import Operation

# Values that are equal to their type and not as text, or look alike in JSON.
VALUES = {
    "whole": ["1", "2", "NULL"],
    "words": ["'word'", "'Word'", "'null'", "NULL"],
    "exact": ["1.0", "1.00", "'NaN'"],
    "rough": ["0.3", "0.1::float8 + 0.2::float8", "0", "'-0'", "'Infinity'"],
    "padded": ["'a'", "'a '", "''", "NULL"],
    "flag": ["true", "false", "NULL"],
    "octets": [r"'\x00'", r"'\x0000'", "NULL"],
    "at": ["'2024-03-31 01:30+00'", "'2024-03-31 02:30+01'", "'infinity'", "'2024-03-31 01:31+00'"],
    "span": ["'1 mon'", "'30 days'", "'720:00'", "'-1 day 2:00'"],
    "document": ["'null'", "NULL", """'{"a": 1}'""", """'{"a": 1.0}'""", "'[]'"],
    "plain": ["'null'", "NULL", """'{"a": 1}'""", """'{"a":1}'""", r"""'["\u0000"]'"""],
    "kept": ["'null'", "NULL", "'1'"],
    "list": ["'{}'", "'{1,2}'", "'{2,1}'", "'{1,NULL}'", "NULL"],
    "spot": ["'(1,2)'", "'(1,2.5)'", "NULL"],
    "pair": ["NULL", "ROW(NULL, NULL)", "ROW(1, 'x')", "ROW(1, NULL)"],
    "mood": ["'good'", "'bad'", "NULL"],
}
TYPES = {
    "whole": "int",
    "words": "text",
    "exact": "numeric",
    "rough": "float8",
    "padded": "char(4)",
    "flag": "boolean",
    "octets": "bytea",
    "at": "timestamptz",
    "span": "interval",
    "document": "jsonb",
    "plain": "json",
    "kept": "document",
    "list": "int[]",
    "spot": "point",
    "pair": "pair",
    "mood": "mood",
}
VAGUE = {"document", "plain", "kept"}
ROWS = 4
TABLE = f"""
CREATE DOMAIN document AS jsonb;
CREATE TYPE pair AS (x int, y text);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE things_of_all_kinds (
    id int PRIMARY KEY, gone text, {", ".join(f"{name} {kind}" for name, kind in TYPES.items())},
    doubled int GENERATED ALWAYS AS (whole * 2) STORED,
    halved int GENERATED ALWAYS AS (whole / 2) VIRTUAL,
    moves int NOT NULL DEFAULT 0
);
ALTER TABLE things_of_all_kinds DROP gone;
CREATE FUNCTION count_moods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.moves := OLD.moves + (NEW.mood IS DISTINCT FROM OLD.mood)::int; RETURN NEW; END $$;
CREATE TRIGGER count_moods BEFORE UPDATE ON things_of_all_kinds
    FOR EACH ROW EXECUTE FUNCTION count_moods();
SELECT plait_watch('things_of_all_kinds');
"""
FILL = f"""
TRUNCATE things_of_all_kinds;
INSERT INTO things_of_all_kinds (id) SELECT n FROM generate_series(1, {ROWS}) AS n;
"""  # noqa: S608 - all above
LARGE = "SELECT string_agg(sha256(n::text::bytea)::text, '') FROM generate_series(1, 5000) AS n"
COLUMNS = [*TYPES, "doubled", "halved", "moves"]
SHOWN = ", ".join(f"format('%s %s', num_nulls({name}), {name}) AS {name}" for name in COLUMNS)


async def told(events, writer, *statements: str) -> list[tuple[str, ...] | None]:
    """The columns that the updates among these are told to have changed, in order."""
    for statement in statements:
        await writer.execute(statement)
    found = await changes(events, writer)
    return [
        change.changed and tuple(sorted(change.changed))
        for change in found
        if change.operation is Operation.UPDATE
    ]


sets = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in names})
)
updates = st.tuples(sets, st.sets(st.integers(1, ROWS)), st.booleans())


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(steps=[({"rough": value}, {1}, False) for value in VALUES["rough"][:2]])
@given(steps=st.lists(updates, min_size=1, max_size=8))
async def test_told_is_what_the_rows_show(url, feed, steps) -> None:
    """Of any types, by triggers and generated columns too, whatever the session has set.

    Told beside it are only columns in which a null may hide a change: those of JSON, and generated
    ones that are not stored. A row in which JSON has no form may make it any column.
    """
    async with connected(url) as writer, connected(url) as reader:
        if await reader.fetchval("SELECT to_regclass('things_of_all_kinds')") is None:
            await reader.execute(TABLE)
        await reader.execute(FILL)
        await writer.execute(
            "SET extra_float_digits = -10; SET intervalstyle = 'sql_standard';"
            "SET timezone = 'Europe/Berlin'; SET datestyle = 'German'; SET search_path = public"
        )
        show = f"SELECT id, {SHOWN} FROM things_of_all_kinds ORDER BY id"  # noqa: S608 - all above
        before = await reader.fetch(show)
        with feed.subscribe() as events:
            for values, ids, partly in steps:
                given = ", ".join(
                    f"{name} = CASE WHEN id > 2 THEN {name} ELSE ({value})::{TYPES[name]} END"
                    if partly
                    else f"{name} = ({value})::{TYPES[name]}"
                    for name, value in values.items()
                )
                where = ", ".join(map(str, ids)) or "0"
                found = await told(
                    events,
                    writer,
                    f"UPDATE things_of_all_kinds SET {given} WHERE id IN ({where})",  # noqa: S608 - all above
                )
                after = await reader.fetch(show)
                if not ids:
                    assert found == []
                    continue
                (columns,) = found
                pairs = [*zip(after, before, strict=True)]
                changed = {name for name in COLUMNS if any(a[name] != b[name] for a, b in pairs)}
                nulls = {
                    name
                    for name in VAGUE
                    if any(row[name] in {"1 ", "0 null"} for row in after if row["id"] in ids)
                }
                unformed = any("u0000" in row["plain"] for row in [*after, *before])
                if columns is None:
                    assert unformed
                else:
                    assert changed <= {*columns} <= changed | nulls | {"halved"}
                before = after


async def test_what_makes_it_any_column(feed, writer) -> None:
    """Another key, no key, many or large rows, long names, other kinds of statements."""
    long = ", ".join(f"a_{n:03}_{'x' * 50} int" for n in range(30))
    await writer.execute(
        f"CREATE TABLE long (id int PRIMARY KEY, {long}); SELECT plait_watch('long')"
    )
    await writer.execute(
        "INSERT INTO long VALUES (1);"
        "INSERT INTO things SELECT n, 'x' FROM generate_series(1, 501) AS n;"
        "INSERT INTO loose VALUES ('a')"
    )
    names = [f"a_{n:03}_{'x' * 50}" for n in range(30)]
    with feed.subscribe() as events:
        assert (
            await told(
                events,
                writer,
                "UPDATE things SET id = 1000 WHERE id = 1",
                "UPDATE loose SET name = 'b'",
                "UPDATE things SET name = 'y'",
                "UPDATE things SET name = 'z' WHERE id <= 500",
                f"UPDATE things SET name = ({LARGE}) WHERE id = 2",  # noqa: S608 - all above
                "UPDATE things SET name = name WHERE id = 2",
                f"UPDATE long SET {', '.join(f'{name} = 1' for name in names)}",  # noqa: S608 - all above
                f"UPDATE long SET {', '.join(f'{name} = 2' for name in names[:3])}",  # noqa: S608 - all above
            )
            == [None, None, None, ("name",), None, None, None, tuple(names[:3])]
        )
        await writer.execute("INSERT INTO pairs VALUES ('n', 'r', 1)")
        await writer.execute("DELETE FROM pairs; TRUNCATE pairs")
        assert {change.changed for change in await changes(events, writer)} == {None}


async def test_names_that_mean_something_else(feed, writer) -> None:
    """Columns called as the function's own names, or in need of quotes."""
    names = [
        *("keys", "changed", "number", "name", "line", "cell", "n", "o", "a", "t", "after"),
        *("before", "same", "new", "old", "plait_rows", "plait_old", "tg_op", "json_each"),
        *('quote " "" \' \\', "ключ", "Upper"),
    ]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    await writer.execute(
        f"CREATE TABLE odd (id int PRIMARY KEY, {', '.join(f'{name} int' for name in quoted)});"  # noqa: S608 - all above
        "INSERT INTO odd VALUES (1); SELECT plait_watch('odd')"
    )
    with feed.subscribe() as events:
        found = await told(events, writer, *(f"UPDATE odd SET {name} = 1" for name in quoted))  # noqa: S608 - all above
        assert found == [(name,) for name in names]
        assert await told(events, writer, "UPDATE odd SET keys = 1") == [()]


async def test_columns_that_come_and_go(feed, writer, url) -> None:
    """Sessions that have written before tell the table's columns as they are now."""
    with feed.subscribe() as events:
        await writer.execute("INSERT INTO things VALUES (1, 'x'), (2, 'y')")
        assert await told(events, writer, "UPDATE things SET name = name || 'y'") == [("name",)]
        async with connected(url) as other:
            for change, update, expected in (
                ("ADD score int DEFAULT 7", "score = 8", ("score",)),
                ("ADD note text", "note = 'n', name = 'z'", ("name", "note")),
                ("DROP score", "note = 'm'", ("note",)),
                ("RENAME note TO remark", "remark = 'r'", ("remark",)),
                ("ALTER remark TYPE text[] USING ARRAY[remark]", "remark = '{}'", ("remark",)),
                ("ADD double bigint GENERATED ALWAYS AS (id * 2) STORED", "name = 'a'", ("name",)),
            ):
                await other.execute(f"ALTER TABLE things {change}")
                assert await told(events, writer, f"UPDATE things SET {update}") == [expected]  # noqa: S608 - all above


async def test_a_comparison_that_fails_never_fails_a_write(feed, writer) -> None:
    """It is any column then, and the keys are told all the same."""
    await writer.execute(
        "CREATE TYPE touchy AS ENUM ('x');"
        "CREATE FUNCTION refuse(touchy) RETURNS json LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no JSON of this'; END $$;"
        "CREATE CAST (touchy AS json) WITH FUNCTION refuse(touchy);"
        "ALTER TABLE things ADD touch touchy;"
        "INSERT INTO things VALUES (1, 'a', NULL), (2, 'b', 'x')"
    )
    with feed.subscribe() as events:
        await writer.execute("UPDATE things SET name = 'c' WHERE id = 1")
        await writer.execute("UPDATE things SET name = 'd'")
        found = (await changes(events, writer))[-2:]
    assert [(change.changed, sorted(change.keys)) for change in found] == [
        (("name",), [(1,)]),
        (None, [(1,), (2,)]),
    ]


async def test_a_row_that_one_statement_changes_twice(feed, writer) -> None:
    """By way of two foreign keys: both columns, of a row that is told twice."""
    await writer.execute(
        "CREATE TABLE ends (id int PRIMARY KEY);"
        "CREATE TABLE edges (id int PRIMARY KEY, tail int REFERENCES ends ON UPDATE CASCADE,"
        " head int REFERENCES ends ON UPDATE CASCADE, weight int);"
        "INSERT INTO ends VALUES (1), (2); INSERT INTO edges VALUES (5, 1, 2, 0), (6, 2, 1, 0);"
        "SELECT plait_watch('edges')"
    )
    with feed.subscribe() as events:
        found = await told(events, writer, "UPDATE ends SET id = id + 10")
    assert set(found) <= {("head",), ("tail",), ("head", "tail")}
    assert {name for columns in found for name in columns} == {"head", "tail"}


async def test_upserts_merges_and_partitions(feed, writer) -> None:
    """Whatever way an update takes."""
    await writer.execute(
        "CREATE TABLE halves (id int, side text, note text, PRIMARY KEY (id, side))"
        " PARTITION BY LIST (side);"
        "CREATE TABLE lefts (note text, side text NOT NULL, id int NOT NULL);"
        "ALTER TABLE halves ATTACH PARTITION lefts FOR VALUES IN ('left');"
        "CREATE TABLE rights PARTITION OF halves FOR VALUES IN ('right');"
        "SELECT plait_watch('halves');"
        "INSERT INTO halves VALUES (1, 'left', 'a'), (2, 'right', 'b')"
    )
    with feed.subscribe() as events:
        assert await told(
            events,
            writer,
            "UPDATE halves SET note = note || 'x'",
            "UPDATE lefts SET note = 'direct'",
            "INSERT INTO halves VALUES (1, 'left', 'c') ON CONFLICT (id, side)"
            " DO UPDATE SET note = excluded.note",
            "MERGE INTO halves USING (VALUES (1)) AS given (id) ON halves.id = given.id"
            " WHEN MATCHED THEN UPDATE SET note = 'd'",
            "UPDATE halves SET note = 'd', side = 'left' WHERE id = 1",
            "UPDATE halves SET side = 'right' WHERE id = 1",
        ) == [("note",), ("note",), ("note",), ("note",), (), None]


async def test_a_partition_that_drops_what_is_moved_to_it(feed, writer) -> None:
    """The row is gone, and its key is told."""
    await writer.execute(
        "CREATE TABLE bins (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE low PARTITION OF bins FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE high PARTITION OF bins FOR VALUES FROM (10) TO (20);"
        "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER drop_it BEFORE INSERT ON high FOR EACH ROW EXECUTE FUNCTION drop_it();"
        "SELECT plait_watch('bins'); INSERT INTO bins VALUES (1), (2)"
    )
    with feed.subscribe() as events:
        await writer.execute("UPDATE bins SET id = id + 10 WHERE id = 1")
        assert await writer.fetch("SELECT id FROM bins") == [(2,)]
        change = (await changes(events, writer))[-1]
    assert (change.operation, change.keys, change.changed) == (Operation.UPDATE, ((1,),), None)


async def test_messages_of_former_functions(feed, writer) -> None:
    """They do not say which columns: any."""
    message = (
        '{"table":["public","things"],"operation":"UPDATE","columns":["id"],"keys":[[1]],'
        '"number":1,"transaction":7}'
    )
    with feed.subscribe() as events:
        await writer.execute("SELECT pg_notify('plait_changes', $1)", message)
        await writer.execute("SET plait.messages = 1")
        (change,) = await changes(events, writer)
    assert (change.keys, change.changed) == (((1,),), None)
