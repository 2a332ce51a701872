"""One gateway process of the tests with several: a cache whose source is a register in Redis.

`python replica.py <mode> <cache URL> <source URL> <prefix> <number> <seconds>`; waits for a line on
standard input, works, and writes what it saw as JSON to standard output. Times are of the monotonic
clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from redis.asyncio import Redis

from gateway.caching.answers import Loaded, Want
from gateway.caching.assembly import Options, make_cache
from gateway.caching.key import entry_key
from gateway.caching.policy import Policy
from gateway.sources.redis.cache import RedisCacheStore

LEAST_WRITES = 20
"""Writes that each replica makes, however slow the machine is at the moment."""
REGISTERS = [f"register{number}" for number in range(4)]


SHOWN = frozenset(REGISTERS[2:])
"""Registers of which only the answer says that it shows them: written less, so that it is kept."""
WEIGHTS = [1 if name in SHOWN else 10 for name in REGISTERS]


def want(name):
    key = entry_key(b"registers", (), (name,))
    if name in SHOWN:
        return Want(key, ("Shown",), ("Shown[]",))
    return Want(key, ("Register", f"Register:{name}"))


def shown(name, value):
    return Loaded(value, (f"Shown:{name}",)) if name in SHOWN else value


class Replica:
    def __init__(self, cache, source, number):
        self.cache = cache
        self.source = source
        self.random = random.Random(number)  # noqa: S311 - a test's choices
        self.policy = Policy(max_age=30.0, stale_while_revalidate=30.0, stale_if_error=30.0)
        self.seen = []
        self.writes = 0
        self.states = {}

    async def read(self, names):
        async def load(places, _deadline):
            await asyncio.sleep(self.random.random() * 0.004)
            values = await self.source.mget([names[place] for place in places])
            await asyncio.sleep(self.random.random() * 0.004)
            asked = [names[place] for place in places]
            return [shown(name, value or b"0") for name, value in zip(asked, values, strict=True)]

        begun = time.monotonic()
        whole = await self.whole(names)
        if whole is not None:
            for name, value in zip(names, whole.split(b","), strict=True):
                self.seen.append(("read", name, int(value), begun, time.monotonic()))
            self.states["whole"] = self.states.get("whole", 0) + 1
            return
        deadline = asyncio.get_running_loop().time() + 5
        answers = await self.cache.fetch(
            [want(name) for name in names], self.policy, load, deadline
        )
        for name, answer in zip(names, answers, strict=True):
            if not isinstance(answer.value, bytes):
                raise TypeError(f"a read failed: {answer!r}")
            self.seen.append(("read", name, int(answer.value), begun, time.monotonic()))
            self.count(answer)

    async def whole(self, names):
        """A finished answer, where there is one, or all that it takes to put it together."""
        name = ("registers", ",".join(names).encode(), None)
        found = self.cache.at_hand(name)
        if found is not None:
            return found[0].value
        slots, missing, _ = self.cache.rows_at_hand([want(each).key for each in names])
        if not missing:
            value = b",".join(slot.value for slot in slots)
            await asyncio.sleep(self.random.random() * 0.002)
            self.cache.memory.join(name, value, self.policy, slots)
        return None

    def count(self, answer):
        self.states[answer.state] = self.states.get(answer.state, 0) + 1

    async def write(self, name):
        value = await self.source.incr(name)
        kind = "Shown" if name in SHOWN else "Register"
        if await self.cache.invalidate([f"{kind}:{name}", f"{kind}[]"]):
            self.seen.append(("write", name, value, 0.0, time.monotonic()))
            self.writes += 1

    async def work(self, until):
        """Reads and writes as they come, until the time is over and enough was written."""
        while time.monotonic() < until or self.writes < LEAST_WRITES:
            if self.random.random() < 0.1:
                (name,) = self.random.choices(REGISTERS, WEIGHTS)
                await self.write(name)
            else:
                await self.read(sorted(self.random.sample(REGISTERS, self.random.randint(1, 3))))
            await asyncio.sleep(self.random.random() * 0.003)


async def check(replica, seconds):
    until = time.monotonic() + seconds
    await asyncio.gather(*(replica.work(until) for _ in range(6)))


async def stampede(replica, count):
    """So many readers at once of a slow source that counts its calls."""

    async def load(_places, _deadline):
        await replica.source.incr("calls")
        await asyncio.sleep(0.1)
        return [b"1"]

    async def one():
        deadline = asyncio.get_running_loop().time() + 30
        (answer,) = await replica.cache.fetch([want("hot")], replica.policy, load, deadline)
        replica.seen.append(answer.value.decode())
        replica.count(answer)

    await asyncio.gather(*(one() for _ in range(count)))


async def main():
    mode, url, source_url, prefix, number, amount = sys.argv[1:]
    # A fault would be a call of the source of its own; here none is meant, however slow all is.
    patience = 20.0 if mode == "stampede" else 1.0
    store = RedisCacheStore("cache", url, prefix=prefix, timeout=patience)
    cache = make_cache(Options(fill_seconds=20.0), store)
    await cache.open()
    async with Redis.from_url(source_url) as source:
        for _ in range(2_000):
            if cache.leased:
                break
            await asyncio.sleep(0.005)
        replica = Replica(cache, source, int(number))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        if mode == "check":
            await check(replica, float(amount))
        else:
            await stampede(replica, int(amount))
        sys.stdout.write(json.dumps({"seen": replica.seen, "states": replica.states}))
        sys.stdout.flush()
        await cache.close()


asyncio.run(main())
