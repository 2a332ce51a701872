"""The embedded Qdrant as a process: what it keeps, whom it refuses, how it ends."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from embedded.life import run_python
from embedded.qdrant_calls import stock_client
from embedded.qdrant_served import refused_start, serving
from qdrant_client import models as m

from gateway.embedded.qdrant.__main__ import GIVES_WAY, SESSION_GIVES_WAY

SESSION = Path("/proc/self/autogroup")
grouped = pytest.mark.skipif(not SESSION.exists(), reason="the kernel does not group sessions")
VECTORS = m.VectorParams(size=4, distance=m.Distance.DOT)


@grouped
def test_its_session_gives_way_to_all_others(folder):
    """As an engine, which leads a session of its own, it is nice to what runs in others, too."""
    with serving(folder, start_new_session=True) as (process, _):
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == GIVES_WAY
        assert _session(process.pid).endswith(f" nice {SESSION_GIVES_WAY}\n")


@grouped
def test_the_session_of_somebody_else_stays_as_it_is(folder):
    """Started from a shell, it is nice alone."""
    before = _session(os.getpid())
    with serving(folder) as (process, _):
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == GIVES_WAY
        assert _session(process.pid) == before


def _session(pid):
    """What the kernel says of a process's session: `/autogroup-25 nice 0`, or nothing.

    What a machine starts without a session of its own is in no group: nothing to be nice with.
    """
    return Path(f"/proc/{pid}/autogroup").read_text(encoding="ascii")


async def test_kill_loses_nothing_acknowledged(folder):
    """Whatever was answered before the kill is there after the next start."""
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await client.create_collection("c", vectors_config=VECTORS, metadata={"x": 1})
            await client.create_collection("gone", vectors_config=VECTORS)
            await client.create_payload_index("c", "n", m.PayloadSchemaType.INTEGER)
            for start in range(0, 500, 50):
                points = [
                    m.PointStruct(id=i, vector=[i, 1, 2, 3], payload={"n": i})
                    for i in range(start, start + 50)
                ]
                await client.upsert("c", points)
            await client.delete("c", [0, 1])
            await client.set_payload("c", {"n": -1}, points=[2])
            await client.delete_collection("gone")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            collections = (await client.get_collections()).collections
            assert [one.name for one in collections] == ["c"]
            info = await client.get_collection("c")
            assert info.config.metadata == {"x": 1}
            assert info.payload_schema["n"].data_type == "integer"
            records, _ = await client.scroll("c", limit=1_000, with_vectors=True)
            assert {r.id: (r.payload["n"], r.vector) for r in records} == {
                i: (-1 if i == 2 else i, [i, 1, 2, 3]) for i in range(2, 500)
            }


async def test_killed_in_the_middle_of_writing(folder):
    """Killed while it takes points, it starts again with at least the acknowledged ones."""
    acknowledged = 0
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await client.create_collection("c", vectors_config=VECTORS)
            while True:
                points = [
                    m.PointStruct(id=acknowledged + i, vector=[1, 2, 3, 4]) for i in range(100)
                ]
                if acknowledged == 1_000:
                    process.send_signal(signal.SIGKILL)
                try:
                    await client.upsert("c", points, timeout=10)
                except Exception:  # noqa: BLE001 - however the kill shows
                    break
                acknowledged += 100
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            assert (await client.count("c")).count >= acknowledged >= 1_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it_cleanly(folder, number):
    """Asked to stop it exits with 0, says nothing on standard error, and has kept everything."""
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await client.create_collection("c", vectors_config=VECTORS)
            await client.upsert("c", [m.PointStruct(id=1, vector=[1, 2, 3, 4])])
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            assert (await client.count("c")).count == 1


def test_a_directory_has_one_owner(folder):
    """A second process is refused and told who owns it; after a kill nobody does."""
    with serving(folder) as (process, _):
        assert f"in use by another Plait (process {process.pid})" in refused_start(folder)
        process.kill()
    with serving(folder):
        pass


def test_a_port_that_is_taken(folder):
    """A clear message instead of sharing the port in silence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused_start(folder, port)
    assert f"port {port} of 127.0.0.1 cannot be opened" in said


async def test_half_made_collections_are_swept_away(folder):
    """What a kill left half created or half deleted is gone after the next start."""
    for name in ("creating-c", "deleting-d"):
        (folder / "collections" / name / "shard").mkdir(parents=True)
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            assert (await client.get_collections()).collections == []
            await client.create_collection("c", vectors_config=VECTORS)
    assert {path.name for path in (folder / "collections").iterdir()} == {"kept-c"}


def test_a_collection_that_cannot_be_read(folder):
    """The start names the collection instead of serving without it."""
    broken = folder / "collections" / "kept-c"
    broken.mkdir(parents=True)
    (broken / "collection.pb").write_bytes(b"\xff\xff")
    assert "kept-c cannot be opened" in refused_start(folder)


def test_it_needs_nothing_of_the_gateway():
    """The process imports the engines' package and the errors, no more: it starts fast."""
    shown = run_python(
        "import sys, gateway.embedded.qdrant.serving\n"
        "print(*sorted(m for m in sys.modules if m.startswith('gateway')))"
    )
    assert shown.returncode == 0, shown.stderr
    modules = shown.stdout.split()
    foreign = {one for one in modules if not one.startswith("gateway.embedded")}
    assert foreign <= {"gateway", "gateway.errors"}
