"""The way to the servers: commands out in one go, as many answers back.

A `Link` is one server found by its URL or by sentinels, or a cluster (`gateway.sources.redis.
cluster`). Nothing is tried twice. What a server refuses stands as an error in the answer's place;
a lost connection raises.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import hiredis
from redis.exceptions import ResponseError

from gateway.errors import SourceError
from gateway.sources.redis.faults import our_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis.asyncio import ConnectionPool
    from redis.asyncio.connection import AbstractConnection

Word: TypeAlias = "bytes | str | int | float"

MULTI_KEYS = 1_000
"""Keys of one MGET or UNLINK."""
_CLOSE_SECONDS = 1.0


class Command(NamedTuple):
    """A command's words. `key`: where it goes, if not to its second word; `node`: a server."""

    words: tuple[Word, ...]
    node: str = ""
    key: bytes = b""


class Link(Protocol):
    """What the source needs of the vendor's client."""

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """One answer for each command, in order; raises the vendor's connection errors."""

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        """The places of keys that one command may name together."""

    async def nodes(self) -> list[str]:
        """The names of the servers that hold keys, in a lasting order."""

    async def borrow(self) -> AbstractConnection:
        """A connection of the caller's own, for subscriptions."""

    async def give_back(self, connection: AbstractConnection) -> None:
        """End a borrowed connection."""

    async def close(self) -> None:
        """Release every connection."""


class PoolLink:
    """One server, whose pool knows its address."""

    def __init__(self, pool: ConnectionPool, others: Sequence[ConnectionPool] = ()) -> None:
        self.pool = pool
        self._others = others

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """See `Link`; all commands travel in one round trip."""
        connection = await self._connection()
        try:
            return await converse(connection, [command.words for command in commands])
        finally:
            await self.pool.release(connection)

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        """See `Link`."""
        places = range(len(keys))
        return [list(places[start : start + MULTI_KEYS]) for start in places[::MULTI_KEYS]]

    async def nodes(self) -> list[str]:
        """See `Link`: one, without a name."""
        return [""]

    async def borrow(self) -> AbstractConnection:
        """See `Link`."""
        return await self._connection()

    async def give_back(self, connection: AbstractConnection) -> None:
        """See `Link`; what it was subscribed to goes with it."""
        await connection.disconnect(nowait=True)
        await self.pool.release(connection)

    async def _connection(self) -> AbstractConnection:
        with cancellable():
            taken: AbstractConnection = await self.pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py
        return taken

    async def close(self) -> None:
        """See `Link`; `others` are the pools to those who know the server."""
        for pool in (self.pool, *self._others):
            await pool.disconnect()


def look_ups(link: Link, keys: Sequence[bytes]) -> tuple[list[list[int]], list[Command]]:
    """The MGETs for keys, and the places of the keys of each."""
    groups = link.together(keys) if keys else []
    return groups, [Command(("MGET", *(keys[place] for place in group))) for group in groups]


def looked_up(groups: Sequence[list[int]], answers: Sequence[Any], count: int) -> list[Any]:
    """What MGETs found for `count` keys, in their order; what was refused stands for each."""
    values: list[Any] = [None] * count
    for group, found in zip(groups, answers, strict=True):
        refused = isinstance(found, ResponseError)
        for index, place in enumerate(group):
            values[place] = found if refused else found[index]
    return values


@contextmanager
def cancellable() -> Iterator[None]:
    """Raise a cancellation that was swallowed within.

    `asyncio.wait_for` of Python 3.11, by which redis-py sends, loses one that comes as it ends
    (python/cpython#86296); whoever waits for the task's end would wait for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:  # also where it was swallowed for another error
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


async def close(link: Link, name: str) -> None:
    """Release the connections of source `name`, in a second at most; idempotent."""
    with suppress(SourceError), our_errors(name):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await link.close()


async def converse(
    connection: AbstractConnection, commands: Sequence[tuple[Word, ...]]
) -> list[Any]:
    """Send all commands at once and read as many answers.

    An answer that is an error is returned in its place. Whatever else ends the conversation ends
    the connection too, for unread answers must not meet the next one's questions.
    """
    try:
        with cancellable():
            # Asynchronous connections of redis-py pack in Python, which costs more than to send.
            packed = b"".join([hiredis.pack_command(words) for words in commands])  # type: ignore[arg-type]  # its stub means tuples of one word
            await connection.send_packed_command(packed)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response(disable_decoding=True))
            except ResponseError as error:
                answers.append(error)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return answers
