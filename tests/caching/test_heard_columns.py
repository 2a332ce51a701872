"""Which cached answers end with what the change feed tells: no more than a write of ours ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import asyncpg
import pytest
from caching import shelves
from caching.conftest import until
from caching.test_precise_tags import (
    ADMIN,
    EXAMPLES,
    begin,
    codes,
    names,
    numbers,
    reads,
    replica,
    states,
    stored,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.sources.postgres.feed.functions import INSTALL

WATCHED = ("people", "desks", "shelves", "works", "copies", "loans", "marks")
SCRIPT = ";".join(
    [
        shelves.SCRIPT,
        "create table marks (id integer primary key)",
        *INSTALL,
        *(f"select plait_watch('{name}')" for name in WATCHED),
    ]
)


@pytest.fixture(scope="module")
async def stands(engines, module_database):
    """Two replicas that hear of what others write."""
    url, redis, prefix = await module_database(), engines.urls.redis, "heard-columns"
    async with AsyncExitStack() as stack:
        made = [
            await replica(stack, redis, url, prefix, script, POSTGRES_CHANGE_FEED="on")
            for script in (SCRIPT, "select 1")
        ]
        for stand in made:
            (feed,) = stand.gateway.changes.values()
            cache = stand.gateway.cache.cache
            await until(lambda feed=feed, cache=cache: feed.live and cache.leased)
        yield made


@pytest.fixture(scope="module")
async def plain(engines, stands):
    """A gateway over the same rows that keeps nothing."""
    async with AsyncExitStack() as stack:
        url, off = stands[0].url, {"PLAIT_CACHE_ENABLED": "false"}
        yield await replica(stack, engines.urls.redis, url, "unused", "select 1", **off)


async def heard(stands):
    """Wait until each replica has invalidated what was committed so far."""
    feeds = [feed for stand in stands for feed in stand.gateway.changes.values()]
    subscriptions = [feed.subscribe({"marks"}) for feed in feeds]
    await stands[0].connection.execute(
        "insert into marks select coalesce(max(id), 0) + 1 from marks"
    )
    for events, feed, stand in zip(subscriptions, feeds, stands, strict=True):
        with events:
            await anext(events)
            await until(lambda feed=feed: not feed.figures()["queued"])
            await stand.gateway.cache.reads.outside.settled()
            cache = stand.gateway.cache.cache
            await until(lambda cache=cache: not cache._invalidations)


async def kept(stands, document):
    """The answer of a query, in the memory of every replica."""
    await begin(stands)
    await heard(stands)
    await stored(stands[0], document)
    for stand in stands:
        await stand.ask(document)
        assert await states(stand, document) == {"memory"}


BY_TITLE = "{ works(first: 2, orderBy: [{title: ASC}]) { nodes { id } } }"
NEW = '{ works(where: {title: {eq: "new"}}) { totalCount nodes { id } } }'
OUTSIDE = {
    "a column that is no order": (BY_TITLE, "update works set shelf = 'a' where id > 2", False),
    "a column that is no condition": (NEW, "update works set author_id = 1 where id = 7", False),
    "a column that orders": (BY_TITLE, "update works set title = 'aaa' where id = 7", True),
    "a column of a condition": (NEW, "update works set title = 'new' where id = 7", True),
    "no column": (BY_TITLE, "update works set title = title, shelf = shelf", False),
    "a row that it shows": (BY_TITLE, "update works set shelf = 'a' where id = 1", True),
    "another key": (BY_TITLE, "update works set id = 70 where id = 7", True),
    "a row that comes": (BY_TITLE, "insert into works (title) values ('aaa')", True),
    "a row that goes": (BY_TITLE, "delete from works where id = 7", True),
    "all rows": (BY_TITLE, "truncate works cascade", True),
    "a column by a trigger": (
        "{ people(first: 1, orderBy: [{changes: DESC}]) { nodes { id } } }",
        "update people set name = 'new' where id = 4",
        True,
    ),
    "one of two by an upsert": (
        BY_TITLE,
        """insert into works (id, title, shelf) select id, title, 'b' from works where id = 7
           on conflict (id) do update set title = excluded.title, shelf = excluded.shelf""",
        False,
    ),
    "a table between": (
        "{ person(id: 2) { name works { nodes { title } } } }",
        "update works set author_id = 2 where id = 8",
        True,
    ),
    "a condition on another type": (
        '{ works(where: {author: {name: {eq: "x"}}}) { nodes { title } } }',
        "update people set teacher_id = null where id = 5",
        True,
    ),
}


@pytest.mark.parametrize("case", OUTSIDE)
async def test_an_outside_write_ends_what_hangs_on_its_columns(stands, case):
    """On both replicas; what hangs on other columns alone is served on out of memory."""
    document, sql, ends = OUTSIDE[case]
    await kept(stands, document)
    await stands[0].connection.execute(sql)
    await heard(stands)
    found = [await states(stand, document) for stand in stands]
    if ends:
        assert found[0] == {"miss"}
        assert found[1] <= {"miss", "shared"}
    else:
        assert found == [{"memory"}] * 2


@pytest.mark.parametrize(
    "mutation",
    [
        "setWork(id: 7, set: {authorId: 3}) { id }",
        'setWorks(where: {id: {gt: 2}}, set: {shelf: "a"}) { id }',
        'setPerson(id: 4, set: {name: "new"}) { id }',
    ],
)
async def test_the_echo_of_a_write_of_ours_ends_nothing_more(stands, mutation):
    """What the write left alone is left alone when the feed tells of it."""
    await kept(stands, BY_TITLE)
    await stands[0].data(f"mutation {{ {mutation} }}", viewer=ADMIN)
    assert await states(stands[0], BY_TITLE) == {"memory"}
    await heard(stands)
    assert [await states(stand, BY_TITLE) for stand in stands] == [{"memory"}] * 2


def _sql(text, *values):
    quoted = (
        f"'{value.replace(chr(39), chr(39) * 2)}'" if isinstance(value, str) else value
        for value in values
    )
    return text.format(*quoted)


def _statement(text, *values):
    return st.builds(_sql, st.just(text), *values)


statements = st.one_of(
    _statement("update people set name = {} where id <= {}", names, numbers),
    _statement("update people set teacher_id = {} where id = {}", numbers, numbers),
    _statement("update people set id = id + 10 where id = {}", numbers),
    _statement("update works set title = {} where id >= {}", names, numbers),
    _statement("update works set title = {}, shelf = shelf where id = {}", names, numbers),
    _statement(
        "update works set author_id = {}, shelf = {} where id = {}", numbers, codes, numbers
    ),
    _statement("update copies set shelf = {} where work_id = {}", codes, numbers),
    _statement("update copies set state = {} where shelf = {}", names, codes),
    _statement("update shelves set room = {} where code = {}", names, codes),
    _statement("update desks set person_id = null, label = {} where id = {}", names, numbers),
    _statement("insert into works (title, author_id) values ({}, {})", names, numbers),
    _statement("delete from people where id = {}", numbers),
)


@pytest.mark.timeout(60 + 4 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    asked=st.lists(reads, min_size=3, max_size=6),
    steps=st.lists(statements, min_size=1, max_size=6),
)
async def test_no_read_after_a_write_was_heard_shows_what_was_there_before(
    stands, plain, asked, steps
):
    """Whatever others write and is read, while reads are under way: the truth."""
    await begin(stands)
    asked = [(document, {"n": number}) for document, number in asked]

    async def everywhere():
        return await asyncio.gather(
            *(stand.ask(document, given) for stand in stands for document, given in asked)
        )

    await heard(stands)
    await everywhere()
    for sql in steps:
        under_way = asyncio.ensure_future(everywhere())
        with suppress(asyncpg.IntegrityConstraintViolationError):
            await stands[1].connection.execute(sql)
        await heard(stands)
        truth = [{"data": await plain.data(*one)} for one in asked]
        assert await everywhere() == truth * 2
        await under_way
        assert await everywhere() == truth * 2
