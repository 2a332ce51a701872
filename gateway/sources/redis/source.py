"""The adapter: bound fields and namespaces, all that a moment asks in one conversation."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from gateway.errors import SourceDataError, SourceError, SourceTimeout, SourceUnavailable
from gateway.schema.asks import StateRead
from gateway.sources.breaker import ProbedBreaker
from gateway.sources.contract import Batch, Budget, Health, Prepared
from gateway.sources.redis.bound import READERS, Kind, command
from gateway.sources.redis.faults import accepted, opening, our_errors, refused
from gateway.sources.redis.link import Command, close
from gateway.sources.redis.links import Times, make_link
from gateway.sources.redis.messages import Channels, listening
from gateway.sources.redis.pattern import KeyPattern
from gateway.sources.redis.store import ChangePrepared, ReadPrepared, Store
from gateway.sources.redis.turns import Turns
from gateway.telemetry.places import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from gateway.schema.asks import StateChange
    from gateway.schema.state.namespaces import Guard, Namespace
    from gateway.sources.contract import Value
    from gateway.sources.redis.messages import ChannelMessage

AT_ONCE = 8
"""Executions for each connection: they share conversations."""

_PORTS = {"redis": 6_379, "rediss": 6_379}
_REST = 0.25
"""Seconds after a sign of life in which a lost conversation asks for no other."""


@dataclass(frozen=True, slots=True, eq=False)
class RedisPrepared(Prepared):
    """A bound field: the key each entity has in Redis, and how its value is read."""

    pattern: KeyPattern
    kind: Kind


class RedisSource:
    """Redis, or what speaks its protocol, by URL: a server, a cluster, or one found by sentinels.

    `concurrency`: conversations at once, one connection each (in a cluster: to each server).
    `connect_timeout`, `socket_timeout`: seconds for a connection and for each answer. Nothing is
    tried twice; a connection that was lost is made anew by the next conversation. A server that
    keeps failing is left alone for a moment. Raises `ConfigurationError` for a wrong URL.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        concurrency: int = 4,
        connect_timeout: float = 0.5,
        socket_timeout: float = 0.1,
    ) -> None:
        self.name = name
        self.concurrency = concurrency * AT_ONCE
        self._open_seconds = connect_timeout + 2 * socket_timeout
        self.link = make_link(
            name, url, connections=concurrency, times=Times(connect_timeout, socket_timeout)
        )
        self.place = {"db.system.name": "redis", **place_of(url, _PORTS, named=True)}
        self._breaker = ProbedBreaker(self._sign_of_life, rest=_REST)
        self._turns = Turns(name, self.link, self._breaker, lanes=concurrency)
        self._store = Store(name, self.link, self._turns)
        self.channels = Channels(name, self.link, connect_timeout=connect_timeout)

    def prepare_bound(self, pattern: str, key_names: Sequence[str], kind: str) -> RedisPrepared:
        """A field of an entity, of any `Kind`: None where nothing is stored, of a counter 0.

        `pattern`: the Redis key, `views:trend_{id}`, with names of `key_names`, the entity's key
        columns in their order. What does not read as its kind (a counter is a GraphQL Int), or is
        over a mebibyte, is a `SourceDataError` in its place. Pure; raises `ConfigurationError` for
        a bad pattern.
        """
        return RedisPrepared(
            source=self.name,
            by_key=True,
            pattern=KeyPattern.parse(pattern, key_names),
            kind=Kind(kind),
        )

    def prepare(self, ask: StateRead | StateChange, guard: Guard) -> ReadPrepared | ChangePrepared:
        """What a field reads of a namespace, or writes to it. Pure."""
        if isinstance(ask, StateRead):
            return ReadPrepared(self.name, by_key=False, guard=guard, parts=ask.parts)
        return ChangePrepared(self.name, by_key=False, guard=guard, verb=ask.verb, parts=ask.parts)

    async def open(self) -> None:
        """Connect once. Raises `SourceUnavailable`, `SourceTimeout` or `ConfigurationError`."""
        deadline = asyncio.get_running_loop().time() + self._open_seconds
        with opening(self.name):
            async with asyncio.timeout_at(deadline):
                await self._ping()

    async def close(self) -> None:
        """Release the connections; idempotent."""
        await self._breaker.close()
        await self.channels.close()
        await self._turns.close()
        await close(self.link, self.name)

    def figures(self) -> Mapping[str, float]:
        """Gauge: whether the breaker is open."""
        return {"breaker_open": float(self._breaker.open)}

    async def check(self, budget: Budget) -> Health:
        """PING; never raises. `figures`: the round trip in milliseconds."""
        started = time.perf_counter()
        try:
            with our_errors(self.name):
                async with asyncio.timeout_at(budget.deadline):
                    await self._ping()
        except SourceError as error:
            return Health(ready=False, detail=error.message)
        took = round((time.perf_counter() - started) * 1_000, 3)
        return Health(ready=True, detail="answers", figures={"round_trip_ms": took})

    async def execute(
        self, prepared: RedisPrepared | ReadPrepared, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """Values in the order of the keys, or the one object of a `state` field.

        Whatever else is asked in this turn of the event loop travels along. Raises
        `SourceTimeout`, `SourceUnavailable` or `SourceRefused`.
        """
        if asyncio.get_running_loop().time() >= budget.deadline:
            raise SourceTimeout(f"source {self.name!r} was not asked: no time was left")
        if isinstance(prepared, ReadPrepared):
            return [await self._store.read(prepared, batch.arguments, budget.deadline)]
        return await self._bound(prepared, batch, budget)

    async def write(
        self, prepared: ChangePrepared, arguments: tuple[Any, ...], budget: Budget
    ) -> Value:
        """Make a write, once, and give its value. Raises `InputError` and `SourceError`.

        After a `SourceTimeout` or `SourceUnavailable` it may have been made or not.
        """
        return await self._store.write(prepared, arguments, budget.deadline)

    def messages(
        self, namespace: Namespace, pattern: str, deadline: float
    ) -> AbstractAsyncContextManager[AsyncIterator[ChannelMessage]]:
        """What is published on channels of a namespace; see `listening`."""
        return listening(self.channels, namespace, pattern, deadline)

    async def seed_counters(self, counts: Mapping[str, int], seconds: float) -> int:
        """Set counters that do not exist yet, by their whole key; returns how many were set."""
        deadline = asyncio.get_running_loop().time() + seconds
        commands = [Command(("SET", key, count, "NX")) for key, count in counts.items()]
        _, answers = await self._turns.ask((), commands, deadline)
        return sum(answer is not None for answer in accepted(answers, "counters", "counter"))

    def describe(self, prepared: Prepared) -> Mapping[str, Any]:
        """The command, and which keys it names."""
        if isinstance(prepared, RedisPrepared):
            return {
                "source": self.name,
                "command": command(prepared.kind),
                "keys": prepared.pattern.text,
                "kind": prepared.kind.value,
            }
        return self._store.describe(prepared)

    async def _ping(self) -> None:
        nodes = await self.link.nodes()
        answers = await self.link.exchange([Command(("PING",), node) for node in nodes])
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer

    async def _sign_of_life(self) -> None:
        """Ask every server for one; raises where none gives it."""
        nodes = await self.link.nodes()
        asked = [self.link.exchange([Command(("PING",), node)]) for node in nodes]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        if all(isinstance(answer, BaseException) for answer in answers):
            raise SourceUnavailable(f"source {self.name!r} is not reachable")

    async def _bound(
        self, prepared: RedisPrepared, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        values: list[Value] = [None] * len(batch.keys)
        asked: list[tuple[int, bytes]] = []
        for place, key in enumerate(batch.keys):
            try:
                asked.append((place, prepared.pattern.key(key)))
            except SourceDataError as error:
                values[place] = error
        if not asked:
            return values
        keys, commands = prepared.kind.questions([key for _, key in asked])
        found, answers = await self._turns.ask(keys, commands, budget.deadline)
        read = READERS[prepared.kind]
        for (place, _), value in zip(asked, found or answers, strict=True):
            values[place] = (
                refused(value, f"of {prepared.pattern.text}", prepared.kind.value)
                if isinstance(value, ResponseError)
                else read(value)
            )
        return values
