"""Reads of contexts while 100 workflows run, as `python -m bench contexts` prints them.

The runs save a context to Redis and to PostgreSQL after each step, and begin anew when they end.
Their workers are a process of their own, as beside a gateway; the reads are the gateway's.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bench.database import ROOT
from gateway import embedded
from gateway.context.registry import datasources_of
from gateway.settings import Datasource, Secret
from gateway.sources.postgres import migrate
from gateway.sources.postgres.connections.pool import Pool
from gateway.workflows.declaring import Workflow
from gateway.workflows.offering import Workflows
from gateway.workflows.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.context.registry import Datasources
    from gateway.embedded import EngineUrls
    from gateway.workflows.context import StepContext

RUNS = 100
"""Workflows that run at once."""
STEPS = 5
SECONDS = 20.0
READERS = 4
"""Reads at once, of each source."""
ENTRIES = 1_000
"""The entries of a batch that is written and read whole."""
PROMISED_MS = {"redis": 100.0, "postgresql": 500.0}
_TEXT = "context " * 500
"""What a step adds to its run's context: 4,000 characters."""


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of one source under the load, in milliseconds, and a batch of `ENTRIES` there."""

    source: str
    reads: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    batch_saved_ms: float
    batch_loaded_ms: float

    @property
    def kept(self) -> bool:
        """Whether 99 of 100 reads took no longer than was promised."""
        return self.p99_ms <= PROMISED_MS[self.source]


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured, and `runs` that ended meanwhile."""

    runs: int
    seconds: float
    reads: list[Reads]


def measure(say: Callable[[str], None], seconds: float = SECONDS) -> Load:
    """Bring the engines up, measure, take them down. Raises `PlaitError`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="plait-bench-")))
        say("starting PostgreSQL and Valkey")
        names = ("postgres", "valkey")
        engines = stack.enter_context(embedded.start(folder, names=names, durable=False))
        return asyncio.run(_measure(engines.urls, say, seconds))


def table(found: Load) -> Table:
    """The reads of each source, for people."""
    title = f"contexts read while {RUNS} workflows run ({found.runs / found.seconds:,.0f} runs/s)"
    shown = Table(title=title)
    shown.add_column("ms", no_wrap=True)
    for name in ("reads", "p50", "p99", "longest", "p99 promised", f"{ENTRIES:,} saved", "loaded"):
        shown.add_column(name, justify="right")
    for one in found.reads:
        times = (one.p50_ms, one.p99_ms, one.longest_ms)
        promised = f"{PROMISED_MS[one.source]:.0f}{'' if one.kept else ' MISSED'}"
        batch = (one.batch_saved_ms, one.batch_loaded_ms)
        shown.add_row(
            one.source,
            f"{one.reads:,}",
            *(f"{ms:.1f}" for ms in times),
            promised,
            *(f"{ms:.1f}" for ms in batch),
        )
    return shown


async def _measure(urls: EngineUrls, say: Callable[[str], None], seconds: float) -> Load:
    await migrate.upgrade(urls.postgres, ROOT / "migrations")
    command = (sys.executable, "-m", "bench.contexts", urls.postgres, urls.redis)
    async with _connected(urls.postgres, urls.redis) as sources:
        workflows = _workflows(urls.postgres, sources)
        worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        try:
            say(f"{RUNS} workflows run")
            return await _under_load(workflows, sources, seconds)
        finally:
            with suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
            await workflows.close()


async def _under_load(workflows: Workflows, sources: Datasources, seconds: float) -> Load:
    ended: list[str] = []
    started = asyncio.Event()
    gc.freeze()  # as a gateway that has started does
    loads = [asyncio.create_task(_again(workflows, n, ended, started)) for n in range(RUNS)]
    try:
        async with asyncio.timeout(60 + seconds):
            await started.wait()
            before, began = len(ended), time.perf_counter()
            reads = await asyncio.gather(
                *(_reads(name, sources.by_name()[name], ended, seconds) for name in PROMISED_MS)
            )
            return Load(len(ended) - before, time.perf_counter() - began, list(reads))
    finally:
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)


async def _again(
    workflows: Workflows, number: int, ended: list[str], started: asyncio.Event
) -> None:
    """Start a run, wait for its end, start the next."""
    for turn in count():
        name = f"{number}-{turn}"
        await workflows.start("load", name)
        while (await workflows.runs.seen(name)).status != "succeeded":  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.5)
        ended.append(name)
        started.set()


async def _reads(name: str, source: Any, ended: list[str], seconds: float) -> Reads:
    """Read the contexts of runs that ended, one after the other, in several places at once."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def read(start: int) -> None:
        for number in count(start):
            began = time.perf_counter()
            if began > until:
                return
            found = await source.load(f"{ended[number % len(ended)]}-step{number % STEPS}")
            times.append(time.perf_counter() - began)
            if found is None:
                raise ValueError(f"a context of {name} is lost")

    await asyncio.gather(*map(read, range(READERS)))
    batch = {f"batch-{number}": {"number": number} for number in range(ENTRIES)}
    began = time.perf_counter()
    await source.save_batch(batch)
    saved = time.perf_counter()
    await source.load_batch(batch)
    loaded = time.perf_counter()
    times.sort()
    middle, late, last = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    return Reads(
        name,
        len(times),
        *(one * 1000 for one in (middle, late, last, saved - began, loaded - saved)),
    )


# The workflows -----------------------------------------------------------------------------------


@asynccontextmanager
async def _connected(postgres: str, redis: str) -> AsyncIterator[Datasources]:
    sources = datasources_of(
        {
            "redis": Datasource(type="redis", url=Secret(redis)),
            "postgresql": Datasource(type="postgresql", url=Secret(postgres)),
        }
    )
    if sources is None:
        raise ValueError("there is no datasource")
    await sources.connect()
    try:
        yield sources
    finally:
        await sources.disconnect()


def _workflows(postgres: str, sources: Datasources) -> Workflows:
    load = Workflow("load", targets=list(PROMISED_MS), datasources=list(PROMISED_MS))
    for number in range(STEPS):
        load.step(_step(number))

    async def nobody(*_: Any) -> None:
        """No step asks the gateway."""

    return Workflows(
        Pool(postgres, name="bench", size=8),
        {load.name: load},
        sources.by_name(),
        ask=lambda _: nobody,
        runners=frozenset(),
        keep=0.0,
    )


def _step(number: int) -> Callable[[StepContext], Any]:
    async def step(ctx: StepContext) -> str:
        return f"{_TEXT}{ctx.request.id}"

    step.__name__ = f"step{number}"
    return step


async def _work(postgres: str, redis: str) -> None:
    """The worker's process."""
    async with _connected(postgres, redis) as sources:
        workflows = _workflows(postgres, sources)
        await Worker(postgres, workflows.jobs(), concurrency=RUNS, poll=0.2).run()


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:]))
