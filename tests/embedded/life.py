"""Owners of engines that tests may kill, and what the engines must remember."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from redis.asyncio import Redis

import gateway.embedded
from gateway.embedded.records import Records

if TYPE_CHECKING:
    from gateway.embedded.process import Member

OWNER = Path(__file__).with_name("owner.py")
SOURCE = Path(gateway.__file__).parent.parent
NAMES = ("postgres", "valkey")

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@dataclass(frozen=True)
class Owner:
    """A running owner.py, what it printed, and the processes of its engines."""

    process: subprocess.Popen[bytes]
    urls: dict[str, str]
    engines: dict[str, Member]


@contextmanager
def run_owner(folder, *, python=sys.executable, script=OWNER, path=str(SOURCE), **options):
    """Run owner.py until the block ends; killed if it still lives then."""
    process = subprocess.Popen(
        [python, str(script), str(folder), *gateway.embedded.NAMES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        **options,
    )
    with process:
        try:
            line = process.stdout.readline()
            assert line, "the owner ended before its engines answered"
            yield Owner(process, json.loads(line), last_engines(folder))
        finally:
            process.kill()


def last_engines(folder):
    """The processes of the engines that were started last on a folder."""
    records = {name: Records(folder).get(name) for name in gateway.embedded.NAMES}
    return {name: record.member for name, record in records.items() if record is not None}


async def gone(*members):
    """Wait until none of the processes lives."""
    for _ in range(1_000):
        if not any(member.alive() for member in members):
            return
        await asyncio.sleep(0.02)
    pytest.fail("engines were left behind")


def run_python(code, *arguments, python=sys.executable, path=str(SOURCE), **options):
    """Run Python code with `gateway` importable, to its end; every warning is an error."""
    return subprocess.run(
        [python, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


async def fetch(url, statement, *arguments):
    """The single value of a statement."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(statement, *arguments, timeout=10)
    finally:
        await connection.close()


async def remember(postgres, redis, word):
    """Store a word in both engines."""
    await fetch(postgres, "CREATE TABLE IF NOT EXISTS memory (word text)")
    await fetch(postgres, "INSERT INTO memory VALUES ($1)", word)
    async with Redis.from_url(redis) as client:
        await client.rpush("memory", word)


async def remembered(postgres, redis):
    """The words both engines hold, which must be the same."""
    words = await fetch(postgres, "SELECT array_agg(word) FROM memory")
    async with Redis.from_url(redis) as client:
        stored = await client.lrange("memory", 0, -1)
    assert words == [word.decode() for word in stored]
    return words
