"""Any course of arrivals, answers, failures, cancellations and deadlines, beside a plain model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from scripted import LIST, ROWS, ScriptedSource, settle

from gateway.errors import SourceDataError, SourceOverloaded, SourceTimeout, SourceUnavailable
from gateway.execution.groups import Groups
from gateway.sources.contract import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

MORE_ROWS = Prepared(source="scripted", by_key=True)
KEYS = st.sampled_from([0, 1, 2, 3, True, 1.0, "1"])
ARGUMENTS = st.sampled_from([(1,), (1,), (1,), (True,), (1, "ann")])


@dataclass(eq=False)
class Waiter:
    """What the model knows of a call: what it must get, when it came, whether it was let go."""

    call: asyncio.Task[Any]
    expected: Any
    arrived: int
    expires: float
    gone: bool = False
    may_fail: bool = False


class GroupsMachine(RuleBasedStateMachine):
    """Drives groups of a scripted source, and checks what every waiter gets.

    Values carry the number of the execution that made them, so that each answer can be shown to
    come from an execution that began after its waiter arrived.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.complaints: list[Any] = []
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self.waiters: list[Waiter] = []
        self.clock = 0.0

    @initialize(
        concurrency=st.integers(1, 4),
        in_flight=st.integers(1, 3),
        batch=st.integers(1, 4),
        max_waiting=st.integers(3, 20),
        enabled=st.sampled_from([True, True, True, False]),
    )
    def begin(
        self, concurrency: int, in_flight: int, batch: int, max_waiting: int, *, enabled: bool
    ) -> None:
        self.source = NumberedSource(concurrency)
        self.in_flight = in_flight
        self.batch = batch
        self.max_waiting = max_waiting
        self.enabled = enabled
        self.groups = Groups(
            self.source,
            enabled=enabled,
            batch=batch,
            in_flight=in_flight,
            max_waiting=max_waiting,
        )
        self.origin = self.loop.time() + 1000

    def do(self, work: Any) -> Any:
        async def run() -> Any:
            result = work() if callable(work) else await work
            await settle()
            return result

        return self.runner.run(run())

    def arrive(self, work: Any, expected: Any, seconds: float) -> None:
        async def begin() -> None:
            call = asyncio.create_task(work)
            expires = self.clock + seconds
            arrived = len(self.source.executions)
            self.waiters.append(Waiter(call, expected, arrived, expires))
            await settle()

        self.runner.run(begin())

    @rule(
        plan=st.sampled_from([ROWS, MORE_ROWS]),
        keys=st.lists(KEYS, max_size=6),
        arguments=ARGUMENTS,
        seconds=st.integers(1, 50),
    )
    def rows(self, plan: Prepared, keys: list[Any], arguments: Any, seconds: int) -> None:
        deadline = self.origin + self.clock + seconds
        work = self.groups.by_key(plan, [(key,) for key in keys], arguments, deadline)
        expected = [repr((plan is ROWS, (key,), arguments)) for key in keys]
        self.arrive(work, expected, seconds)

    @rule(arguments=ARGUMENTS, seconds=st.integers(1, 50))
    def single(self, arguments: Any, seconds: int) -> None:
        deadline = self.origin + self.clock + seconds
        work = self.groups.single(LIST, arguments, deadline)
        self.arrive(work, repr((False, None, arguments)), seconds)

    @precondition(lambda self: self.source.under_way)
    @rule(pick=st.integers(0, 10))
    def answer(self, pick: int) -> None:
        under_way = self.source.under_way
        self.do(under_way[pick % len(under_way)].answer)

    @precondition(lambda self: self.source.under_way)
    @rule(pick=st.integers(0, 10), kind=st.sampled_from([SourceDataError, SourceUnavailable]))
    def fail(self, pick: int, kind: type[SourceDataError | SourceUnavailable]) -> None:
        for waiter in self.waiters:
            waiter.may_fail = True
        under_way = self.source.under_way
        self.do(lambda: under_way[pick % len(under_way)].fail(kind("failed")))

    @precondition(lambda self: self.waiters)
    @rule(pick=st.integers(0, 50))
    def cancel(self, pick: int) -> None:
        waiter = self.waiters[pick % len(self.waiters)]
        waiter.gone = True
        self.do(waiter.call.cancel)

    @precondition(lambda self: self.source.under_way and self.waiters)
    @rule(ended=st.integers(0, 3), turns=st.integers(0, 3), pick=st.integers(0, 3))
    def answer_and_cancel(self, ended: int, turns: int, pick: int) -> None:
        """An answer is on its way to one waiter while another, or the same, gives up."""
        under_way = self.source.under_way
        waiter = self.waiters[pick % len(self.waiters)]
        waiter.gone = True

        async def both() -> None:
            under_way[ended % len(under_way)].answer()
            for _ in range(turns):
                await asyncio.sleep(0)
            waiter.call.cancel()

        self.do(both())

    @rule(seconds=st.integers(1, 20))
    def pass_time(self, seconds: int) -> None:
        self.clock += seconds
        self.do(lambda: self.groups._deadlines.turn(self.origin + self.clock))
        overdue = [each for each in self.source.under_way if each.deadline < self.now]
        for execution in overdue:  # a source keeps the deadline it was given
            self.do(lambda late=execution: late.fail(SourceTimeout("late")))

    @property
    def now(self) -> float:
        return self.origin + self.clock

    @invariant()
    def who_is_done_has_what_is_right(self) -> None:
        """Each got exactly its own values, from executions begun after it came, or a fair error."""
        for waiter in [each for each in self.waiters if each.call.done()]:
            self.waiters.remove(waiter)
            if waiter.call.cancelled():
                assert waiter.gone
                continue
            error = waiter.call.exception()
            if error is None:
                self.check(waiter, waiter.call.result())
            elif isinstance(error, SourceTimeout):
                assert waiter.expires <= self.clock
            elif not isinstance(error, SourceOverloaded):
                assert waiter.may_fail

    def waiting(self) -> list[Waiter]:
        return [each for each in self.waiters if not each.call.done()]

    def check(self, waiter: Waiter, given: Any) -> None:
        if isinstance(waiter.expected, str):
            given, expected = [given], [waiter.expected]
        else:
            expected = waiter.expected
        parts = [value.split(b"#", 1) for value in given]
        assert [text.decode() for _, text in parts] == expected
        assert all(int(number) >= waiter.arrived for number, _ in parts)

    @invariant()
    def nobody_stays_beyond_the_deadline(self) -> None:
        """Whoever waits still has time, but for the tick it may take to be sent away."""
        assert all(each.expires + 1 > self.clock for each in self.waiting())

    @invariant()
    def bounds_hold(self) -> None:
        """Slots, executions of one group, keys of one execution, and calls that wait."""
        if not hasattr(self, "source"):
            return
        under_way = self.source.under_way
        assert len(under_way) <= self.source.concurrency
        assert all(len(each.batch.keys) <= self.batch for each in under_way)
        assert self.groups.figures()["waiting"] <= self.max_waiting
        if self.enabled:
            groups = [(each.prepared, repr(each.batch.arguments)) for each in under_way]
            assert all(groups.count(group) <= self.in_flight for group in groups)

    @invariant()
    def nothing_waits_beside_a_free_slot(self) -> None:
        """Whoever waits waits for a slot or for its own group."""
        if hasattr(self, "source") and not self.source.under_way:
            assert not self.waiting()

    @invariant()
    def nothing_complains(self) -> None:
        """No exception went unheard, no task was lost."""
        assert not self.complaints

    def teardown(self) -> None:
        if hasattr(self, "source"):
            while self.source.under_way:
                self.answer(0)
            self.who_is_done_has_what_is_right()
            assert not self.waiters
            figures = self.groups.figures()
            assert figures["groups"] == figures["waiting"] == figures["flying"] == 0
            self.do(self.groups.close())
        self.runner.close()
        assert not self.complaints


class NumberedSource(ScriptedSource):
    """Its values begin with the number of their execution."""

    async def execute(self, prepared: Any, batch: Any, budget: Any) -> Sequence[Any]:
        number = len(self.executions)
        await super().execute(prepared, batch, budget)
        asked = batch.arguments
        keys: Sequence[Any] = batch.keys if prepared.by_key else [None]
        return [f"{number}#{(prepared is ROWS, key, asked)!r}".encode() for key in keys]


GroupsMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=60, deadline=None, derandomize=True
)
TestGroupsModel = GroupsMachine.TestCase
