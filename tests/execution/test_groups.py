"""The rules of group commit, one by one, on a source that ends executions when told to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from scripted import Execution, ScriptedSource, settle

from gateway.errors import (
    Code,
    SourceDataError,
    SourceError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.execution.groups import Groups
from gateway.sources.contract import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.contract import Value

ROWS = Prepared(source="scripted", by_key=True)
LIST = Prepared(source="scripted", by_key=False)

Call = asyncio.Task[Any]


class Bench:
    """Groups over a scripted source, and short words for what tests do with them."""

    def __init__(self, concurrency: int = 4, **settings: Any) -> None:
        self.source = ScriptedSource(concurrency)
        self.groups = Groups(self.source, **settings)
        self.start = asyncio.get_running_loop().time()

    async def rows(self, *keys: Any, after: float = 100.0, **more: Any) -> Call:
        """Ask for rows by key, and let the call get as far as it can."""
        return await self.ask(
            self.groups.by_key(
                more.get("prepared", ROWS),
                [(key,) for key in keys],
                more.get("arguments", ()),
                more.get("scope", ()),
                self.start + after,
            )
        )

    async def list(self, *arguments: Any, after: float = 100.0, scope: Any = ()) -> Call:
        """Ask for the one value of a plan without keys."""
        return await self.ask(self.groups.single(LIST, arguments, scope, self.start + after))

    async def ask(self, work: Any) -> Call:
        call = asyncio.create_task(work)
        await settle()
        return call

    @property
    def under_way(self) -> list[Execution]:
        return self.source.under_way

    async def answer(self, number: int = 0) -> None:
        """End the execution under way of that number, the oldest first."""
        self.under_way[number].answer()
        await settle()

    async def fail(self, error: Exception, number: int = 0) -> None:
        self.under_way[number].fail(error)
        await settle()

    async def answer_all(self) -> None:
        while self.under_way:
            await self.answer()

    async def at(self, after: float) -> None:
        """The clock as the deadlines see it reaches `after`."""
        self.groups._deadlines.turn(self.start + after)
        await settle()

    def is_empty(self) -> bool:
        """Nothing is remembered of what is over."""
        figures = self.groups.figures()
        return figures["groups"] == figures["waiting"] == figures["flying"] == 0


def row(key: Any, arguments: tuple[Any, ...] = (), scope: Any = ()) -> bytes:
    return repr(((key,), arguments, scope)).encode()


def listing(*arguments: Any, scope: Any = ()) -> bytes:
    return repr((arguments, scope)).encode()


# On an idle system nothing waits.


async def test_an_idle_system_sends_in_the_call_itself() -> None:
    """The source is called before the caller gives way even once; no task is made for it."""
    bench = Bench()
    for work in (
        bench.groups.single(LIST, (1,), (), bench.start + 9),
        bench.groups.by_key(ROWS, [(1,)], (), (), bench.start + 9),
    ):
        before = len(bench.source.executions)
        work.send(None)
        assert len(bench.source.executions) == before + 1
        assert not bench.groups._tasks
        work.close()
    assert bench.is_empty()


async def test_the_request_reaches_the_source_as_it_is() -> None:
    """Plan, keys, arguments, scope and deadline arrive unchanged."""
    bench = Bench()
    call = await bench.rows(1, 2, arguments=("x",), scope=("me",), after=7.0)
    (execution,) = bench.under_way
    assert execution.prepared is ROWS
    assert list(execution.batch.keys) == [(1,), (2,)]
    assert execution.batch.arguments == ("x",)
    assert execution.batch.scope == ("me",)
    assert execution.deadline == bench.start + 7.0
    await bench.answer()
    assert await call == [row(1, ("x",), ("me",)), row(2, ("x",), ("me",))]
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
        await bench.rows(True),
        await bench.rows(1.0),
    ]
    await bench.answer_all()
    assert [await call for call in calls] == [[row(0)], [row(1)], [row(True)], [row(1.0)]]


async def test_scopes_plans_and_arguments_never_mix() -> None:
    """Each viewer scope, plan and set of arguments has executions of its own."""
    bench = Bench(concurrency=1)
    other = Prepared(source="scripted", by_key=True)
    calls = [
        await bench.rows(1),
        await bench.rows(2, scope=("a",)),
        await bench.rows(3, scope=("b",)),
        await bench.rows(4, scope=(1,)),
        await bench.rows(5, scope=(True,)),
        await bench.rows(6, prepared=other),
        await bench.rows(7, arguments=("x",)),
    ]
    await bench.answer_all()
    assert len(bench.source.executions) == len(calls)
    for call, scope in zip(calls, [(), ("a",), ("b",), (1,), (True,), (), ()], strict=True):
        (value,) = await call
        assert value.endswith(f"{scope!r})".encode())


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
    while bench.groups.figures()["waiting"] == 2:
        await asyncio.sleep(0)
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
    calls = [await bench.rows(1), await bench.rows(2)]
    bench.under_way[0].answer()
    while not bench.groups._tasks:
        await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await settle()
    assert len(bench.source.executions) == 1
    assert bench.is_empty()


async def test_keys_may_join_until_the_moment_of_sending() -> None:
    """Between hand-over and sending an execution by key is still open."""
    bench = Bench(concurrency=1)
    await bench.list("a")
    first = await bench.rows(1)
    bench.under_way[0].answer()
    while not bench.groups._tasks:
        await asyncio.sleep(0)
    joined = asyncio.create_task(bench.groups.by_key(ROWS, [(2,)], (), (), bench.start + 9))
    joining = bench.groups.by_key(ROWS, [(3,)], (), (), bench.start + 9)
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


# The end.


async def test_closing_fails_the_waiting_and_waits_for_those_under_way() -> None:
    """What was sent gets its answer; what was not is refused, as is what comes later."""
    bench = Bench(concurrency=2, in_flight=1)
    lone = await bench.list("lone")
    waiting = [await bench.list("lone"), await bench.rows(1), await bench.rows(2)]
    behind = [await bench.rows(3, scope=("other",)), await bench.list("more")]
    closing = asyncio.create_task(bench.groups.close())
    await settle()
    later = await bench.list("later")
    assert not closing.done()
    refused = [call.exception() for call in [waiting[0], *behind, later, waiting[2]] if call.done()]
    assert refused
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
