"""Reads through both levels, on a real Valkey."""

from __future__ import annotations

import asyncio

import pytest
from caching.conftest import MINUTE, Table, Times, in_redis, read, until, want

from gateway.caching.answers import State
from gateway.caching.assembly import Options
from gateway.caching.cache import MOST_BY_PATTERN, UNCLEAR_SECONDS
from gateway.caching.policy import Policy
from gateway.caching.shared import Kept
from gateway.errors import Code, PlaitError, SourceTimeout, SourceUnavailable
from gateway.sources.cache import Sought
from gateway.sources.contract import Pieces
from gateway.sources.redis.cache import RedisCacheStore


def states(answers):
    return [answer.state for answer in answers]


async def test_a_miss_then_hits(make):
    """The source is asked once; then memory answers here, and Redis on another replica."""
    table = Table(a="1")
    here, there = await make(), await make()
    (first,) = await read(here, table, "a")
    assert (first.value, first.state) == (b"1", State.MISS)
    (second,) = await read(here, table, "a")
    assert (second.value, second.state) == (b"1", State.MEMORY)
    await stored(there, "a")
    (third,) = await read(there, table, "a")
    assert (third.value, third.state) == (b"1", State.SHARED)
    assert states(await read(there, table, "a")) == [State.MEMORY]
    assert table.calls == [["a"]]


async def stored(cache, *names):
    """Wait until Redis has these rows: answers leave before they are stored."""
    keys = [want(name).key for name in names]
    for _ in range(1_000):
        if all([await in_redis(cache, key) for key in keys]):
            return
        await asyncio.sleep(0.002)
    raise AssertionError("never stored")


async def test_only_what_is_missing_is_asked_for(make):
    """45 of 50 rows cached: the five others are read in one call, and the order holds."""
    names = [str(number) for number in range(50)]
    table = Table(**{name: f'"{name}"' for name in names})
    cache = await make()
    await read(cache, table, *names[5:])
    answers = await read(cache, table, *names)
    assert [answer.value for answer in answers] == [f'"{name}"'.encode() for name in names]
    assert table.calls == [names[5:], names[:5]]


async def test_a_name_asked_for_twice_is_one_question(make):
    """The same key several times in one call, missing or not, costs the source once."""
    table = Table(a="1")
    cache = await make()
    assert [one.value for one in await read(cache, table, "a", "a", "a")] == [b"1"] * 3
    assert table.calls == [["a"]]


async def test_a_row_that_is_not_there_is_remembered(make):
    """None is an answer too, in both levels."""
    table = Table()
    here, there = await make(), await make()
    assert [one.value for one in await read(here, table, "gone")] == [None]
    await stored(there, "gone")
    assert [one.value for one in await read(there, table, "gone")] == [None]
    assert table.calls == [["gone"]]


async def test_an_error_is_given_and_forgotten(make):
    """A failure is every waiter's, is stored nowhere, and the next read asks again."""
    table = Table(a="1")
    table.error = SourceUnavailable("away")
    cache = await make()
    answers = await asyncio.gather(*(read(cache, table, "a") for _ in range(5)))
    errors = [answer.value for (answer,) in answers]
    assert all(isinstance(error, SourceUnavailable) for error in errors)
    assert len({id(error) for error in errors}) == 5
    assert len(table.calls) == 1
    table.error = None
    assert [one.value for one in await read(cache, table, "a")] == [b"1"]


async def test_invalidated_everywhere_before_it_returns(make):
    """After `invalidate` no replica answers with what was there before."""
    table = Table(a="1", b="1")
    caches = [await make() for _ in range(3)]
    for cache in caches:
        await read(cache, table, "a", "b")
    table.rows["a"] = "2"
    assert await caches[0].invalidate(["Row:a"])
    for cache in caches:
        (a, b) = await read(cache, table, "a", "b")
        assert (a.value, b.value) == (b"2", b"1")
        assert b.state is State.MEMORY


async def test_a_fill_begun_before_an_invalidation_is_not_kept(make):
    """A slow source whose answer comes after the write: given to who waited, kept nowhere."""
    table = Table(a="old")
    here, there = await make(), await make()
    table.gate.clear()
    slow = asyncio.ensure_future(read(here, table, "a"))
    await until(lambda: table.calls)
    table.rows["a"] = "new"
    await there.invalidate(["Row:a"])
    later = asyncio.ensure_future(read(here, table, "a"))
    await until(lambda: len(table.calls) == 2)
    table.gate.set()
    assert [one.value for one in await slow] == [b"old"]
    assert [one.value for one in await later] == [b"new"]
    for cache in (here, there):
        assert [one.value for one in await read(cache, table, "a")] == [b"new"]


async def test_a_leader_that_leaves_harms_nobody(make):
    """The first reader is cancelled; those who joined get the answer of its one call."""
    table = Table(a="1")
    cache = await make()
    table.gate.clear()
    leader = asyncio.ensure_future(read(cache, table, "a"))
    await until(lambda: table.calls)
    others = [asyncio.ensure_future(read(cache, table, "a")) for _ in range(10)]
    await asyncio.sleep(0)
    leader.cancel()
    table.gate.set()
    answers = await asyncio.gather(*others)
    assert {answer.value for (answer,) in answers} == {b"1"}
    assert len(table.calls) == 1
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_each_waits_within_its_own_deadline(make):
    """Who has little time leaves with an error; the call goes on for the one who has more."""
    table = Table(a="1")
    cache = await make()
    table.gate.clear()
    patient = asyncio.ensure_future(read(cache, table, "a"))
    await until(lambda: table.calls)
    (hasty,) = await read(cache, table, "a", seconds=0.01)
    assert isinstance(hasty.value, SourceTimeout)
    table.gate.set()
    assert [one.value for one in await patient] == [b"1"]


async def test_stale_while_it_is_read_anew(make):
    """After its time an answer is served once more, and one call in the background renews it."""
    times = Times()
    table = Table(a="1")
    cache = await make(alone=True, clocks=times.clocks)
    policy = Policy(max_age=10.0, stale_while_revalidate=10.0)
    await read(cache, table, "a", policy=policy)
    table.rows["a"] = "2"
    times.pass_by(11)
    table.gate.clear()
    assert states(await read(cache, table, "a", policy=policy)) == [State.STALE]
    assert states(await read(cache, table, "a", policy=policy)) == [State.STALE]
    await until(lambda: len(table.calls) == 2)
    table.gate.set()
    await until(lambda: cache.figures()["flights"] == 0)
    (answer,) = await read(cache, table, "a", policy=policy)
    assert (answer.value, answer.state) == (b"2", State.MEMORY)
    assert len(table.calls) == 2


async def test_stale_in_redis_is_stale_here_too(make):
    """The windows travel with the entry: another replica serves it stale and renews it."""
    times = Times()
    table = Table(a="1")
    policy = Policy(max_age=10.0, stale_while_revalidate=10.0)
    here, there = await make(clocks=times.clocks), await make(clocks=times.clocks)
    await read(here, table, "a", policy=policy)
    await stored(there, "a")
    times.pass_by(11)
    table.rows["a"] = "2"
    assert states(await read(there, table, "a", policy=policy)) == [State.STALE]
    await until(lambda: there.figures()["flights"] == 0 and len(table.calls) == 2)


@pytest.mark.parametrize("alone", [True, False])
async def test_stale_if_the_source_fails(make, alone):
    """Within its window a stale answer stands in for an error; beyond it the error comes."""
    times = Times()
    table = Table(a="1")
    policy = Policy(max_age=10.0, stale_if_error=20.0)
    cache = await make(alone=alone, clocks=times.clocks)
    await read(cache, table, "a", policy=policy)
    if not alone:
        await stored(cache, "a")
    table.error = SourceUnavailable("away")
    times.pass_by(15)
    assert [(one.value, one.state) for one in await read(cache, table, "a", policy=policy)] == [
        (b"1", State.STALE)
    ]
    times.pass_by(20)
    (late,) = await read(cache, table, "a", policy=policy)
    assert isinstance(late.value, SourceUnavailable)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PlaitError("no", code=Code.FORBIDDEN), True),
        (Pieces((b'{"a":', PlaitError("no", code=Code.UNAUTHENTICATED), b"}")), True),
        (Pieces((b'{"a":', SourceUnavailable("away"), b"}")), False),
        (RuntimeError("broken"), False),
    ],
)
async def test_a_refusal_is_no_fault_of_the_source(make, alone, error, told):
    """Who may not have it any more gets no older answer instead (RFC 5861: errors of 500 on)."""
    times = Times()
    policy = Policy(max_age=10.0, stale_if_error=20.0)
    cache = await make(alone=alone, clocks=times.clocks)
    await read(cache, Table(a="1"), "a", policy=policy)
    if not alone:
        await stored(cache, "a")
    times.pass_by(15)

    async def load(_places, _deadline):
        return [error]

    deadline = asyncio.get_running_loop().time() + 5
    (answer,) = await cache.fetch([want("a")], policy, load, deadline)
    assert answer.value is error if told else answer.value == b"1"


@pytest.mark.parametrize("alone", [True, False])
async def test_what_was_invalidated_is_never_served_stale(make, alone):
    """Neither window holds for an answer that a write has overtaken."""
    table = Table(a="1")
    policy = Policy(max_age=0.001, stale_while_revalidate=60.0, stale_if_error=60.0)
    cache = await make(alone=alone)
    await read(cache, table, "a", policy=policy)
    if not alone:
        await stored(cache, "a")
    await cache.invalidate(["Row:a"])
    table.error = SourceUnavailable("away")
    (answer,) = await read(cache, table, "a", policy=policy)
    assert isinstance(answer.value, SourceUnavailable)


async def test_a_jump_of_the_wall_clock(make):
    """An entry from the future is a miss; memory, which has a steady clock, goes on."""
    times = Times()
    table = Table(a="1")
    cache = await make(clocks=times.clocks)
    await read(cache, table, "a")
    await stored(cache, "a")
    times.wall -= 3_600
    assert states(await read(cache, table, "a")) == [State.MISS]


async def test_values_over_the_bound_are_not_stored(make):
    """They are answered, and asked for again."""
    table = Table(a='"' + "x" * 5_000 + '"')
    options = Options(memory_bytes=10_000, max_value_bytes=1_000, early_refresh=0.0)
    cache = await make(options=options)
    await read(cache, table, "a")
    assert states(await read(cache, table, "a")) == [State.MISS]
    assert len(table.calls) == 2


async def test_all_is_invalidated_by_the_star(make):
    """`*` is a tag of everything."""
    table = Table(a="1", b="1")
    cache = await make()
    await read(cache, table, "a", "b")
    await cache.invalidate(["*"])
    assert states(await read(cache, table, "a", "b")) == [State.MISS] * 2


@pytest.mark.parametrize("alone", [True, False])
async def test_by_pattern(make, alone):
    """An operator may name tags by a pattern; others stay."""
    table = Table(**{"a1": "1", "a2": "1", "b[1]": "1"})
    cache = await make(alone=alone)
    await read(cache, table, "a1", "a2", "b[1]")
    assert await cache.invalidate_like("Row:a*") == 2
    assert states(await read(cache, table, "a1", "a2", "b[1]"))[:2] == [State.MISS] * 2
    assert [name for call in table.calls[1:] for name in call] == ["a1", "a2"]


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("pattern", ["Row:b[?]", "R*[1]", "?ow:b[*", "*[1]", "Row:b[1]"])
async def test_only_two_characters_of_a_pattern_are_special(make, alone, pattern):
    """Brackets, which tags have, stand for themselves, with Redis and without."""
    table = Table(**{"b[1]": "1", "b1": "1"})
    cache = await make(alone=alone)
    await read(cache, table, "b[1]", "b1")
    assert await cache.invalidate_like(pattern) == 1
    assert states(await read(cache, table, "b[1]", "b1"))[0] is State.MISS
    assert table.calls[1:] == [["b[1]"]]


@pytest.mark.parametrize("name", ["app[1]", "a*", "a?b", "^a\\"])
async def test_a_pattern_within_an_odd_prefix(engines, name, prefix):
    """What is special in a pattern may be part of the prefix; neighbours stay."""
    own, neighbour = (
        RedisCacheStore("cache", engines.urls.redis, prefix=prefix + one, timeout=5.0)
        for one in (name, "aXb1")
    )
    for store in (own, neighbour):
        await store.look(
            ["Row:1"], [Sought(b"k", (1,), 0)], b"t" * 8, now_ms=1, tag_ms=60_000, lock_ms=1
        )
    try:
        assert await own.tags_like("Row:*", 10) == ["Row:1"]
    finally:
        for store in (own, neighbour):
            await store.close()


async def test_what_may_yet_change_ends_again_and_again(make):
    """Once a second, for a while; of too many tags everything does. Closing ends it."""
    times, table = Times(), Table(a="1", b="1")
    cache = await make(alone=True, clocks=times.clocks)
    cache.repeat(["Row:a"])
    for _ in range(2):
        assert states(await read(cache, table, "a", "b"))[0] is State.MISS
        await until(lambda: cache.memory.find(want("a").key) is None)
    assert table.calls == [["a", "b"], ["a"]]
    times.pass_by(UNCLEAR_SECONDS)
    await until(cache._repeating.done)
    await read(cache, table, "a")
    cache.repeat(f"Row:{number}" for number in range(2_000))
    await until(lambda: cache.memory.find(want("b").key) is None)
    await cache.close()
    assert cache._repeating.cancelled()


async def test_a_pattern_of_too_many_tags_ends_everything(make):
    """None of them is left, and no more than so many are listed."""
    names = [f"a{number}" for number in range(MOST_BY_PATTERN + 500)]
    cache = await make(patience=10.0)
    table = Table(**dict.fromkeys(names, "1"), b="1")
    await read(cache, table, *names, "b", seconds=60.0)
    assert await cache.invalidate_like("Row:a*") == MOST_BY_PATTERN
    answers = await read(cache, table, *names, "b", seconds=60.0)
    assert set(states(answers)) == {State.MISS}


async def test_an_early_refresh(make):
    """Before it is stale an answer of a dear source is read anew, and served meanwhile."""
    times = Times()
    table = Table(a="1")
    cache = await make(
        alone=True, clocks=times.clocks, options=Options(early_refresh=1.0, jitter=0.0)
    )
    cache.memory._chance = lambda: 0.01
    loader = table.loader(["a"])

    async def dear(places, deadline):
        times.pass_by(1.0)
        return await loader(places, deadline)

    async def ask():
        deadline = asyncio.get_running_loop().time() + 5
        return (await cache.fetch([want("a")], MINUTE, dear, deadline))[0]

    await ask()
    seen = []
    while len(table.calls) == 1 and times.steady < 1_062:
        times.pass_by(0.25)
        seen.append((await ask()).state)
        await asyncio.sleep(0)
    assert len(table.calls) == 2
    assert set(seen) == {State.MEMORY}


async def test_refresh_on_demand(make):
    """`refresh` asks the source whatever is there, and what it gives replaces it."""
    table = Table(a="1")
    cache = await make()
    await read(cache, table, "a")
    table.rows["a"] = "2"
    deadline = asyncio.get_running_loop().time() + 5
    (answer,) = await cache.fetch([want("a")], MINUTE, table.loader(["a"]), deadline, refresh=True)
    assert answer.value == b"2"
    assert [one.value for one in await read(cache, table, "a")] == [b"2"]


async def test_a_miss_is_one_round_trip_before_the_source(make):
    """One look, then the source; what several readers filled is stored together, afterwards."""
    names = [str(number) for number in range(20)]
    table = Table(**dict.fromkeys(names, "1"))
    cache = await make()
    trips = []

    def counted(kind, call):
        async def counting(*args, **options):
            trips.append(kind)
            return await call(*args, **options)

        return counting

    store = cache.store
    store.look, store.store = counted("look", store.look), counted("store", store.store)
    loader = table.loader(["first"])

    async def load(places, deadline):
        trips.append("source")
        return await loader(places, deadline)

    deadline = asyncio.get_running_loop().time() + 5
    await cache.fetch([want("first")], MINUTE, load, deadline)
    assert trips == ["look", "source"]
    await asyncio.gather(*(read(cache, table, name) for name in names))
    await stored(cache, "first", *names)
    assert trips.count("look") == 2
    assert trips.count("store") <= 2


async def test_what_waits_to_be_stored_is_stored_at_the_end(make):
    """A gateway that closes takes no answer along that another one could use."""
    table = Table(a="1")
    here, there = await make(), await make()
    await read(here, table, "a")
    await here.close()
    assert states(await read(there, table, "a")) == [State.SHARED]


async def test_only_so_much_waits_to_be_stored(make):
    """What comes beyond the bound is answered and kept here, and not in Redis."""
    names = [f"n{number}" for number in range(1_001)]
    table = Table(a="1", **dict.fromkeys(names, "1"))
    cache = await make()
    shared = cache._filling._shared
    keys = [want(name).key for name in names[:-1]]
    shared.keep(dict.fromkeys(keys, Kept(None, b"token", {})))
    await read(cache, table, "a")
    assert len(shared._kept) <= 1_000
    assert states(await read(cache, table, "a")) == [State.MEMORY]


async def test_readers_without_a_lease_share_a_call_under_way(make):
    """Nobody's memory may be used, yet what began with the versions they find is theirs, too."""
    table = Table(a="1")
    cache = await make()
    table.gate.clear()
    first = asyncio.ensure_future(read(cache, table, "a"))
    await until(lambda: table.calls)
    await cache._coherence.close()
    others = [asyncio.ensure_future(read(cache, table, "a")) for _ in range(3)]
    await until(lambda: cache._flights._flights[want("a").key].follows)
    table.gate.set()
    answers = [answer for (answer,) in await asyncio.gather(first, *others)]
    assert [answer.value for answer in answers] == [b"1"] * 4
    assert states(answers) == [State.MISS, State.JOINED, State.JOINED, State.JOINED]
    assert table.calls == [["a"]]
