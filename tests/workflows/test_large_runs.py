"""A run over much data, whose worker is killed in the middle of its third step of five.

PLAIT_LARGE_MB says how many megabytes (16 without it), PLAIT_LARGE_ENGINE where they are kept:
`filesystem`, or `s3` for the tests' own server.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from context.servers import s3
from workflows.chunk_worker import chunked
from workflows.conftest import Bench, ended

from gateway.context.registry import datasources_of
from gateway.settings import Datasource as Settings
from gateway.settings import Secret

COUNT = int(os.environ.get("PLAIT_LARGE_MB", "16"))
ENGINE = os.environ.get("PLAIT_LARGE_ENGINE", "filesystem")
SECONDS = 60 + COUNT
FOLDER = Path(__file__).parent
MOST_MEMORY = 200_000
"""kB that a worker may take."""


@pytest.fixture
def place():
    """Where the chunks are kept."""
    folder = Path(tempfile.mkdtemp(prefix="plait-tests-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield stack.enter_context(s3(folder)) if ENGINE == "s3" else str(folder / "chunks")


async def worker(url, place):
    """A worker in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(FOLDER / "chunk_worker.py"),
        url,
        ENGINE,
        place,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1])},
    )


@pytest.mark.timeout(2 * SECONDS)
async def test_a_killed_run_resumes_and_each_effect_exists_once(url, connection, place):
    """Steps that were saved are not done again, and the chunks of the third are made once each."""
    await connection.execute("CREATE TABLE ran (step text)")
    async with Bench(url, {}) as bench:
        workflows = bench.offer(chunked)
        await workflows.start("chunked", "big", {"count": COUNT})
        first = await worker(url, place)
        async with asyncio.timeout(SECONDS):
            while await first.stdout.readline() != f"change {COUNT // 2}\n".encode():
                assert first.returncode is None
        first.send_signal(signal.SIGKILL)
        await first.wait()

        second = await worker(url, place)
        drained = asyncio.create_task(second.stdout.read())
        row = await ended(workflows, "big", SECONDS)
        second.send_signal(signal.SIGKILL)
        await second.wait()
        await drained

    assert (row["status"], row["error"]) == ("succeeded", None)
    assert [(step.name, step.tries) for step in row["steps"]] == [
        ("collect", 1),
        ("digest", 1),
        ("change", 2),
        ("check", 1),
        ("report", 1),
    ]
    counts = dict(await connection.fetch("SELECT step, count(*) FROM ran GROUP BY step"))
    # Killed between a chunk and the line that counts it, it is there though not counted.
    assert COUNT - 1 <= counts.pop("effect") <= COUNT
    assert counts == {"collect": 1, "digest": 1, "change": 2, "check": 1, "report": 1}

    where = {"path": place} if ENGINE == "filesystem" else {"url": Secret(place)}
    sources = datasources_of(
        {
            "large": Settings(type=ENGINE, timeout_seconds=60.0, **where),
            "state": Settings(type="postgresql", url=Secret(url)),
        }
    )
    await sources.connect()
    try:
        kept = await sources.get("state").load("big-report")
        found = await sources.get("large").keys("big-change/*")
        record = await sources.get("state").keys("big-*")
    finally:
        await sources.disconnect()
    assert kept["vars"]["digest"] == kept["vars"]["check"]
    assert kept["vars"]["report"] < MOST_MEMORY
    assert len(found) == COUNT
    assert len(record) == 5
