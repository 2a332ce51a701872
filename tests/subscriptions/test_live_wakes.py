"""Which changes make a live query look again: those that may change what its answer shows."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from caching import shelves
from caching.conftest import until
from caching.test_heard_columns import OUTSIDE, statements
from caching.test_precise_tags import EXAMPLES, reads
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from subscriptions import held
from writes.stand import standing

from gateway.execution.exchange import GraphQLRequest
from gateway.sources.postgres.feed.functions import INSTALL
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from writes.stand import Stand

SCRIPT = ";".join(
    [
        shelves.SCRIPT,
        *INSTALL,
        *(f"select plait_watch('{table.name}')" for table in shelves.metadata.sorted_tables),
    ]
)


@pytest.fixture(scope="module")
async def stand(module_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Stand]:
    """A gateway that hears of all changes and keeps nothing."""
    options = {"PLAIT_CACHE_ENABLED": "false", "POSTGRES_CHANGE_FEED": "on"}
    addresses = {"POSTGRES_URL": await module_database()}
    async with standing("caching.shelves", SCRIPT, addresses, **options) as made:
        (feed,) = made.gateway.changes.values()
        await until(lambda: feed.live)
        yield made


class Follower:
    """One who follows a live query: the last answer, and how many there were."""

    last: Any = None
    count = 0

    async def follow(self, stand: Stand, document: str, variables: Any = None) -> None:
        request = GraphQLRequest(document, variables=variables)
        answers = stand.gateway.subscriptions.stream(request, lambda: ANONYMOUS)
        async with aclosing(answers):
            async for answer in answers:
                self.last = json.loads(answer.body)
                self.count += 1


@asynccontextmanager
async def following(
    stand: Stand, document: str, variables: Any = None, live: str = "@live(throttle: 10)"
) -> AsyncIterator[Follower]:
    """Somebody who follows a query, made live, and has its first answer."""
    opening = document.index("{", document.find(")") if document.startswith("query") else 0)
    query = "" if document.startswith("query") else "query "
    made = Follower()
    asked = f"{query}{document[:opening]}{live} {document[opening:]}"
    task = asyncio.ensure_future(made.follow(stand, asked, variables))
    try:
        await until(lambda: made.count or task.done())
        assert not task.done(), task.result()
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


def looks(stand: Stand) -> int:
    """How often the rows were asked for, by whomever."""
    figures = stand.gateway.groups["postgres"].figures()
    return int(figures["sent"] + figures["joined"])


MARKER = "{ loan(id: 6) { reader } }"
MARK = """insert into loans (id, reader) values (6, '') on conflict (id) do update
  set reader = loans.reader || '!'"""


async def heard(stand: Stand, marker: Follower) -> None:
    """Wait until all that was committed so far was heard, and whom it concerns looks."""
    count = marker.count
    await stand.connection.execute(MARK)
    await until(lambda: marker.count > count)


async def test_an_update_wakes_those_who_show_its_row(stand: Stand) -> None:
    """Of a hundred who follow a row each, one: nobody else asks the database anything."""
    await stand.connection.execute(shelves.FILL)
    await stand.connection.execute(
        "insert into people (id, name) select n, 'old' from generate_series(101, 200) n"
    )
    async with AsyncExitStack() as stack:
        await heard(stand, await stack.enter_async_context(following(stand, MARKER)))
        document = "query R($n: Int!) { person(id: $n) { name } }"
        followers = [
            await stack.enter_async_context(following(stand, document, {"n": number}))
            for number in range(101, 201)
        ]
        assert stand.gateway.changes["default"].figures()["subscribers"] == 1
        before = looks(stand)
        for number in (150, 160):
            await stand.connection.execute("update people set name = 'new' where id = $1", number)
            follower = followers[number - 101]
            await until(lambda follower=follower: follower.count == 2)
            assert follower.last == {"data": {"person": {"name": "new"}}}
        assert looks(stand) - before == 2
        assert sum(follower.count for follower in followers) == 102
    await until(lambda: stand.gateway.changes["default"].figures()["subscribers"] == 0)


MORE = {
    "another row": (
        "{ person(id: 2) { name teacher { name } } }",
        "update people set name = 'new' where id = 3",
        False,
    ),
    "the row that is referred to": (
        "{ person(id: 2) { name teacher { name } } }",
        "update people set name = 'new' where id = 1",
        True,
    ),
    "a row that was not there": (
        "{ person(id: 77) { name } }",
        "insert into people (id, name) values (77, 'new')",
        True,
    ),
    "a row of another part of the query": (
        "{ person(id: 2) { name } works(first: 2) { nodes { title } } }",
        "update works set title = 'new' where id = 1",
        True,
    ),
    "a row that no part shows": (
        "{ person(id: 2) { name } works(first: 2) { nodes { title } } }",
        "update people set name = 'new' where id = 3",
        False,
    ),
    "any row, under an aggregate": (
        "{ works { aggregate { max { title } } } }",
        "update works set shelf = 'a' where id = 7",
        True,
    ),
    "any row, under a row rule": (
        "{ shelves { nodes { code } } }",
        "update shelves set room = 'new' where code = 'a'",
        True,
    ),
}


@pytest.mark.parametrize("case", [*OUTSIDE, *MORE])
async def test_a_change_wakes_whom_it_may_concern(stand: Stand, case: str) -> None:
    """By the rows that are shown, those that come and go, and the columns that make a list."""
    document, sql, wakes = (OUTSIDE | MORE)[case]
    await stand.connection.execute(shelves.FILL)
    async with following(stand, MARKER) as marker:
        await heard(stand, marker)
        async with following(stand, document) as follower:
            before = looks(stand) - marker.count
            await stand.connection.execute(sql)
            await heard(stand, marker)
            await until(lambda: (looks(stand) - marker.count > before) is wakes)
            truth = await stand.ask(document)
            await until(lambda: follower.last == truth)


async def test_what_changes_under_a_first_reading_is_read_again(
    module_database: Callable[[], Awaitable[str]],
) -> None:
    """The reading began before the change, which is heard before it is known what is shown."""
    script = ";".join([held.SCRIPT, *INSTALL, "select plait_watch('held_notes')"])
    options = {"PLAIT_CACHE_ENABLED": "false", "POSTGRES_CHANGE_FEED": "on"}
    addresses = {"POSTGRES_URL": await module_database()}
    async with standing("subscriptions.held", script, addresses, **options) as stand:
        (feed,) = stand.gateway.changes.values()
        await until(lambda: feed.live)
        await stand.connection.execute(f"select pg_advisory_lock({held.HELD})")
        follower = Follower()
        document = "query @live(throttle: 10) { note(id: 1) { text } }"
        task = asyncio.ensure_future(follower.follow(stand, document))
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        async with asyncio.timeout(20):
            while not await stand.value(waiting):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.005)
        told = feed.figures()["messages"]
        await stand.connection.execute("update held_notes set text = 'after'")
        await until(lambda: feed.figures()["messages"] > told and not feed.figures()["queued"])
        await stand.connection.execute(f"select pg_advisory_unlock({held.HELD})")
        await until(lambda: follower.count == 2)
        assert follower.last == {"data": {"note": {"text": "after"}}}
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.timeout(60 + 4 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # what fails takes seconds to fail
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    asked=st.lists(reads, min_size=2, max_size=6),
    steps=st.lists(st.tuples(statements, st.booleans()), min_size=1, max_size=8),
)
async def test_no_change_is_missed(
    stand: Stand, asked: list[tuple[str, int]], steps: list[tuple[str, bool]]
) -> None:
    """Whatever is read and written, while answers are read and between: they end at the truth."""
    await stand.connection.execute(shelves.FILL)
    wanted = [(document, {"n": number}) for document, number in asked]
    async with AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(following(stand, *one)) for one in wanted]
        for place, (sql, waits) in enumerate(steps, 1):
            with suppress(asyncpg.IntegrityConstraintViolationError):
                await stand.connection.execute(sql)
            if waits or place == len(steps):
                truth = [await stand.ask(*one) for one in wanted]
                await until(lambda truth=truth: [follower.last for follower in followers] == truth)
