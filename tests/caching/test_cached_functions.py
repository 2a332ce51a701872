"""`@cached` and `cached_embedding` over caches of their own."""

from __future__ import annotations

import asyncio

import pytest
from caching.conftest import until

from gateway.caching.function import cached, cached_embedding
from gateway.errors import SourceUnavailable


def counted(**options):
    """A function that is cached, and what it was called with."""
    calls = []

    @cached(max_age=60, name="tests.double", **options)
    async def double(number, *, times=2):
        calls.append((number, times))
        return number * times

    return double, calls


async def test_equal_calls_are_one(make):
    """By the arguments, by position or by name; others are others."""
    double, calls = counted(cache=await make())
    assert await asyncio.gather(*(double(2) for _ in range(20))) == [4] * 20
    assert await double(2, times=3) == 6
    assert await double(True) == 2  # noqa: FBT003 - an argument like any other
    assert calls == [(2, 2), (2, 3), (True, 2)]


async def test_redis_or_this_process_alone(make):
    """Another replica has it from Redis, unless the function is kept in the process alone."""
    here, there = await make(), await make()
    for shared, expected in ((True, 1), (False, 2)):
        mine, my_calls = counted(cache=here, shared=shared, key=lambda n, s=shared: (n, s))
        other, other_calls = counted(cache=there, shared=shared, key=lambda n, s=shared: (n, s))
        await mine(1)
        await until(lambda: here.figures()["flights"] == 0)
        for _ in range(200):
            await other(1)
        assert await mine(1) == 2
        assert len(my_calls) + len(other_calls) == expected


async def test_an_invalidation_reaches_what_one_process_keeps(make):
    """Its tags are heard like all others."""
    here, there = await make(), await make()
    double, calls = counted(cache=here, shared=False, tags=("Number",))
    await double(1)
    await double(1)
    await there.invalidate(["Number"])
    await double(1)
    assert calls == [(1, 2), (1, 2)]


async def test_exceptions_are_never_kept(make):
    """They are the caller's, and the next call runs."""
    cache, broken = await make(), [True]

    @cached(max_age=60, cache=cache)
    async def fragile():
        if broken:
            raise SourceUnavailable("away")
        return 1

    with pytest.raises(SourceUnavailable):
        await fragile()
    broken.clear()
    assert await fragile() == 1


async def test_embeddings_by_the_hash_of_their_text(make):
    """A text is embedded once for each model, whatever it holds; the model's tag invalidates."""
    cache, calls = await make(), []

    def embedder(model):
        @cached_embedding(model, cache=cache)
        async def embed(text):
            calls.append((model, text))
            return [0.25, float(len(text))]

        return embed

    one, other = embedder("one"), embedder("other")
    texts = ["aurora", "полярное сияние", "a:b", "\ud800", ""]
    for _ in range(2):
        assert [await one(text) for text in texts] == [[0.25, float(len(text))] for text in texts]
    assert len(calls) == len(texts)
    await other("aurora")
    await cache.invalidate(["embedding:one"])
    await other("aurora")
    await one("aurora")
    assert calls[len(texts) :] == [("other", "aurora"), ("one", "aurora")]


async def test_without_a_cache_it_is_simply_called():
    """Outside a request nothing is kept."""
    double, calls = counted()
    assert [await double(1), await double(1)] == [2, 2]
    assert len(calls) == 2
