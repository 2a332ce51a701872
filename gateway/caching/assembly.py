"""Puts a cache together."""

from __future__ import annotations

import os
import platform
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.caching.cache import Cache
from gateway.caching.coherence import LEASE_SECONDS, Coherence
from gateway.caching.filling import Clocks, Filling
from gateway.caching.flight import Flights
from gateway.caching.memory import Memory
from gateway.caching.shared import SharedLevel

if TYPE_CHECKING:
    from gateway.sources.cache import SharedStore

SYSTEM_CLOCKS = Clocks(time.monotonic, time.time)


@dataclass(frozen=True, slots=True)
class Options:
    """How a cache behaves; `gateway.settings.Cache` says what each of them means."""

    memory_bytes: int = 64 << 20
    max_value_bytes: int = 1 << 20
    compress_above: int = 0
    lease_seconds: float = LEASE_SECONDS
    fill_seconds: float = 2.0
    hard_ttl: float = 1_800.0
    jitter: float = 0.5
    early_refresh: float = 1.0
    breaker_failures: int = 5
    breaker_seconds: float = 1.0


def node_name(given: str = "") -> str:
    """A name for this process that no other has, beginning with `given` or the machine's name."""
    begin = given or platform.node() or "node"
    name = "".join(one if one.isalnum() or one in "-_." else "-" for one in begin)
    return f"{name}-{os.getpid()}-{secrets.token_hex(4)}"


def make_cache(
    options: Options, store: SharedStore | None, *, node: str = "", clocks: Clocks = SYSTEM_CLOCKS
) -> Cache:
    """A cache, not yet opened; without a store it is this process's own."""
    memory = Memory(options.memory_bytes, clocks.steady, early=options.early_refresh)
    shared = None
    coherence = None
    if store is not None:
        shared = SharedLevel(
            store,
            clocks.steady,
            clocks.wall,
            max_value=options.max_value_bytes,
            compress_above=options.compress_above,
            failures=options.breaker_failures,
            seconds=options.breaker_seconds,
        )
        coherence = Coherence(
            store,
            memory,
            clocks.steady,
            shared.believe,
            node=node or node_name(),
            lease=options.lease_seconds,
        )
    flights = Flights(memory)
    filling = Filling(
        memory,
        shared,
        coherence,
        flights,
        clocks,
        seconds=options.fill_seconds,
        jitter=options.jitter,
        most_seconds=options.hard_ttl,
    )
    return Cache(
        memory=memory,
        shared=shared,
        store=store,
        coherence=coherence,
        flights=flights,
        filling=filling,
        clocks=clocks,
    )
