"""A source whose executions end when the test says so, and groups over it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from gateway.execution.groups import Groups
from gateway.sources.contract import Batch, Budget, Health, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.sources.contract import Value

ROWS = Prepared(source="scripted", by_key=True)
LIST = Prepared(source="scripted", by_key=False)

Call = asyncio.Task[Any]


@dataclass(eq=False)
class Execution:
    """One execution as the source saw it, under way until `answer`, `fail` or cancelled."""

    prepared: Prepared
    batch: Batch
    deadline: float
    number: int
    ended: asyncio.Future[Sequence[Value]] = field(repr=False)
    cancelled: bool = False

    @property
    def keys(self) -> list[Any]:
        """The first column of its keys."""
        return [key[0] for key in self.batch.keys]

    def values(self) -> list[Value]:
        """What an honest source gives: each value tells what it was asked for."""
        asked = self.batch.arguments
        if self.prepared.by_key:
            return [repr((key, asked)).encode() for key in self.batch.keys]
        return [repr(asked).encode()]

    def answer(self) -> None:
        self.ended.set_result(self.values())

    def fail(self, error: Exception) -> None:
        self.ended.set_exception(error)


class ScriptedSource:
    """Implements the contract; `executions` are all there were, `under_way` those not ended."""

    name = "scripted"

    def __init__(self, concurrency: int = 4) -> None:
        self.concurrency = concurrency
        self.executions: list[Execution] = []
        self.under_way: list[Execution] = []
        self.most = 0

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def check(self, budget: Budget) -> Health:
        del budget
        return Health(ready=True, detail="scripted")

    async def execute(self, prepared: Prepared, batch: Batch, budget: Budget) -> Sequence[Value]:
        ended = asyncio.get_running_loop().create_future()
        execution = Execution(prepared, batch, budget.deadline, len(self.executions), ended)
        self.executions.append(execution)
        self.under_way.append(execution)
        self.most = max(self.most, len(self.under_way))
        try:
            return await ended
        except asyncio.CancelledError:
            execution.cancelled = True
            raise
        finally:
            self.under_way.remove(execution)

    def describe(self, prepared: Prepared) -> Mapping[str, Any]:
        return {"prepared": prepared.source}


async def settle() -> None:
    """Let everything that can run without the test's doing run."""
    for _ in range(12):
        await asyncio.sleep(0)


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
                self.start + after,
            )
        )

    async def list(self, *arguments: Any, after: float = 100.0) -> Call:
        """Ask for the one value of a plan without keys."""
        return await self.ask(self.groups.single(LIST, arguments, self.start + after))

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


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn, a step at a time, until `holds`."""
    for _ in range(100):
        if holds():
            return
        await asyncio.sleep(0)
    pytest.fail("it never held")


def row(key: Any, arguments: tuple[Any, ...] = ()) -> bytes:
    return repr(((key,), arguments)).encode()


def listing(*arguments: Any) -> bytes:
    return repr(arguments).encode()
