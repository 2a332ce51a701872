"""The shared level of the cache on Redis 7 or Valkey: entries, tags, locks, leases.

All keys begin with the prefix in braces, so that a cluster keeps them in one slot and a script may
name several of them:

    {prefix}:e:<key>   an entry        {prefix}:t:<tag>    a tag's version
    {prefix}:f:<key>   who fills it    {prefix}:l:<name>   another lock
    {prefix}:state     the epoch, the number of invalidations, the nodes that hold a lease, and
                       which process of a server has written that

Scripts are in no snapshot, and no replica is sent them: a server that does not know one of ours may
be another than before, and is asked that (`cache_scripts.BEGIN`) before it learns the script. Those
that come first, to look and to invalidate, are other ones for each prefix and database.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from secrets import token_hex
from struct import pack
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import SourceRefused
from gateway.sources.cache import (
    EVERYTHING,
    Acknowledged,
    Bumped,
    Lock,
    Looked,
    Mark,
    Notice,
    Sought,
    Stored,
)
from gateway.sources.redis import cache_scripts as lua
from gateway.sources.redis.client import Client
from gateway.sources.redis.faults import our_errors
from gateway.sources.redis.link import Command, cancellable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from redis.asyncio.connection import AbstractConnection

    from gateway.sources.redis.link import Word

_HOLDER = b"node:"
_LONGER, _AS_IT_IS = b"10"
_MOST_LASTING = 50_000
"""Tags of which it is remembered until when they are kept."""
_LITERAL = {ord(character): f"\\{character}" for character in "\\[]^"}
_PREFIX = _LITERAL | {ord(character): f"\\{character}" for character in "*?"}


class RedisCacheStore:
    """A cache's part of one Redis server, of a cluster, or of a server that sentinels name.

    `timeout`: seconds for each round trip, waiting for a connection included. `connections`: at
    most so many, and one more to listen on. Nothing is tried twice. Raises `ConfigurationError`
    for a wrong URL.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str,
        *,
        prefix: str,
        timeout: float,
        connect_timeout: float = 0.5,
        connections: int = 8,
    ) -> None:
        self._name = name
        self._prefix = b"{%b}:" % prefix.encode()
        self._client = Client(
            name,
            url,
            timeout=timeout,
            connect_timeout=connect_timeout,
            connections=connections,
            first=self._begin,
        )
        place = f"{prefix} {url.rpartition('@')[2]}".encode()
        self._look, self._bump = lua.look_and_bump(blake2b(place, digest_size=8).hexdigest())
        self._seconds_to_listen = timeout + 0.5
        self._state = self._prefix + b"state"
        self._everything = self._tag(EVERYTHING)
        self._newest = Mark("", 0)
        self._lasting = _Lasting()

    async def open(self) -> None:
        """Connect once. Raises `SourceError`, or `ConfigurationError` for refused credentials."""
        await self._client.open()

    async def close(self) -> None:
        """Release the connections; idempotent."""
        await self._client.close()

    async def look(  # noqa: PLR0913 - what is looked for, and for how long it is ours
        self,
        tags: Sequence[str],
        wanted: Sequence[Sought],
        token: bytes,
        *,
        now_ms: int,
        tag_ms: int,
        lock_ms: int,
    ) -> tuple[list[bytes | None], list[Looked]]:
        """Entries that count, and the locks of the others with their tags' versions."""
        names = [*map(self._tag, tags)]
        names += [self._entry(one.key) for one in wanted]
        names += [self._lock(one.key) for one in wanted]
        names += [self._state, self._everything]
        longer, lasting_ms = self._lasting.extend(tags, tag_ms)
        begin = len(self._tag(""))
        given: list[Any] = [len(tags), token, lasting_ms, lock_ms, now_ms, begin, longer]
        given += [*self._newest, token_hex(8)]
        for one in wanted:
            places = (*one.tags, *one.guards)
            sizes = one.newer_than, len(one.tags), len(places)
            given.append(pack(f"<QHH{len(places)}H", *sizes, *places))
        found = await self._client.run(self._look, names, given)
        rest = iter(found[len(tags) :])
        return found[: len(tags)], [
            Looked(data, Lock(lock)) for data, lock in zip(rest, rest, strict=True)
        ]

    async def store(
        self,
        versions: Sequence[tuple[str, bytes]],
        found: Sequence[str],
        entries: Sequence[Stored],
        *,
        version: bytes,
        tag_ms: int,
    ) -> list[bool]:
        """Keep entries whose tags all have these versions still; gives up their locks."""
        names = [self._tag(tag) for tag, _ in versions]
        names += map(self._tag, found)
        names += [self._lock(entry.key) for entry in entries]
        names += [self._entry(entry.key) for entry in entries]
        longer, lasting_ms = self._lasting.extend(found, tag_ms)
        given: list[Any] = [len(versions), len(found), version, lasting_ms, longer]
        given += [known for _, known in versions]
        for entry in entries:
            milliseconds = 0 if entry.data is None else entry.milliseconds
            places = [pack(f"<{len(own)}H", *own) for own in (entry.tags, entry.found)]
            given += (entry.data or b"", milliseconds, entry.token, *places)
        return [kept == 1 for kept in await self._client.run(lua.STORE, names, given)]

    async def bump(self, tags: Sequence[str], node: str) -> Bumped:
        """Invalidate tags: their versions are gone, every listener hears it."""
        self._lasting.forget(tags)
        names = [self._state, self._everything, *map(self._tag, tags)]
        told = node, self._notices, orjson.dumps(list(tags))
        given: list[Any] = [token_hex(8), *told, *self._newest]
        found, number, state = await self._client.run(self._bump, names, given)
        fields = dict(zip(state[::2], state[1::2], strict=True))
        holders = {
            field.removeprefix(_HOLDER).decode(): renewal.decode()
            for field, renewal in fields.items()
            if field.startswith(_HOLDER)
        }
        return Bumped(self._know(Mark(found.decode(), number)), holders)

    async def renew(self, node: str, renewal: str) -> Mark:
        """Record a lease of this node; the last invalidation there was."""
        field = _HOLDER + node.encode()
        names = [self._state, self._everything]
        given: list[Any] = [token_hex(8), field, renewal, *self._newest]
        found, number = await self._client.run(lua.RENEW, names, given)
        return self._know(Mark(found.decode(), number))

    def _begin(self) -> Command:
        """Begins another life where the server is another process than before."""
        words = ("EVAL", lua.BEGIN, 2, self._state, self._everything, token_hex(8))
        return Command(words, key=self._prefix)

    def _know(self, mark: Mark) -> Mark:
        """Remember the last invalidation that the store has recorded in its life."""
        if mark.epoch != self._newest.epoch or mark.number > self._newest.number:
            self._newest = mark
        return mark

    async def expel(self, holders: Mapping[str, str]) -> None:
        """Forget nodes whose last renewal is still this one."""
        given: list[Any] = []
        for node, renewal in holders.items():
            given += (_HOLDER + node.encode(), renewal)
        await self._client.run(lua.EXPEL, [self._state], given)

    async def acknowledge(self, marks: Mapping[str, Mark], node: str) -> None:
        """Tell each of the nodes what `node` has heard."""
        told: list[tuple[Word, ...]] = [
            ("PUBLISH", self._answers(writer), f"{mark.epoch} {mark.number} {node}")
            for writer, mark in marks.items()
        ]
        await self._client.ask([Command(words, key=self._prefix) for words in told])

    @asynccontextmanager
    async def listen(self, node: str) -> AsyncIterator[AsyncIterator[Notice | Acknowledged]]:
        """What is said from now on. A connection that is lost ends it with `SourceUnavailable`."""
        await self._client.ask([self._begin()])
        with our_errors(self._name):
            # A connection of its own, not redis-py's PubSub: that one reconnects without a word.
            async with asyncio.timeout(self._seconds_to_listen):
                connection = await self._client.link.borrow()
            try:
                async with asyncio.timeout(self._seconds_to_listen):
                    await _subscribe(connection, self._notices, self._answers(node))
                yield self._heard(connection)
            finally:
                with suppress(Exception):
                    await self._client.link.give_back(connection)

    async def tags_like(self, pattern: str, most: int) -> list[str]:
        """Tags in use that match a pattern with `*` and `?`, by SCAN; at most so many."""
        begins = self._tag("")
        match = begins.decode().translate(_PREFIX) + pattern.translate(_LITERAL)
        found: dict[str, None] = {}
        cursor = 0
        while len(found) < most:
            cursor, names = await self._one("SCAN", int(cursor), "MATCH", match, "COUNT", 1_000)
            for name in names:
                found[name[len(begins) :].decode(errors="replace")] = None
            if not int(cursor):
                break
        return list(found)[:most]

    async def acquire(self, name: str, owner: str, seconds: float) -> bool:
        """`SET NX PX`."""
        milliseconds = max(1, round(seconds * 1_000))
        return bool(await self._one("SET", self._named(name), owner, "NX", "PX", milliseconds))

    async def extend(self, name: str, owner: str, seconds: float) -> bool:
        """Compare and extend."""
        milliseconds = max(1, round(seconds * 1_000))
        given: list[Word] = [owner, milliseconds]
        return bool(await self._client.run(lua.EXTEND, [self._named(name)], given))

    async def release(self, name: str, owner: str) -> bool:
        """Compare and delete."""
        return bool(await self._client.run(lua.RELEASE, [self._named(name)], [owner]))

    async def _one(self, *words: Word) -> Any:
        (answer,) = await self._client.ask([Command(words, key=self._prefix)])
        return answer

    async def _heard(self, connection: Any) -> AsyncIterator[Notice | Acknowledged]:
        while True:
            with our_errors(self._name):
                kind, channel, data = await connection.read_response(timeout=math.inf)
            if kind != b"message":
                continue
            try:
                if channel != self._notices:
                    yield _acknowledged(data)
                    continue
                notice = _notice(data)
                self._lasting.forget(notice.tags)
                self._know(notice.mark)
                yield notice
            except (ValueError, orjson.JSONDecodeError):
                raise SourceRefused(f"source {self._name!r} sent what is not ours") from None

    @property
    def _notices(self) -> bytes:
        return self._prefix + b"invalidated"

    def _answers(self, node: str) -> bytes:
        return self._prefix + b"heard:" + node.encode()

    def _entry(self, key: bytes) -> bytes:
        return self._prefix + b"e:" + key.hex().encode()

    def _lock(self, key: bytes) -> bytes:
        return self._prefix + b"f:" + key.hex().encode()

    def _tag(self, tag: str) -> bytes:
        return self._prefix + b"t:" + tag.encode()

    def _named(self, name: str) -> bytes:
        return self._prefix + b"l:" + name.encode()


class _Lasting:
    """Until when tags are kept for certain, so that few round trips must see to it.

    It may be wrong where Redis lost something; entries under such a tag end with it.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def extend(self, tags: Sequence[str], milliseconds: int) -> tuple[bytes, int]:
        """For each tag 1 where it must be kept for longer, and the milliseconds for which.

        These are twice what is asked for, so that the next ones need not.
        """
        now, most = time.monotonic(), 2 * milliseconds
        until, after = now + milliseconds / 1_000, now + most / 1_000
        if len(self._until) > _MOST_LASTING:
            self._until.clear()
        known = self._until
        flags = bytearray()
        for tag in tags:
            longer = known.get(tag, 0.0) < until
            flags.append(_LONGER if longer else _AS_IT_IS)
            if longer:
                known[tag] = after
        return bytes(flags), most

    def forget(self, tags: Sequence[str]) -> None:
        """They are gone, and what comes after them may end sooner."""
        for tag in tags:
            self._until.pop(tag, None)


async def _subscribe(connection: AbstractConnection, *channels: bytes) -> None:
    with cancellable():
        await connection.send_command("SUBSCRIBE", *channels)
    for _ in channels:
        await connection.read_response()


def _notice(data: bytes) -> Notice:
    epoch, number, node, tags = data.split(b" ", 3)
    return Notice(Mark(epoch.decode(), int(number)), node.decode(), tuple(orjson.loads(tags)))


def _acknowledged(data: bytes) -> Acknowledged:
    epoch, number, node = data.split(b" ")
    return Acknowledged(node.decode(), Mark(epoch.decode(), int(number)))
