"""`plait invalidate` and `plait warm`, as processes beside a running gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from caching.test_cached_api import another, told

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def stand(engines, fresh_database, prefix):
    """One gateway over the library."""
    async with AsyncExitStack() as stack:
        yield await another(stack, engines.urls.redis, await fresh_database(), prefix)


async def plait(stand, redis, prefix, *words):
    """Run a command with the stand's settings: its exit code and what it printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "PLAIT_RESOLVERS": "caching.library",
        "POSTGRES_URL": stand.url,
        "REDIS_URL": redis,
        "PLAIT_CACHE_PREFIX": prefix,
        "PLAIT_CACHE_TIMEOUT_SECONDS": "5",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_invalidate(stand, engines, prefix):
    """By tag, by pattern, and all: afterwards the running gateway reads anew."""
    read = "{ book(id: 1) { title } }"
    one = "1 tag"
    for words, what in (
        (["Book:1"], one),
        (["--pattern", "Book:*"], one),
        (["--all"], "everything"),
    ):
        await stand.data(read)
        assert await told(stand, read) == {"Query.book": {"memory": 1}}
        code, output = await plait(stand, engines.urls.redis, prefix, "invalidate", *words)
        assert (code, output) == (0, f"invalidated {what}\n")
        assert await told(stand, read) == {"Query.book": {"miss": 1}}


async def test_a_misspelt_tag_is_told(stand, engines, prefix):
    """What nothing is called, but something nearly; a tag of one's own is nobody's mistake."""
    words = ("invalidate", "Bok:1", "Book[]", "of-a-function")
    code, output = await plait(stand, engines.urls.redis, prefix, *words)
    assert (code, *output.splitlines()) == (
        0,
        "invalidated 3 tags",
        "warning: nothing in the domain is called 'Bok'; did you mean 'Book'?",
    )


async def test_invalidate_needs_to_know_what(stand, engines, prefix):
    """Without a tag it does nothing, and says what would be right."""
    code, output = await plait(stand, engines.urls.redis, prefix, "invalidate")
    assert code != 0
    assert "name tags" in output


async def test_invalidate_without_redis_fails(stand, prefix):
    """An operator who is told it worked must be able to rely on it."""
    code, output = await plait(stand, "redis://127.0.0.1:1/0", prefix, "invalidate", "Book")
    assert code != 0
    assert "reachable" in output


async def test_warm(stand, engines, prefix):
    """The domain's queries are read by another process; this one finds them in Redis."""
    code, output = await plait(stand, engines.urls.redis, prefix, "warm")
    assert (code, output.splitlines()[-1]) == (0, "read 1 of 1 queries")
    assert await told(stand, "{ books(first: 3) { nodes { id title } } }") == {
        "Query.books": {"shared": 1}
    }
