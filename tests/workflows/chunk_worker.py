"""A worker for a run of five steps over chunked data, which lies in a datasource, not in the context.

chunk_worker.py <database> <type of datasource> <where it is>: says how far it is on standard output.
"""

import asyncio
import hashlib
import sys
from pathlib import Path

import asyncpg

from gateway.context.registry import datasources_of
from gateway.settings import Datasource as Settings
from gateway.settings import Secret
from gateway.sources.postgres.connections.pool import Pool
from gateway.workflows.declaring import Workflow
from gateway.workflows.offering import Workflows
from gateway.workflows.worker import Worker

CHUNK = 1_000_000
"""Characters of a chunk."""

chunked = Workflow(
    "chunked", datasources=["large", "state"], targets=["state"], attempts=5, pause=0.0
)
database = ""


def chunk(number: int) -> str:
    """The data of a chunk: the same each time it is made."""
    return f"{number:08d}" * (CHUNK // 8)


def changed(text: str) -> str:
    """What the third step makes of it."""
    return text[::-1]


def say(text: str) -> None:
    """Tell the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def ran(step: str) -> None:
    """Write down that a step began."""
    connection = await asyncpg.connect(database)
    await connection.execute("INSERT INTO ran VALUES ($1)", step)
    await connection.close()


@chunked.step
async def collect(ctx):
    """Make the chunks."""
    await ran("collect")
    for number in range(ctx.vars["count"]):
        await ctx.source("large").save(f"{ctx.key}/{number}", chunk(number))
        await ctx.progress(number + 1, ctx.vars["count"])
    return ctx.key


@chunked.step
async def digest(ctx):
    """A hash over all of them."""
    await ran("digest")
    found = hashlib.sha256()
    for number in range(ctx.vars["count"]):
        found.update((await ctx.datasource("large", f"{ctx.vars['collect']}/{number}")).encode())
    return found.hexdigest()


@chunked.step
async def change(ctx):
    """Another version of each, unless an earlier try left it; its effect is counted."""
    await ran("change")
    large = ctx.source("large")
    for number in range(ctx.vars["count"]):
        if not await large.exists(f"{ctx.key}/{number}"):
            text = changed(await large.load(f"{ctx.vars['collect']}/{number}"))
            await large.save(f"{ctx.key}/{number}", text)
            await ran("effect")
        await ctx.progress(number + 1, ctx.vars["count"])
        say(f"change {number + 1}")
    return ctx.key


@chunked.step
async def check(ctx):
    """The hash of what was changed, changed back."""
    await ran("check")
    found = hashlib.sha256()
    for number in range(ctx.vars["count"]):
        text = changed(await ctx.datasource("large", f"{ctx.vars['change']}/{number}"))
        found.update(text.encode())
    return found.hexdigest()


@chunked.step
async def report(_):
    """How much memory all of it took at most, in kB."""
    await ran("report")
    lines = Path("/proc/self/status").read_text().splitlines()  # noqa: ASYNC240 - no disk is read
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


async def main(url: str, kind: str, place: str) -> None:
    """Work until killed."""
    global database  # noqa: PLW0603 - the steps of this process have one
    database = url
    where = {"path": place} if kind == "filesystem" else {"url": Secret(place)}
    sources = datasources_of(
        {
            "large": Settings(type=kind, compress_above=0, timeout_seconds=30.0, **where),
            "state": Settings(type="postgresql", url=Secret(url)),
        }
    )
    await sources.connect()
    workflows = Workflows(
        Pool(url, name="plait-tests"),
        {"chunked": chunked},
        sources.by_name(),
        ask=lambda _: None,
        runners=frozenset("*"),
        keep=0.0,
    )
    await Worker(url, workflows.jobs(), lease=1.0, poll=0.1).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
