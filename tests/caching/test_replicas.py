"""Several gateway processes over one Valkey: no stale read after a write, one call of the source.

The check runs for a few seconds; `PLAIT_CACHE_CHECK_SECONDS=60` makes it long.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path

import pytest
from caching.test_lost_invalidations import OlderData, Snapshot
from redis.asyncio import Redis

from gateway.embedded import start

LEAST_WRITES = 20
"""As in `replica.py`."""
SECONDS = float(os.environ.get("PLAIT_CACHE_CHECK_SECONDS", "3"))
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A Valkey for these tests alone: it is killed, its connections are, and its data flushed."""
    with start(tmp_path_factory.mktemp("valkey"), names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The address of the source, which is always well."""
    with start(tmp_path_factory.mktemp("source"), names=("valkey",), durable=False) as engines:
        yield engines.urls.redis


async def replicas(own, source, mode, *, count, prefix, amount, meanwhile=None):  # noqa: PLR0913 - a run has as many sides
    """What so many processes saw, all started at one moment."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("replica.py")),
            *(mode, own.urls.redis, source, prefix, str(number), str(amount)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            limit=1 << 28,
        )
        for number in range(count)
    ]
    try:
        for process in processes:
            assert await process.stdout.readline() == b"ready\n"
        for process in processes:
            process.stdin.write(b"go\n")
        outputs = asyncio.gather(*(process.communicate() for process in processes))
        if meanwhile is not None:
            await meanwhile()
        return [json.loads(output) for output, _ in await outputs]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


def stale_reads(events):
    """Reads that gave less than a write acknowledged before they began."""
    writes = sorted((at, name, value) for kind, name, value, _, at in events if kind == "write")
    reads = sorted((begun, name, value) for kind, name, value, begun, _ in events if kind == "read")
    newest: dict[str, int] = {}
    found = []
    place = 0
    for begun, name, value in reads:
        while place < len(writes) and writes[place][0] < begun:
            _, written, number = writes[place]
            newest[written] = max(newest.get(written, 0), number)
            place += 1
        if value < newest.get(name, 0):
            found.append((begun, name, value, newest[name]))
    return found


def summary(events, stale):
    """What was checked, in a line."""
    writes = sum(event[0] == "write" for event in events)
    return f"{len(events) - writes} reads, {writes} writes, {len(stale)} violations"


def test_the_checker_sees_a_stale_read():
    """It can fail: an older value after an acknowledged write, but not one beside it."""
    write = ("write", "r", 2, 0.0, 5.0)
    assert stale_reads([write, ("read", "r", 1, 6.0, 7.0)])
    assert not stale_reads([write, ("read", "r", 1, 4.0, 7.0), ("read", "r", 2, 6.0, 7.0)])


async def nothing(_own, _client, _prefix):
    """All is well."""


async def cut_off(_own, client, _prefix):
    """Listeners lose their connections."""
    await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def lose_all(_own, client, _prefix):
    """Entries, versions, leases."""
    await client.flushdb()


async def be_silent(own, _client, _prefix):
    """Longer than a lease, shorter than anybody's patience, and the other way round."""
    own.processes["valkey"].freeze()
    await asyncio.sleep(random.choice((0.35, 1.2)))  # noqa: S311 - a test's choice
    own.processes["valkey"].thaw()


async def crash(own, _client, _prefix):
    """Killed, and started anew with what it had written."""
    own.processes["valkey"].kill()
    await asyncio.to_thread(own.restart, "valkey")


async def return_(_own, client, prefix):
    """It is as it was a moment ago: invalidations are forgotten."""
    snapshot = Snapshot(client, prefix)
    await snapshot.take()
    await asyncio.sleep(0.2)
    await snapshot.bring_back()


async def start_older(own, _client, prefix):
    """Killed, and started anew with what it had a moment ago: nobody may have heard of the rest."""
    older = OlderData(own, own.folder / f"{prefix}-kept")
    await asyncio.sleep(0.2)
    await asyncio.to_thread(older.start)


TROUBLES = {
    "none": nothing,
    "connections": cut_off,
    "flush": lose_all,
    "silence": be_silent,
    "crash": crash,
    "return": return_,
    "older": start_older,
}


@pytest.mark.timeout(SECONDS + 150)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_read_after_an_acknowledged_write_is_older(own, source, trouble):
    """Three processes write and read; meanwhile something is done to their store."""

    async def meanwhile():
        async with Redis.from_url(own.urls.redis) as client:
            for _ in range(int(SECONDS / 0.3)):
                await asyncio.sleep(0.3)
                await TROUBLES[trouble](own, client, f"check-{trouble}")

    outputs = await replicas(
        own,
        source,
        "check",
        count=3,
        prefix=f"check-{trouble}",
        amount=SECONDS,
        meanwhile=meanwhile,
    )
    events = [event for output in outputs for event in output["seen"]]
    stale = stale_reads(events)
    print(summary(events, stale))  # noqa: T201 - what the long check is run for
    assert stale == []
    states = {state for output in outputs for state in output["states"]}
    assert {"whole", "memory", "shared", "miss"} <= states
    writes = sum(event[0] == "write" for event in events)
    assert writes >= 3 * LEAST_WRITES
    assert len(events) > 5 * writes


@pytest.mark.parametrize("attempt", range(3))
async def test_a_thousand_cold_misses_are_one_call(own, source, attempt):
    """Four processes with 250 readers each, and nothing cached: exactly one call of the source."""
    async with Redis.from_url(source) as register:
        await register.delete("calls")
        outputs = await replicas(
            own, source, "stampede", count=4, prefix=f"stampede-{attempt}", amount=250
        )
        assert [one for output in outputs for one in output["seen"]] == ["1"] * 1_000
        assert await register.get("calls") == b"1"
        states = [state for output in outputs for state in output["states"].items()]
        assert [count for state, count in states if state == "miss"] == [1]
        assert {state for state, _ in states} <= {"miss", "joined", "shared", "memory"}
