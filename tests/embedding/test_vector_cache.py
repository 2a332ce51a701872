"""The cache of vectors: bounded, timed, by model; a shared store whose every fault is a miss."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from gateway.embedding.cache import VectorCache
from gateway.embedding.vectors import packed, unit, unpacked
from gateway.sources.redis.blobs import RedisBlobs

SIZE = 4
VECTOR = array("f", [0.5] * SIZE)


class Clock:
    """A clock that stands still until it is set."""

    now = 1_000.0

    def __call__(self):
        return self.now


class Store:
    """A shared store in memory, which can be told to fail."""

    def __init__(self):
        self.values = {}
        self.fault = None
        self.loads = 0

    async def load(self, keys):
        self.loads += 1
        if self.fault:
            raise self.fault
        return [self.values.get(key) for key in keys]

    async def save(self, values, seconds):
        if self.fault:
            raise self.fault
        self.values |= values
        self.seconds = seconds

    async def aclose(self):
        pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(clock):
    def make(model="m", dimensions=SIZE, max_bytes=1 << 20, **options):
        return VectorCache(
            model, dimensions, max_bytes=max_bytes, seconds=100, clock=clock, **options
        )

    return make


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_packing_loses_nothing(numbers):
    """32-bit numbers come back as they were; other bytes do not come back at all."""
    data = packed(array("f", numbers))
    assert list(unpacked(data, len(numbers))) == numbers
    assert unpacked(data, len(numbers) + 1) is None
    assert unpacked(data[:-1], len(numbers)) is None
    assert unpacked(bytes([data[0] ^ 1]) + data[1:], len(numbers)) is None
    assert unpacked(b"", len(numbers)) is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=50))
def test_unit_length(numbers):
    """Length 1, or zeros, or None where the length is not finite."""
    found = unit(numbers)
    if not math.isfinite(math.hypot(*numbers)):
        assert found is None
    elif not any(numbers):
        assert list(found) == [0.0] * len(numbers)
    elif math.hypot(*numbers) > 1e-300:
        assert math.isclose(math.hypot(*found), 1, abs_tol=1e-5)


def test_the_key_is_of_text_model_and_dimensions(make):
    """Another model, or another size of the same, never finds the vector."""
    keys = {
        make().key("a"),
        make().key("b"),
        make(model="n").key("a"),
        make(dimensions=5).key("a"),
        make(model="m:4:", dimensions=4).key("a"),
    }
    assert len(keys) == 5
    assert all(key.startswith("embedding:") and len(key) == 74 for key in keys)
    assert make().key("a") == make().key("a")


def test_a_time_to_live(make, clock):
    """A vector is there until its time is over."""
    cache = make()
    cache.keep({"k": array("f", [1.0, 0.0, 0.0, 0.0])})
    clock.now += 99
    assert list(cache.near("k")) == [1.0, 0.0, 0.0, 0.0]
    clock.now += 1
    assert cache.near("k") is None


def test_a_bound_of_bytes(make):
    """What was not read for longest goes first; nothing is kept beyond the bound, or at 0."""
    cache = make(max_bytes=1_000)  # three entries
    for name in "abc":
        cache.keep({name: VECTOR})
    assert cache.near("a")
    cache.keep({"d": VECTOR})
    assert [name for name in "abcd" if cache.near(name)] == ["a", "c", "d"]
    nothing = make(max_bytes=0)
    nothing.keep({"a": VECTOR})
    assert nothing.near("a") is None


def test_a_backfill_leaves_searches_theirs(make):
    """Vectors of the many go first, the oldest foremost, unless a search has asked for them."""
    cache = make(max_bytes=1_000)  # three entries
    cache.keep({"searched": VECTOR})
    for name in "abcd":
        cache.keep({name: VECTOR}, few=False)
    assert [name for name in "abcd" if cache.near(name, few=False)] == ["c", "d"]
    assert cache.near("c")
    cache.keep({"e": VECTOR}, few=False)
    cache.keep({"f": VECTOR}, few=False)
    assert [name for name in "cdef" if cache.near(name, few=False)] == ["c", "f"]
    cache.keep({"also searched": VECTOR})
    assert cache.near("f") is None
    assert all(cache.near(name) for name in ("searched", "c", "also searched"))


async def test_two_processes_share(make):
    """What one keeps the other finds, and keeps near from then on."""
    store = Store()
    one, other = make(shared=store), make(shared=store)
    one.keep({"k": VECTOR})
    await one.aclose()
    assert store.seconds == 100
    assert await other.far(["k", "missing"]) == {"k": VECTOR}
    assert other.near("k") == VECTOR


@pytest.mark.parametrize("data", [b"", b"nonsense", packed(VECTOR[:3]), packed(VECTOR)[:-1]])
async def test_foreign_bytes_are_a_miss(make, data):
    """Whatever else lies under the key is not taken for a vector."""
    store = Store()
    store.values["k"] = data
    assert await make(shared=store).far(["k"]) == {}


async def test_a_fault_is_a_miss_and_a_rest(make, clock):
    """After a fault the store is left alone for a while, then asked again."""
    store = Store()
    store.values["k"] = packed(VECTOR)
    store.fault = ConnectionError("a secret in it")
    cache = make(shared=store)
    assert await cache.far(["k"]) == {}
    store.fault = None
    assert await cache.far(["k"]) == {}
    assert store.loads == 1
    clock.now += 6
    assert await cache.far(["k"]) == {"k": VECTOR}


async def test_a_failing_save_is_no_failure(make):
    """The vector is kept near all the same."""
    store = Store()
    store.fault = RuntimeError()
    cache = make(shared=store)
    cache.keep({"k": VECTOR})
    await cache.aclose()
    assert cache.near("k") == VECTOR


@contextlib.asynccontextmanager
async def blobs(url):
    store = RedisBlobs("redis", url)
    try:
        yield store
    finally:
        await store.aclose()


async def test_redis_keeps_them(make, redis_url):
    """In a real Redis: MGET finds what was SET, with its time to live."""
    url = f"{redis_url.rpartition('/')[0]}/9"
    async with blobs(url) as store, Redis.from_url(url) as client:
        await client.flushdb()
        first = make(shared=store)
        key = first.key("a")
        first.keep({key: array("f", [0.25] * SIZE), first.key("b"): VECTOR})
        await first.aclose()
        assert 90 < await client.ttl(key) <= 100
    async with blobs(url) as store:
        found = await make(shared=store).far([key, "embedding:missing"])
        assert found == {key: array("f", [0.25] * SIZE)}


async def test_redis_of_another_kind(make, redis_url):
    """A key that holds no string is a miss, as everything unexpected is."""
    url = f"{redis_url.rpartition('/')[0]}/9"
    async with blobs(url) as store, Redis.from_url(url) as client:
        await client.delete("k")
        await client.lpush("k", "x")
        assert await make(shared=store).far(["k"]) == {}
        await client.delete("k")


async def test_no_redis_at_all(make):
    """Nobody listens, or somebody does and never answers: a miss within the hard timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with blobs(f"redis://127.0.0.1:{port}/0") as store:
            cache = make(shared=store, shared_seconds=0.05)
            async with asyncio.timeout(5):
                assert await cache.far(["k"]) == {}
    async with blobs(f"redis://127.0.0.1:{port}/0") as store:
        assert await make(shared=store).far(["k"]) == {}
