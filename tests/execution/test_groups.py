"""The rules of sharing, one by one, on a source that ends executions when told to."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import LIST, ROWS, Bench, listing, row

from gateway.errors import SourceOverloaded, SourceTimeout
from gateway.sources.contract import Prepared

# On an idle system nothing waits.


async def test_an_idle_system_sends_in_the_call_itself() -> None:
    """The source is called before the caller gives way even once; no task is made for it."""
    bench = Bench()
    for work in (
        bench.groups.single(LIST, (1,), bench.start + 9),
        bench.groups.by_key(ROWS, [(1,)], (), bench.start + 9),
    ):
        before = len(bench.source.executions)
        work.send(None)
        assert len(bench.source.executions) == before + 1
        assert not bench.groups._tasks
        work.close()
    assert bench.is_empty()


async def test_the_request_reaches_the_source_as_it_is() -> None:
    """Plan, keys, arguments and deadline arrive unchanged."""
    bench = Bench()
    call = await bench.rows(1, 2, arguments=("x",), after=7.0)
    (execution,) = bench.under_way
    assert execution.prepared is ROWS
    assert list(execution.batch.keys) == [(1,), (2,)]
    assert execution.batch.arguments == ("x",)
    assert execution.deadline == bench.start + 7.0
    await bench.answer()
    assert await call == [row(1, ("x",)), row(2, ("x",))]
    assert bench.is_empty()


async def test_no_keys_ask_nothing() -> None:
    """An empty list of keys is answered without the source."""
    bench = Bench()
    assert await (await bench.rows()) == []
    assert not bench.source.executions
    assert bench.is_empty()


# A read joins only what has not been sent.


async def test_at_most_two_executions_of_a_group_the_third_gathers() -> None:
    """Two are sent at once; all who come then share the next one."""
    bench = Bench(concurrency=10)
    calls = [await bench.rows(key) for key in range(6)]
    assert [execution.keys for execution in bench.under_way] == [[0], [1]]
    await bench.answer()
    assert [execution.keys for execution in bench.under_way] == [[1], [2, 3, 4, 5]]
    await bench.answer_all()
    assert [await call for call in calls] == [[row(key)] for key in range(6)]
    assert len(bench.source.executions) == 3
    assert bench.is_empty()


async def test_a_late_joiner_gets_a_new_execution() -> None:
    """What was sent before a read arrived never answers it, not even the same read."""
    bench = Bench(concurrency=10, in_flight=1)
    first = await bench.list("same")
    late = await bench.list("same")
    await bench.answer()
    assert first.done()
    assert not late.done()
    later = await bench.list("same")
    await bench.answer()
    assert late.done()
    assert not later.done()
    await bench.answer()
    assert len(bench.source.executions) == 3
    assert await later == listing("same")


async def test_identical_reads_share_while_they_wait() -> None:
    """Thirty identical reads behind two are one execution."""
    bench = Bench(concurrency=10)
    calls = [await bench.list("a", 1) for _ in range(32)]
    await bench.answer_all()
    assert len(bench.source.executions) == 3
    assert {await call for call in calls} == {listing("a", 1)}


async def test_keys_are_looked_up_once_and_answered_by_place() -> None:
    """Several members that want the same key share it; repeated keys are answered each time."""
    bench = Bench(in_flight=1)
    first = await bench.rows(9)
    calls = [await bench.rows(3, 1, 3), await bench.rows(1, 2), await bench.rows(2, 3)]
    await bench.answer()
    assert bench.under_way[0].keys == [3, 1, 2]
    await bench.answer()
    assert await first == [row(9)]
    assert [await call for call in calls] == [
        [row(3), row(1), row(3)],
        [row(1), row(2)],
        [row(2), row(3)],
    ]


async def test_repeated_keys_of_a_lone_call() -> None:
    """Also without company a key is asked for once and answered as often as it was given."""
    bench = Bench()
    call = await bench.rows(2, 1, 2, 2)
    assert bench.under_way[0].keys == [2, 1]
    await bench.answer()
    assert await call == [row(2), row(1), row(2), row(2)]


async def test_executions_are_bounded_and_larger_requests_split() -> None:
    """No execution has more keys than `batch`; the parts come back as one answer, in order."""
    bench = Bench(concurrency=3, batch=4, in_flight=3)
    call = await bench.rows(*range(10), 0)
    assert [execution.keys for execution in bench.under_way] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    await bench.answer(2)
    await bench.answer(1)
    await bench.answer(0)
    assert await call == [row(key) for key in [*range(10), 0]]
    assert bench.is_empty()


async def test_a_full_execution_is_not_joined() -> None:
    """Keys that do not fit go into the next one; keys already there always fit."""
    bench = Bench(batch=3, in_flight=1)
    calls = [await bench.rows(0), await bench.rows(1, 2), await bench.rows(3, 4)]
    calls += [await bench.rows(4), await bench.rows(5)]
    await bench.answer_all()
    assert [execution.keys for execution in bench.source.executions] == [[0], [1, 2], [3, 4, 5]]
    for call in calls:
        assert call.done()


# What differs never shares.


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), (0, False), ("1", 1), ((1, (2,)), (1, (2.0,))), (None, 0), ("a", b"a")],
)
async def test_equal_in_python_is_not_the_same_argument(one: Any, other: Any) -> None:
    """Arguments are compared by value and type, however deep."""
    bench = Bench(concurrency=10, in_flight=1)
    calls = [await bench.list(one), await bench.list(other), await bench.list(one)]
    assert len(bench.under_way) == 2
    await bench.answer_all()
    assert [await call for call in calls] == [listing(one), listing(other), listing(one)]


async def test_equal_in_python_is_not_the_same_key() -> None:
    """Neither are keys."""
    bench = Bench(in_flight=1)
    calls = [
        await bench.rows(0),
        await bench.rows(1),
        await bench.rows(key := True),
        await bench.rows(1.0),
    ]
    await bench.answer_all()
    assert [await call for call in calls] == [[row(0)], [row(1)], [row(key)], [row(1.0)]]


async def test_plans_and_arguments_never_mix() -> None:
    """Each plan and set of arguments, the viewer's among them, has executions of its own."""
    bench = Bench(concurrency=1)
    other = Prepared(source="scripted", by_key=True)
    calls = [
        await bench.rows(1),
        await bench.rows(2, arguments=("a",)),
        await bench.rows(3, arguments=("b",)),
        await bench.rows(4, arguments=(1,)),
        await bench.rows(5, arguments=(True,)),
        await bench.rows(6, prepared=other),
    ]
    await bench.answer_all()
    assert len(bench.source.executions) == len(calls)
    for call, given in zip(calls, [(), ("a",), ("b",), (1,), (True,), ()], strict=True):
        (value,) = await call
        assert value.endswith(f"{given!r})".encode())


# Different arguments wait for a slot only.


async def test_one_slow_argument_beside_fast_ones() -> None:
    """While one set of arguments never ends, all others are served as if it were not there."""
    bench = Bench(concurrency=3)
    slow = [await bench.list("slow") for _ in range(10)]
    assert [execution.batch.arguments for execution in bench.under_way] == [("slow",)] * 2
    for number in range(100):
        fast = await bench.list(number)
        assert bench.under_way[-1].batch.arguments == (number,)
        await bench.answer(2)
        assert fast.done()
    assert not any(call.done() for call in slow)
    await bench.answer_all()
    assert all(call.done() for call in slow)
    assert len(bench.source.executions) == 103


async def test_slow_arguments_hold_no_other_group_back_in_the_queue() -> None:
    """One slow in a hundred: the fast behind it start in the order of their arrival."""
    bench = Bench(concurrency=2)
    await bench.list("slow")
    calls = [await bench.list(number) for number in range(99)]
    for _ in calls:
        await bench.answer(1)
    assert all(call.done() for call in calls)
    order = [execution.batch.arguments[0] for execution in bench.source.executions]
    assert order == ["slow", *range(99)]
    await bench.answer_all()


async def test_the_source_is_never_given_more_than_it_can_take() -> None:
    """Over all groups no more executions are under way than the source's `concurrency`."""
    bench = Bench(concurrency=3)
    calls = [await bench.list(number % 7) for number in range(40)]
    calls += [await bench.rows(number) for number in range(40)]
    assert len(bench.under_way) == 3
    await bench.answer_all()
    assert bench.source.most == 3
    assert all(call.done() for call in calls)
    assert bench.is_empty()


async def test_the_oldest_waiting_execution_goes_first() -> None:
    """Age counts from the first member, over all plans; one held by its own group keeps its age."""
    bench = Bench(concurrency=1, in_flight=1)
    await bench.list("x")
    await bench.list("x")
    await bench.rows(1)
    await bench.list("y")
    await bench.rows(2)
    await bench.answer_all()
    asked = [
        execution.keys if execution.prepared is ROWS else execution.batch.arguments
        for execution in bench.source.executions
    ]
    assert asked == [("x",), ("x",), [1, 2], ("y",)]


# Bounds.


async def test_the_queue_is_bounded() -> None:
    """One call more than may wait is refused at once; there is room again when some were sent."""
    bench = Bench(concurrency=1, max_waiting=3)
    calls = [await bench.list(number) for number in range(4)]
    for refused in (await bench.list("new"), await bench.list(2), await bench.rows(*range(500))):
        assert isinstance(refused.exception(), SourceOverloaded)
    await bench.answer()
    calls.append(await bench.list("room"))
    await bench.answer_all()
    assert all(call.exception() is None for call in calls)
    assert bench.is_empty()


async def test_without_grouping_nothing_is_shared() -> None:
    """Every call is an execution of its own, still within slots, deadlines and bounds."""
    bench = Bench(concurrency=2, enabled=False, batch=2, max_waiting=20)
    calls = [await bench.list("same") for _ in range(4)]
    calls += [await bench.rows(1) for _ in range(4)]
    late = await bench.rows(1, after=5.0)
    split = await bench.rows(1, 2, 3)
    assert len(bench.under_way) == 2
    await bench.at(6.0)
    assert isinstance(late.exception(), SourceTimeout)
    await bench.answer_all()
    assert all(call.exception() is None for call in calls)
    assert await split == [row(1), row(2), row(3)]
    assert len(bench.source.executions) == 10
    assert bench.source.most == 2
    assert bench.is_empty()


async def test_without_grouping_one_call_may_use_all_slots() -> None:
    """The bound of a group is for sharing; there is none where nothing is shared."""
    bench = Bench(concurrency=4, enabled=False)
    for _ in range(4):
        await bench.list("same")
    assert len(bench.under_way) == 4
    await bench.answer_all()
