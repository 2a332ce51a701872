"""A cluster as a link: commands go to the servers of their keys, to all of them at once.

redis-py's client knows the topology; the conversations are ours, for its own try again.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import redis.exceptions as vendor
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot

from gateway.sources.redis.link import MULTI_KEYS, Command, converse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio.connection import AbstractConnection, Connection


class ClusterLink:
    """The servers of a cluster; `hosts` are those to ask for the others.

    Where a slot has moved, the one command that was refused follows it, once: it was not done.
    """

    def __init__(
        self,
        hosts: Sequence[tuple[str, int]],
        settings: dict[str, Any],
        *,
        connections: int,
        secure: bool,
    ) -> None:
        self._cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in hosts],
            max_connections=connections,
            require_full_coverage=False,
            ssl=secure,
            **settings,
        )
        self._stale = True
        self._lock = asyncio.Lock()
        self._lent: dict[int, tuple[Connection, ClusterNode]] = {}

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """See `Link`; one round trip to each server concerned, all at once."""
        await self._know()
        by_node: dict[ClusterNode, list[int]] = {}
        for place, command in enumerate(commands):
            by_node.setdefault(self._node_of(command), []).append(place)
        answers: list[Any] = [None] * len(commands)

        async def ask(node: ClusterNode, places: list[int]) -> None:
            found = await self._on(node, [commands[place] for place in places])
            for place, answer in zip(places, found, strict=True):
                answers[place] = answer

        # Gathered whole: a server that is away must not leave the others' answers unread.
        outcomes = await asyncio.gather(
            *(ask(node, places) for node, places in by_node.items()), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                self._stale = True
                raise outcome
        for place, answer in enumerate(answers):
            if isinstance(answer, vendor.AskError):
                answers[place] = await self._follow(commands[place], answer)
        return answers

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        """See `Link`: keys of one slot."""
        by_slot: dict[int, list[int]] = {}
        for place, key in enumerate(keys):
            by_slot.setdefault(key_slot(key), []).append(place)
        return [
            places[start : start + MULTI_KEYS]
            for places in by_slot.values()
            for start in range(0, len(places), MULTI_KEYS)
        ]

    async def nodes(self) -> list[str]:
        """See `Link`; names that tell nothing of addresses."""
        await self._know()
        return sorted(_alias(node) for node in self._cluster.get_primaries())

    async def borrow(self) -> Connection:
        """See `Link`; messages reach every server of a cluster, so any will do."""
        await self._know()
        node = self._cluster.get_random_primary_node()
        connection = node.acquire_connection()
        self._lent[id(connection)] = (connection, node)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        except BaseException:
            self._stale = True
            await self.give_back(connection)
            raise
        return connection

    async def give_back(self, connection: AbstractConnection) -> None:
        """See `Link`."""
        await connection.disconnect(nowait=True)
        taken, node = self._lent.pop(id(connection))
        node.release(taken)

    async def close(self) -> None:
        """See `Link`."""
        await self._cluster.aclose()
        self._stale = True

    async def _know(self) -> None:
        """Learn the topology, at first and after a server was lost."""
        async with self._lock:
            if not self._stale:
                return
            await self._cluster.initialize()
            if self._cluster.get_primaries():
                await self._cluster.nodes_manager.initialize()
            self._stale = False

    def _node_of(self, command: Command) -> ClusterNode:
        if command.node:
            for node in self._cluster.get_primaries():
                if _alias(node) == command.node:
                    return node
            raise vendor.ClusterError("no such server")
        key: Any = command.key or command.words[1]
        try:
            return self._cluster.nodes_manager.get_node_from_slot(key_slot(key))
        except vendor.SlotNotCoveredError:
            self._stale = True
            raise vendor.ConnectionError("a slot is not served") from None

    async def _on(
        self, node: ClusterNode, commands: Sequence[Command], *, asking: bool = False
    ) -> list[Any]:
        words = [command.words for command in commands]
        connection = node.acquire_connection()
        try:
            answers = await converse(connection, [("ASKING",), *words] if asking else words)
        finally:
            node.release(connection)
        return answers[1:] if asking else answers

    async def _follow(self, command: Command, moved: vendor.AskError) -> Any:
        """Ask again where the slot is now; `MOVED` tells for good, `ASK` for this time."""
        for_good = isinstance(moved, vendor.MovedError)
        if for_good:
            await self._cluster.nodes_manager.move_slot(moved)
        node = self._cluster.get_node(host=moved.host, port=moved.port)
        if node is None:
            self._stale = True
            return moved
        (answer,) = await self._on(node, [command], asking=not for_good)
        return answer


def _alias(node: ClusterNode) -> str:
    return hashlib.sha256(node.name.encode()).hexdigest()[:16]
