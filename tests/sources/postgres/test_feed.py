"""What a change feed tells of committed changes, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from feeding import changes, connected, following, listening, until

from gateway.errors import ConfigurationError, SourceTimeout, SourceUnavailable
from gateway.sources.contract import Budget
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.feed import ChangeFeed, Loss, Lost, Operation

INSERT, UPDATE, DELETE, TRUNCATE = Operation


def soon(seconds: float = 10.0) -> Budget:
    return Budget(asyncio.get_running_loop().time() + seconds)


def told(found: list) -> list:
    """Operation and keys."""
    return [(change.operation, change.keys) for change in found]


async def test_each_kind_of_statement_tells_its_keys(feed, writer) -> None:
    """One event a statement, with the keys of exactly the rows it touched."""
    with feed.subscribe() as events:
        await writer.execute("INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
        await writer.execute("UPDATE things SET name = 'x' WHERE id > 1")
        await writer.execute("UPDATE things SET id = 30 WHERE id = 3")
        await writer.execute("DELETE FROM things WHERE id = 1")
        await writer.execute("DELETE FROM things WHERE id = 1")
        await writer.execute("TRUNCATE things")
        found = await changes(events, writer)
    assert {(change.table, change.columns) for change in found} == {("things", ("id",))}
    assert [(operation, keys and sorted(keys)) for operation, keys in told(found)] == [
        (INSERT, [(1,), (2,), (3,)]),
        (UPDATE, [(2,), (3,)]),
        (UPDATE, [(3,), (30,)]),
        (DELETE, [(1,)]),
        (TRUNCATE, None),
    ]


async def test_what_one_statement_does_in_several_ways(feed, writer) -> None:
    """Upserts and MERGE tell each part of what they did, COPY is an insert."""
    with feed.subscribe() as events:
        await writer.copy_records_to_table("things", records=[(1, "a"), (2, "b")])
        await writer.execute(
            "INSERT INTO things VALUES (2, 'x'), (3, 'y') ON CONFLICT (id) DO UPDATE SET name = 'z'"
        )
        await writer.execute("INSERT INTO things VALUES (3, 'y') ON CONFLICT DO NOTHING")
        await writer.execute(
            "MERGE INTO things USING (VALUES (1), (4)) AS given (id) ON things.id = given.id"
            " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (given.id, 'm')"
        )
        found = await changes(events, writer)
    assert sorted(told(found)[1:]) == [
        (DELETE, ((1,),)),
        (INSERT, ((3,),)),
        (INSERT, ((4,),)),
        (UPDATE, ((2,),)),
    ]
    assert told(found)[0] == (INSERT, ((1,), (2,)))


async def test_composite_keys_come_in_the_order_of_the_key(feed, writer) -> None:
    """Not in the order of the table's columns, and without columns that are merely included."""
    awkward = 'quote " \\ comma , tab \t snow ☃'
    with feed.subscribe() as events:
        await writer.execute("INSERT INTO pairs VALUES ('n', $1, 7)", awkward)
        (change,) = await changes(events, writer)
    assert change.columns == ("left_id", "right_id")
    assert change.keys == ((7, awkward),)


async def test_a_table_without_a_primary_key_changes_as_a_whole(feed, writer) -> None:
    """There is nothing to tell its rows apart by."""
    with feed.subscribe() as events:
        await writer.execute("INSERT INTO loose VALUES ('a')")
        (change,) = await changes(events, writer)
    assert (change.columns, change.keys) == ((), None)


async def test_nothing_is_told_of_what_is_rolled_back(feed, writer) -> None:
    """Neither of transactions nor of savepoints, and no number is missing because of them."""
    with feed.subscribe() as events:
        for commit in (False, True, False, True):
            transaction = writer.transaction()
            await transaction.start()
            await writer.execute("INSERT INTO things (name) VALUES ('outer')")
            inner = writer.transaction()
            await inner.start()
            await writer.execute("DELETE FROM things")
            await inner.rollback()
            await writer.execute("INSERT INTO pairs VALUES ('n', $1, 1)", str(commit))
            await (transaction.commit() if commit else transaction.rollback())
            await writer.execute("DELETE FROM pairs")
        found = await changes(events, writer)
    assert [(change.table, change.operation) for change in found] == [
        ("things", INSERT),
        ("pairs", INSERT),
        ("pairs", DELETE),
    ] * 2
    assert found[0].transaction == found[1].transaction < found[2].transaction
    assert [change.number for change in found] == [1, 2, 3, 4, 5, 6]
    assert feed.figures()["gap"] == 0


async def test_numbers_survive_functions_with_settings_of_their_own(feed, writer) -> None:
    """They are kept in a session setting: a function's SET keeps them, RESET ALL starts anew."""
    await writer.execute(
        "CREATE FUNCTION add() RETURNS void LANGUAGE plpgsql SET work_mem = '1MB' AS $$"
        " BEGIN INSERT INTO things (name) VALUES ('f'); END $$"
    )
    with feed.subscribe() as events:
        await writer.execute("SELECT add(), add()")
        await writer.execute("INSERT INTO things (name) VALUES ('g')")
        await writer.execute("RESET ALL")
        await writer.execute("SELECT add()")
        found = await changes(events, writer)
    assert [change.number for change in found] == [1, 2, 3, 1]


async def test_cascades_tell_their_own_tables(feed, writer) -> None:
    """Rows that go because others went are told, once per statement, not per row."""
    await writer.execute(
        "CREATE TABLE parts (id int PRIMARY KEY, thing bigint REFERENCES things ON DELETE CASCADE);"
        "INSERT INTO things SELECT n, 't' FROM generate_series(1, 50) AS n;"
        "INSERT INTO parts SELECT n, n FROM generate_series(1, 50) AS n;"
        "SELECT plait_watch('parts')"
    )
    with feed.subscribe(["parts", "marks"]) as events:
        await writer.execute("DELETE FROM things WHERE id <= 40")
        (change,) = await changes(events, writer)
    assert (change.operation, len(change.keys)) == (DELETE, 40)


async def test_many_rows_are_few_messages(feed, writer) -> None:
    """10,000 rows are one event of the whole table; up to 500 keep their keys, in chunks."""
    with feed.subscribe() as events:
        await writer.execute("INSERT INTO things SELECT n, 'x' FROM generate_series(1, 10000) AS n")
        await writer.execute("UPDATE things SET name = 'y'")
        await writer.execute("UPDATE things SET name = 'z' WHERE id <= 500")
        await writer.execute("UPDATE things SET name = 'z' WHERE id <= 501")
        await writer.execute(
            "INSERT INTO pairs SELECT 'n', repeat('é', 20), n FROM generate_series(1, 500) AS n"
        )
        found = await changes(events, writer)
    whole = [change for change in found if change.keys is None]
    assert [change.operation for change in whole] == [INSERT, UPDATE, UPDATE]
    keyed = [change for change in found if change.operation is UPDATE and change.keys]
    assert [len(change.keys) for change in keyed] == [500]
    chunks = [change.keys for change in found if change.table == "pairs"]
    assert 2 <= len(chunks) <= 8
    assert sorted(key[0] for chunk in chunks for key in chunk) == list(range(1, 501))
    assert feed.figures()["messages"] == len(found) + 1


async def test_keys_too_long_for_messages(feed, writer) -> None:
    """A key that fits no message, or keys that need too many, stand for the whole table."""
    with feed.subscribe() as events:
        await writer.execute("INSERT INTO pairs VALUES ('n', repeat('x', 2000), 1)")
        await writer.execute(
            "INSERT INTO pairs SELECT 'n', repeat('x', 2000), n FROM generate_series(2, 9) AS n"
        )
        await writer.execute(
            "INSERT INTO pairs SELECT 'n', repeat('x', 2000), n FROM generate_series(10, 90) AS n"
        )
        # Control characters are six bytes each in JSON: 12,000 of them.
        await writer.execute("INSERT INTO pairs VALUES ('n', repeat(chr(1), 2000), 100)")
        found = await changes(events, writer)
    counts = [change.keys and len(change.keys) for change in found]
    assert counts[0] == 1
    assert sum(counts[1:-2]) == 8
    assert max(counts[1:-2]) < 8
    assert counts[-2:] == [None, None]


async def test_order_of_commit_not_of_execution(url, feed, writer) -> None:
    """Changes come when they are committed, those of a transaction without others between."""
    with feed.subscribe() as events:
        async with connected(url) as other:
            transaction = writer.transaction()
            await transaction.start()
            await writer.execute("INSERT INTO things VALUES (1, 'first executed')")
            await other.execute("INSERT INTO things VALUES (2, 'first committed')")
            await writer.execute("INSERT INTO things VALUES (3, 'later')")
            await transaction.commit()
            found = await changes(events, other)
    assert [change.keys for change in found] == [((2,),), ((1,),), ((3,),)]
    assert found[0].session != found[1].session == found[2].session


async def test_a_change_is_visible_when_it_is_told(url, feed, writer) -> None:
    """Whoever reads after the event reads the new row."""
    with feed.subscribe(["things"]) as events:
        async with connected(url) as reader:
            for n in range(50):
                await writer.execute("INSERT INTO things VALUES ($1, 'x')", n)
                await following(events)
                assert await reader.fetchval("SELECT count(*) FROM things") == n + 1


async def test_subscribers_get_their_tables_each(feed, writer) -> None:
    """Two subscribers do not take each other's events, and get those of their tables only."""
    await writer.execute(
        "CREATE SCHEMA other; CREATE TABLE other.things (id int PRIMARY KEY);"
        "SELECT plait_watch('other.things')"
    )
    names = ("things", "other.things")
    with feed.subscribe(names[:1]) as ours, feed.subscribe(names[1:]) as others:
        with feed.subscribe() as events:
            await writer.execute("INSERT INTO things VALUES (1, 'x')")
            await writer.execute("INSERT INTO other.things VALUES (2)")
            found = await changes(events, writer)
        assert [change.table for change in found] == ["things", "other.things"]
        assert (await following(ours)).keys == ((1,),)
        assert (await following(others)).keys == ((2,),)
        assert (len(ours), len(others)) == (0, 0)
    with pytest.raises(TypeError):
        feed.subscribe("things")


async def test_a_slow_subscriber_is_told_so_and_goes_on(url, writer) -> None:
    """It loses its own queue only, gets one `Lost` for it, and later changes again."""
    async with listening(url, queue=10) as feed:
        with feed.subscribe(["things"]) as slow, feed.subscribe() as quick:
            for _ in range(35):
                await writer.execute("INSERT INTO things (name) VALUES ('x')")
                assert (await following(quick)).operation is INSERT
            lost = await following(slow)
            assert isinstance(lost, Lost)
            assert (lost.tables, lost.reason) == (frozenset({"things"}), Loss.OVERFLOW)
            rest = [await following(slow) for _ in range(len(slow))]
            assert not any(isinstance(event, Lost) for event in rest)
            await writer.execute("DELETE FROM things WHERE id = 1")
            assert (await following(slow)).operation is DELETE
            assert feed.figures()["overflow"] == 3


async def test_subscribers_that_leave_are_forgotten(feed) -> None:
    """Closed or merely dropped, no subscription stays behind, and closing ends its iteration."""
    closed, dropped = feed.subscribe(), feed.subscribe()
    gone = weakref.ref(dropped)
    assert feed.figures()["subscribers"] == 2
    waiting = asyncio.create_task(anext(closed, None))
    await asyncio.sleep(0)
    closed.close()
    closed.close()
    del dropped
    gc.collect()
    assert gone() is None
    assert feed.figures()["subscribers"] == 0
    async with asyncio.timeout(10):
        assert await waiting is None


async def test_a_message_that_is_none_of_ours(feed, writer) -> None:
    """Anybody may send on the channel: what cannot be read counts as a loss, and harms nothing."""
    with feed.subscribe() as events:
        for message in ("", "{", "null", '{"table":["public","things"]}', "[" * 5000):
            await writer.execute("SELECT pg_notify('plait_changes', $1)", message)
        await until(lambda: feed.figures()["unreadable"] == 5)
        assert (await following(events)).reason is Loss.UNREADABLE
        await writer.execute("INSERT INTO things VALUES (1, 'x')")
        assert [change.keys for change in await changes(events, writer)] == [((1,),)]


async def test_a_gap_in_the_numbers_is_a_loss(feed, writer) -> None:
    """A number that does not follow its session's last one tells that a message is missing."""
    with feed.subscribe(["things"]) as events:
        await writer.execute("INSERT INTO things VALUES (1, 'x')")
        assert (await following(events)).number == 1
        await writer.execute("SET plait.messages = 5")
        await writer.execute("INSERT INTO things VALUES (2, 'x')")
        lost, change = await following(events), await following(events)
        assert (lost.reason, lost.tables) == (Loss.GAP, frozenset({"things"}))
        assert change.number == 6


async def test_subscribers_from_before_the_feed_listens(url, writer) -> None:
    """They are told to read anew when it does; those who come later need not."""
    feed = ChangeFeed(Connector(url))
    early = feed.subscribe()
    await writer.execute("INSERT INTO things VALUES (1, 'unheard')")
    assert not feed.live
    assert not (await feed.check(soon())).ready
    await feed.open()
    await feed.open()
    assert feed.live
    later = feed.subscribe()
    first = await following(early)
    assert (first.reason, first.tables) == (Loss.CONNECTED, None)
    assert await changes(later, writer) == []
    await feed.close()
    await feed.close()
    assert [event async for event in later] == []
    with pytest.raises(SourceUnavailable):
        feed.subscribe()


async def test_channels_are_apart(url, writer) -> None:
    """A table that is watched on another channel is heard there only."""
    await writer.execute("SELECT plait_watch('things', 'mine')")
    async with listening(url) as usual, listening(url, channel="mine") as mine:
        with usual.subscribe() as events, mine.subscribe() as own:
            await writer.execute("INSERT INTO things VALUES (1, 'x')")
            assert await changes(events, writer) == []
            assert (await following(own)).keys == ((1,),)
        assert await usual.watched(soon()) == {"pairs", "loose", "marks"}
        assert await mine.watched(soon()) == {"things"}
    with pytest.raises(ConfigurationError):
        ChangeFeed(url, channel="No; channel")


async def test_watched_tells_whole_watches_only(feed, writer) -> None:
    """A table with a trigger off is not announced in full."""
    await writer.execute("ALTER TABLE things DISABLE TRIGGER plait_deleted")
    await writer.execute("CREATE SCHEMA other; CREATE TABLE other.one (id int)")
    await writer.execute("SELECT plait_watch('other.one')")
    assert await feed.watched(soon()) == {"pairs", "loose", "marks", "other.one"}
    with pytest.raises(SourceTimeout):
        await feed.watched(soon(-1.0))


async def test_health(feed) -> None:
    """A feed that listens answers a probe; one without time for it does not, and stays alive."""
    health = await feed.check(soon())
    assert health.ready
    assert health.figures["live"] == 1
    assert not (await feed.check(soon(-1.0))).ready
    assert (await feed.check(soon())).ready


async def test_a_feed_that_cannot_listen(postgres_url: str) -> None:
    """Start-up tells an unreachable server from wrong credentials, and quotes neither."""
    scheme, rest = postgres_url.split("://")
    user, place = rest.split(":", 1)[0], rest.split("@")[1]
    for address, kind in (
        ("postgresql://plait:hunter2@127.0.0.1:1/plait", SourceUnavailable),
        (f"{scheme}://{user}:hunter2@{place}", ConfigurationError),
    ):
        feed = ChangeFeed(address)
        with pytest.raises(kind) as refused:
            await feed.open()
        assert "hunter2" not in refused.value.message
        await feed.close()
