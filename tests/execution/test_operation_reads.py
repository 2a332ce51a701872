"""Requests that travel together: one execution for all, each gets its own values or errors."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from scripted import Execution, ScriptedSource, settle

from gateway.errors import Code, SourceUnavailable
from gateway.execution.groups import Groups
from gateway.execution.operation_reads import MAX_KEYS, OperationReads
from gateway.execution.vector_search.tactics import NO_TRACE, Tactics
from gateway.sources.contract import Prepared, Together

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass(frozen=True, slots=True, eq=False)
class Ranking(Prepared):
    """A request that travels with others over the same `shelf`."""

    shelf: str | None = "a"

    def together(self, arguments: tuple[Any, ...]) -> Hashable:
        """The shelf."""
        del arguments
        return self.shelf


ONE = Ranking("scripted", by_key=False)
TWO = Ranking("scripted", by_key=False)
KEYED = Ranking("scripted", by_key=True)
ELSEWHERE = Ranking("scripted", by_key=False, shelf="b")
ALONE = Ranking("scripted", by_key=False, shelf=None)


@pytest.fixture
def source() -> ScriptedSource:
    return ScriptedSource()


@pytest.fixture
def groups(source: ScriptedSource) -> dict[str, Groups]:
    return {"scripted": Groups(source)}


class Operation:
    """One operation's requests, each begun in the same turn of the event loop."""

    def __init__(self, groups: dict[str, Groups], seconds: float = 60.0) -> None:
        self.deadline = asyncio.get_running_loop().time() + seconds
        self.request = OperationReads(groups, (), self.deadline, Tactics(), NO_TRACE)

    def one(self, prepared: Prepared, *arguments: Any) -> asyncio.Task[Any]:
        return asyncio.ensure_future(self.request.single(prepared, arguments, self.deadline))

    def keyed(self, *keys: Any, arguments: tuple[Any, ...] = ()) -> asyncio.Task[Any]:
        named = [(key,) for key in keys]
        return asyncio.ensure_future(self.request.by_key(KEYED, named, arguments, self.deadline))

    def step(self, prepared: Prepared, *arguments: Any) -> asyncio.Task[Any]:
        return asyncio.ensure_future(self.request.ask(prepared, arguments))


def finish(execution: Execution, answers: list[Any]) -> None:
    """The source answers with these values, part by part."""
    values: list[Any] = answers
    execution.ended.set_result(values)


async def test_one_execution_for_all(source: ScriptedSource, groups: dict[str, Groups]) -> None:
    """The source is given every part with its keys and arguments; each gets its own values."""
    operation = Operation(groups)
    one, keyed = operation.one(ONE, 1), operation.keyed(7, 8, arguments=(2,))
    await settle()
    (execution,) = source.executions
    assert execution.prepared == Together("scripted", False, (ONE, KEYED))  # noqa: FBT003 - by_key
    assert execution.batch.arguments == (((), (1,)), (((7,), (8,)), (2,)))
    finish(execution, [[[b"x"], [b"7", b"8"]]])
    assert await one == b"x"
    assert await keyed == [b"7", b"8"]


async def test_only_what_has_something_in_common() -> None:
    """Requests over different things, alone, or with too many keys, go their own way."""
    source = ScriptedSource(concurrency=8)
    operation = Operation({"scripted": Groups(source)})
    asked = [operation.one(each) for each in (ONE, TWO, ELSEWHERE, ALONE)]
    asked.append(operation.keyed(*range(MAX_KEYS + 1)))
    await settle()
    made = {execution.prepared for execution in source.executions}
    assert made == {Together("scripted", False, (ONE, TWO)), ELSEWHERE, ALONE, KEYED}  # noqa: FBT003 - by_key
    for each in asked:
        each.cancel()


async def test_what_comes_later_goes_later(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """Nothing waits for company."""
    operation = Operation(groups)
    first = operation.one(ONE)
    await settle()
    second = operation.one(TWO)
    await settle()
    assert [execution.prepared for execution in source.executions] == [ONE, TWO]
    for number, each in enumerate((first, second)):
        source.executions[number].answer()
        assert await each == b"()"


async def test_equal_steps_of_searches_are_asked_once(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """While one is under way; afterwards it is asked anew."""
    operation = Operation(groups)
    steps = [operation.step(ALONE, 1) for _ in range(3)]
    await settle()
    (execution,) = source.executions
    execution.answer()
    assert [await step for step in steps] == [b"(1,)"] * 3
    later = operation.step(ALONE, 1)
    await settle()
    source.under_way[0].answer()
    assert await later == b"(1,)"
    assert len(source.executions) == 2


async def test_a_failure_of_the_whole_is_in_every_place(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """Typed errors stay what they are, others are masked; nobody is left waiting."""
    for error, code in (
        (SourceUnavailable("away"), Code.SOURCE_UNAVAILABLE),
        (ValueError("secret"), Code.INTERNAL_SERVER_ERROR),
    ):
        operation = Operation(groups)
        one, keyed = operation.one(ONE), operation.keyed(1, 2)
        await settle()
        source.executions[-1].fail(error)
        values = [await one, *await keyed]
        assert [value.code for value in values] == [code] * 3
        assert not any("secret" in value.message for value in values)


async def test_the_last_one_to_leave_ends_the_execution(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """One waiter that is cancelled takes nothing from the others."""
    operation = Operation(groups)
    one, two = operation.one(ONE), operation.one(TWO)
    await settle()
    one.cancel()
    await settle()
    (execution,) = source.executions
    assert not execution.cancelled
    two.cancel()
    await settle()
    assert execution.cancelled


async def test_operations_share_what_travels(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """Those that wait for the same are answered by one execution, as equal reads are."""
    asked = []
    for _ in range(5):
        operation = Operation(groups)
        asked.append((operation.one(ONE, 1), operation.one(TWO, 2)))
        await settle()
    assert len(source.executions) == 2  # those under way; the others wait and gather
    for execution in list(source.under_way):
        finish(execution, [[[b"x"], [b"y"]]])
    await settle()
    (last,) = source.under_way
    finish(last, [[[b"later"], [b"y"]]])
    assert [await one for one, _ in asked] == [b"x"] * 2 + [b"later"] * 3
    assert [await two for _, two in asked] == [b"y"] * 5
