"""Writes that meet each other, a lock, the deadline, or a client that leaves."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from writes import shop_tables
from writes.stand import code_of, standing

from gateway.execution.mutations import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from writes.stand import Stand

FIRST_THEN_SECOND = (
    'mutation @transaction(isolation: %s) { a: updateShelf(id: 1, set: {label: "mine"}) { rank }'
    ' b: updateShelf(id: 2, set: {label: "mine"}) { rank } }'
)
ONE = "mutation { updateShelf(id: 1, set: {rank: 5}) { rank } }"
FLAKY = """
create sequence tries;
create function flaky() returns trigger language plpgsql as $$
begin
  if nextval('tries') <= tg_argv[0]::int then
    raise exception using errcode = tg_argv[1];
  end if;
  return new;
end $$;
"""


@pytest.fixture(autouse=True)
async def shelves(stand: Stand) -> None:
    """Two shelves, 1 and 2."""
    await stand.connection.execute("insert into shelves (code, rank) values ('a', 1), ('b', 2)")


@asynccontextmanager
async def another(stand: Stand, *statements: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A client of its own in a transaction that has run these statements; undone at the end."""
    connection = await asyncpg.connect(stand.url, timeout=10)
    try:
        await connection.execute("begin")
        for statement in statements:
            await connection.execute(statement, timeout=30)
        yield connection
    finally:
        await connection.close(timeout=10)


@pytest.mark.parametrize("isolation", ["REPEATABLE_READ", "SERIALIZABLE"])
async def test_a_serialization_failure_is_tried_again(isolation: str, stand: Stand) -> None:
    """The whole transaction runs anew and sees what the other committed."""
    async with another(stand, "update shelves set rank = 20 where id = 2") as other:
        asking = asyncio.create_task(stand.data(FIRST_THEN_SECOND % isolation))
        await stand.blocked()
        await other.execute("commit")
        assert await asking == {"a": {"rank": 1}, "b": {"rank": 20}}
    assert await stand.rows("select label, rank from shelves order by id") == [
        ("mine", 1),
        ("mine", 20),
    ]


async def test_two_serializable_transactions_that_exclude_each_other(stand: Stand) -> None:
    """Of two that each read what the other writes one is tried again: as if one after the other."""
    document = (
        "mutation @transaction(isolation: SERIALIZABLE) {"
        ' updateShelves(where: {code: {eq: "%s"}}, set: {code: "%s"}) { id } }'
    )
    there, back = document % ("a", "b2"), document % ("b2", "c")
    for _ in range(5):
        await asyncio.gather(stand.data(there), stand.data(back))
        code = await stand.value("select code from shelves where id = 1")
        assert code in {"b2", "c"}
        await stand.connection.execute("update shelves set code = 'a' where id = 1")


async def test_a_deadlock_is_tried_again(stand: Stand) -> None:
    """The server ends one of the two; where it is ours, it runs anew and both succeed."""
    await stand.connection.execute(
        "do $$ begin execute format('alter database %I set deadlock_timeout = ''50ms''',"
        " current_database()); end $$"
    )
    try:
        async with (
            another(stand, "set deadlock_timeout = '60s'") as other,
            another(stand, "insert into shelves (code) values ('gate')") as gate,
        ):
            await other.execute("update shelves set rank = 20 where id = 2")
            asking = asyncio.create_task(
                stand.data(
                    'mutation @transaction { a: updateShelf(id: 1, set: {label: "mine"}) { rank }'
                    ' gate: upsertShelf(input: {code: "gate"}) { code }'
                    ' b: updateShelf(id: 2, set: {label: "mine"}) { rank } }'
                )
            )
            await stand.blocked()
            crossing = asyncio.create_task(
                other.execute("update shelves set rank = 10 where id = 1")
            )
            await _waits(stand, other.get_server_pid())
            await gate.execute("commit")
            await crossing
            await other.execute("commit")
            assert await asking == {"a": {"rank": 10}, "gate": {"code": "gate"}, "b": {"rank": 20}}
    finally:
        await stand.connection.execute(
            "do $$ begin execute format('alter database %I reset deadlock_timeout',"
            " current_database()); end $$"
        )


async def _waits(stand: Stand, pid: int) -> None:
    async with asyncio.timeout(30):
        while not await stand.value("select cardinality(pg_blocking_pids($1)) > 0", pid):  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
@pytest.mark.parametrize("failures", [ATTEMPTS - 1, ATTEMPTS])
async def test_conflicts_have_a_bound(failures: int, sqlstate: str, stand: Stand) -> None:
    """So many attempts and no more; then the client is told that it may try again itself."""
    await stand.connection.execute(
        FLAKY + "create trigger flaky before update on shelves for each row execute function"
        f" flaky('{failures}', '{sqlstate}')"
    )
    try:
        for document in (ONE, ONE.replace("mutation", "mutation @transaction")):
            await stand.connection.execute("alter sequence tries restart")
            body = await stand.ask(document)
            if failures < ATTEMPTS:
                assert body == {"data": {"updateShelf": {"rank": 5}}}
            else:
                assert body["data"] == {"updateShelf": None}
                assert code_of(body["errors"][0]) == "TRANSACTION_ROLLED_BACK"
            assert await stand.value("select last_value from tries") == ATTEMPTS
    finally:
        await stand.connection.execute(
            "drop trigger flaky on shelves; drop function flaky; drop sequence tries"
        )


@pytest.mark.parametrize("directive", ["", "@transaction"])
async def test_the_deadline_in_mid_transaction(directive: str, stand: Stand) -> None:
    """A lock that is not given in time: a typed error, all undone, the connection fit for use."""
    document = (
        f'mutation {directive} {{ a: insertShelf(input: {{code: "x"}}) {{ id }}'
        " b: updateShelf(id: 1, set: {rank: 5}) { rank } }"
    )
    async with another(stand, "select from shelves where id = 1 for update"):
        body = await stand.ask(document, seconds=1.0)
        assert body["data"]["b"] is None
        error = body["errors"][-1]
        assert (error["path"], code_of(error)) == (["b"], "SOURCE_TIMEOUT")
        kept = await stand.value("select count(*) from shelves where code = 'x'")
        assert kept == (0 if directive else 1)
        await stand.quiet()
    assert await stand.data(ONE) == {"updateShelf": {"rank": 5}}


async def test_a_deadline_that_has_passed(stand: Stand) -> None:
    """Nothing is begun."""
    error = await stand.error(ONE, seconds=-1.0)
    assert code_of(error) == "SOURCE_TIMEOUT"
    assert await stand.value("select rank from shelves where id = 1") == 1


async def test_the_deadline_ends_the_servers_work(stand: Stand) -> None:
    """The server itself knows until when a transaction may take, should nobody tell it."""
    await stand.data(ONE)
    with stand.statements() as heard:
        await stand.data(ONE, seconds=20.0)
    limits = {
        name: int(value)
        for name, value in (
            part.removeprefix("SET LOCAL ").split(" = ")
            for part in heard[0].split("; ")
            if part.startswith("SET LOCAL")
        )
    }
    assert 0 < limits["statement_timeout"] <= 20_000
    assert limits["idle_in_transaction_session_timeout"] > limits["statement_timeout"]


async def test_a_client_that_leaves(stand: Stand) -> None:
    """The transaction is undone at once; nothing waits for the lock any more."""
    document = (
        'mutation @transaction { insertShelf(input: {code: "x"}) { id }'
        " updateShelf(id: 1, set: {rank: 5}) { rank } }"
    )
    async with another(stand, "select from shelves where id = 1 for update"):
        asking = asyncio.create_task(stand.answer(document))
        await stand.blocked()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await stand.quiet()
    assert await stand.rows("select code, rank from shelves order by id") == [("a", 1), ("b", 2)]
    assert await stand.data(ONE) == {"updateShelf": {"rank": 5}}


async def test_a_migration_between_two_writes(stand: Stand) -> None:
    """Connections remember statements of tables that changed since: no write fails for that."""
    update = 'mutation { updateSample(id: 1, set: {label: "x"}) { id label ref } }'
    await stand.connection.execute("insert into samples default values")
    assert await stand.data(update) == {"updateSample": {"id": 1, "label": "x", "ref": None}}
    await stand.connection.execute("alter table samples alter id type bigint")
    try:
        assert await stand.data(update) == {"updateSample": {"id": 1, "label": "x", "ref": None}}
    finally:
        await stand.connection.execute("alter table samples alter id type integer")


async def test_more_writes_than_connections(fresh_database: FreshDatabase, redis_url: str) -> None:
    """A write that gets no connection in time is refused as such, long before its deadline."""
    rows = "insert into shelves (code) values ('a')"
    async with standing(
        "writes.shop",
        shop_tables.script(shop_tables.metadata, rows),
        {"POSTGRES_URL": await fresh_database(), "REDIS_URL": redis_url},
        POSTGRES_MAX_OVERFLOW="1",
        POSTGRES_POOL_TIMEOUT="0.1",
    ) as small:
        async with another(small, "select from shelves where id = 1 for update"):
            first = asyncio.create_task(small.data(ONE))
            await small.blocked()
            error = await small.error('mutation { insertShelf(input: {code: "b"}) { id } }')
            assert code_of(error) == "SOURCE_OVERLOADED"
            assert not first.done()
        assert await first == {"updateShelf": {"rank": 5}}
        assert await small.data(ONE) == {"updateShelf": {"rank": 5}}


async def test_many_writers_at_once(stand: Stand) -> None:
    """Fifty mutations over four connections: every increment of the version counts once."""
    document = "mutation { updateShelfLocked(id: 1, set: {rank: 5}) { version } }"
    answers = await asyncio.gather(*(stand.data(document) for _ in range(50)))
    versions = sorted(answer["updateShelfLocked"]["version"] for answer in answers)
    assert versions == list(range(2, 52))
