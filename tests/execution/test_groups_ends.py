"""How waiting ends otherwise than with an answer: deadlines, cancellation, failure, closing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from scripted import ROWS, Bench, listing, row, settle, until

from gateway.errors import (
    Code,
    SourceDataError,
    SourceError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.contract import Value


# Waiters leave at their own deadlines; what nobody waits for is cancelled.


async def test_each_waiter_leaves_at_its_own_deadline() -> None:
    """An execution gets its latest member's deadline; who has less leaves earlier, alone."""
    bench = Bench(in_flight=1)
    await bench.rows(0)
    short, long = await bench.rows(1, after=5.0), await bench.rows(2, after=50.0)
    await bench.answer()
    assert bench.under_way[0].deadline == bench.start + 50.0
    await bench.at(6.0)
    with pytest.raises(SourceTimeout):
        await short
    assert not long.done()
    await bench.answer()
    assert await long == [row(2)]
    assert bench.is_empty()


async def test_a_deadline_that_passes_before_sending() -> None:
    """Who leaves the queue is not asked for; its slot and record are not kept."""
    bench = Bench(concurrency=1)
    busy = await bench.list("busy")
    waiting = [await bench.list(number, after=5.0) for number in range(200)]
    assert bench.groups.figures()["waiting"] == 200
    await bench.at(6.0)
    for call in waiting:
        with pytest.raises(SourceTimeout):
            await call
    assert bench.groups.figures()["waiting"] == 0
    assert bench.groups.figures()["groups"] == 1
    assert len(bench.groups._schedule._ready) < 150
    await bench.answer()
    assert await busy == listing("busy")
    assert len(bench.source.executions) == 1
    assert bench.is_empty()


async def test_the_clock_turns_by_itself() -> None:
    """Without any help a waiter whose deadline is now leaves."""
    bench = Bench(concurrency=1)
    await bench.list("busy")
    late = await bench.list("late", after=0.0)
    with pytest.raises(SourceTimeout):
        await asyncio.wait_for(late, 10)
    await bench.answer()


async def test_an_execution_nobody_waits_for_is_cancelled() -> None:
    """When the last member leaves, by cancellation or deadline, so does the execution."""
    bench = Bench(in_flight=1)
    await bench.rows(0)
    one, two = await bench.rows(1), await bench.rows(2, after=5.0)
    await bench.answer()
    (execution,) = bench.under_way
    one.cancel()
    await settle()
    assert not execution.cancelled
    await bench.at(6.0)
    assert execution.cancelled
    assert not bench.under_way
    assert one.cancelled()
    assert isinstance(two.exception(), SourceTimeout)
    assert bench.is_empty()


async def test_a_lone_call_cancelled_cancels_its_execution() -> None:
    """What a caller sent for itself goes with it, and its slot is free again."""
    bench = Bench(concurrency=1)
    call = await bench.list("a")
    (execution,) = bench.under_way
    call.cancel()
    await settle()
    assert execution.cancelled
    assert bench.is_empty()


async def test_cancelling_one_waiter_harms_no_other() -> None:
    """Before sending and after: the others of its execution get their answers."""
    bench = Bench(in_flight=1)
    await bench.rows(0)
    calls = [await bench.rows(key) for key in (1, 2, 3, 4)]
    calls[0].cancel()
    await bench.answer()
    calls[1].cancel()
    await settle()
    await bench.answer()
    assert calls[0].cancelled()
    assert calls[1].cancelled()
    assert [await calls[2], await calls[3]] == [[row(3)], [row(4)]]
    assert bench.is_empty()


async def test_cancelled_while_it_waits_alone() -> None:
    """An execution without members is taken out of the queue, wherever it stands."""
    bench = Bench(concurrency=2, in_flight=1)
    await bench.list("a")
    behind_its_group = await bench.list("a")
    await bench.list("b")
    behind_all = await bench.list("c")
    behind_its_group.cancel()
    behind_all.cancel()
    await settle()
    assert bench.groups.figures()["waiting"] == 0
    await bench.answer_all()
    assert len(bench.source.executions) == 2
    assert bench.is_empty()


async def test_cancelled_in_the_moment_the_slot_is_handed_over() -> None:
    """A waiter that was given the lead and is cancelled before it runs gives the slot back."""
    bench = Bench(concurrency=1)
    await bench.list("a")
    lead = await bench.list("b")
    last = await bench.list("c")
    bench.under_way[0].answer()
    await until(lambda: bench.groups.figures()["waiting"] == 1)
    assert not lead.done()
    lead.cancel()
    await settle()
    assert lead.cancelled()
    assert bench.under_way[0].batch.arguments == ("c",)
    await bench.answer()
    assert await last == listing("c")
    assert bench.is_empty()


async def test_cancelled_before_a_shared_execution_begins() -> None:
    """Members that all leave between hand-over and sending leave no slot behind."""
    bench = Bench(concurrency=1)
    await bench.list("a")
    calls = [await bench.rows(1, after=5.0), await bench.rows(2, after=5.0)]
    bench.under_way[0].answer()
    await until(lambda: bool(bench.groups._tasks))
    await bench.at(6.0)
    assert {type(call.exception()) for call in calls} == {SourceTimeout}
    assert len(bench.source.executions) == 1
    assert bench.is_empty()


async def test_keys_may_join_until_the_moment_of_sending() -> None:
    """Between hand-over and sending an execution by key is still open."""
    bench = Bench(concurrency=1)
    await bench.list("a")
    first = await bench.rows(1)
    bench.under_way[0].answer()
    await until(lambda: bool(bench.groups._tasks))
    joined = asyncio.create_task(bench.groups.by_key(ROWS, [(2,)], (), bench.start + 9))
    joining = bench.groups.by_key(ROWS, [(3,)], (), bench.start + 9)
    joining.send(None)
    await settle()
    assert bench.under_way[0].keys[:2] == [1, 3]
    joining.close()
    await bench.answer_all()
    assert await first == [row(1)]
    assert await joined == [row(2)]
    assert bench.is_empty()


async def test_a_split_call_cancelled_leaves_all_its_parts() -> None:
    """Parts under way are cancelled, parts that wait are taken out, others stay unharmed."""
    bench = Bench(concurrency=2, batch=2)
    split = await bench.rows(*range(8))
    assert len(bench.under_way) == 2
    other = await bench.list("other")
    split.cancel()
    await settle()
    assert [execution.cancelled for execution in bench.source.executions[:2]] == [True, True]
    await bench.answer_all()
    assert await other == listing("other")
    assert len(bench.source.executions) == 3
    assert bench.is_empty()


# Failures.


async def test_a_data_error_of_a_batch_is_retried_singly_once() -> None:
    """Each member asks for its own keys again; only the guilty one fails."""
    bench = Bench(concurrency=8, in_flight=2)
    await bench.rows(90)
    await bench.rows(91)
    calls = [await bench.rows(1, 2), await bench.rows(2, 3), await bench.rows(4)]
    await bench.answer(0)
    await bench.fail(SourceDataError("bad", extensions={"sqlstate": "22012"}), 1)
    await bench.answer(0)
    assert [execution.keys for execution in bench.under_way] == [[1, 2], [2, 3]]
    await bench.fail(SourceDataError("bad", extensions={"sqlstate": "22012"}), 1)
    await bench.answer_all()
    assert await calls[0] == [row(1), row(2)]
    with pytest.raises(SourceDataError) as failed:
        await calls[1]
    assert failed.value.details == {"sqlstate": "22012"}
    assert await calls[2] == [row(4)]
    assert len(bench.source.executions) == 6
    assert bench.is_empty()


async def test_a_retry_goes_before_what_came_later() -> None:
    """A member that is tried again keeps its age."""
    bench = Bench(concurrency=1)
    await bench.list("busy")
    calls = [await bench.rows(1), await bench.rows(2)]
    await bench.list("later")
    await bench.answer()
    await bench.fail(SourceDataError("bad"))
    await bench.answer_all()
    asked = [
        execution.keys if execution.prepared is ROWS else execution.batch.arguments
        for execution in bench.source.executions
    ]
    assert asked == [("busy",), [1, 2], [1], [2], ("later",)]
    assert [await call for call in calls] == [[row(1)], [row(2)]]


async def test_a_data_error_of_one_member_is_not_retried() -> None:
    """Alone there is nobody innocent; identical reads would fail alike."""
    bench = Bench(in_flight=1)
    for ask in (bench.rows, bench.list):
        alone = await ask(1)
        shared = [await ask(2)]
        if ask is bench.list:
            shared.append(await ask(2))
        while bench.under_way:
            await bench.fail(SourceDataError("bad"))
        for call in [alone, *shared]:
            assert isinstance(call.exception(), SourceDataError)
    assert len(bench.source.executions) == 4


@pytest.mark.parametrize(
    "error",
    [
        SourceUnavailable("gone"),
        SourceTimeout("late"),
        SourceOverloaded("full"),
        SourceRefused("no", code=Code.FORBIDDEN),
        RuntimeError("a bug"),
    ],
)
async def test_other_failures_reach_all_members_and_are_not_retried(error: Exception) -> None:
    """Connection, timeout and overload errors are everybody's, and each waiter gets its own."""
    bench = Bench(in_flight=1)
    await bench.rows(0)
    calls = [await bench.rows(1), await bench.rows(2)]
    await bench.answer()
    await bench.fail(error)
    found = [call.exception() for call in calls]
    assert {type(one) for one in found} == {type(error)}
    if isinstance(error, SourceError):
        assert {one.code for one in found if isinstance(one, SourceError)} == {error.code}
        assert found[0] is not found[1]
    assert len(bench.source.executions) == 2
    assert bench.is_empty()


async def test_a_failure_of_one_key_stays_in_its_place() -> None:
    """What the source returns as an error for a key is that key's value, not an exception."""
    bench = Bench(in_flight=1)
    await bench.rows(0)
    calls = [await bench.rows(1), await bench.rows(2)]
    await bench.answer()
    broken = SourceRefused("this one only")
    values: Sequence[Value] = [broken, b"fine"]
    bench.under_way[0].ended.set_result(values)
    assert await calls[0] == [broken]
    assert await calls[1] == [b"fine"]


async def test_an_answer_of_the_wrong_length_is_refused() -> None:
    """A source that loses count must not shift one key's value to another."""
    bench = Bench()
    alone = await bench.rows(1, 2)
    bench.under_way[0].ended.set_result([b"only one"])
    with pytest.raises(SourceRefused):
        await alone


# The end.


async def test_closing_fails_the_waiting_and_waits_for_those_under_way() -> None:
    """What was sent gets its answer; what was not is refused, as is what comes later."""
    bench = Bench(concurrency=2, in_flight=1)
    lone = await bench.list("lone")
    waiting = [await bench.list("lone"), await bench.rows(1), await bench.rows(2)]
    behind = [await bench.rows(3, arguments=("other",)), await bench.list("more")]
    closing = asyncio.create_task(bench.groups.close())
    await settle()
    later = await bench.list("later")
    assert not closing.done()
    refused = [call.exception() for call in (waiting[0], waiting[2], *behind, later)]
    assert {type(one) for one in refused} == {SourceUnavailable}
    await bench.answer_all()
    await closing
    assert await lone == listing("lone")
    assert await waiting[1] == [row(1)]
    assert bench.is_empty()


async def test_closing_does_not_wait_for_ever() -> None:
    """After the grace shared executions are cancelled, and their members told."""
    bench = Bench(in_flight=1)
    await bench.rows(0)
    shared = [await bench.rows(1), await bench.rows(2)]
    await bench.answer()
    await bench.groups.close(grace=0.0)
    await settle()
    for call in shared:
        assert isinstance(call.exception(), SourceUnavailable)
    assert bench.source.executions[-1].cancelled


async def test_closing_when_nothing_happens() -> None:
    """It returns at once, and may be done twice."""
    bench = Bench()
    await bench.groups.close()
    await bench.groups.close()
