"""A source whose executions end when the test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.sources.contract import Batch, Budget, Health, Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.contract import Value


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
        asked = (self.batch.arguments, self.batch.scope)
        if self.prepared.by_key:
            return [repr((key, *asked)).encode() for key in self.batch.keys]
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
