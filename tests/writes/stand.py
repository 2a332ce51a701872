"""A gateway over a toy domain, put together as `plait serve` does, and ways to look behind it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
from asking import Asking

from gateway.composition import Gateway
from gateway.settings import load
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from gateway.execution.engine import Engine


PATIENT = 60.0
"""Seconds under which no answer depends on how busy the machine is."""
_WRITERS = (
    "select count(*) from pg_stat_activity"
    " where application_name = 'plait-writer' and datname = current_database()"
)
_BLOCKED = _WRITERS + " and wait_event_type = 'Lock'"
_BUSY = _WRITERS + " and state <> 'idle'"
SETTINGS = {
    "REDIS_URL": "redis://127.0.0.1:1",  # nobody there; who needs one says where
    "POSTGRES_POOL_SIZE": "4",
    "POSTGRES_MAX_OVERFLOW": "4",
    "REDIS_SOCKET_TIMEOUT": "60",
    "PLAIT_IDENTITY_ANONYMOUS": "all",  # who writes is the domain's affair here
}


@dataclass
class Stand(Asking):
    """A running gateway, and a connection of the test's own to the same database."""

    gateway: Gateway
    connection: asyncpg.Connection[Any]
    url: str
    viewer: Viewer = ANONYMOUS
    """Who asks, where a question does not say it."""
    seconds = PATIENT

    @property
    def engine(self) -> Engine:
        """The gateway's."""
        return self.gateway.engine

    async def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """What the database holds, past the gateway."""
        return [tuple(row) for row in await self.connection.fetch(sql, *arguments, timeout=30)]

    async def value(self, sql: str, *arguments: Any) -> Any:
        """One value the database holds."""
        return await self.connection.fetchval(sql, *arguments, timeout=30)

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The statements that writing connections run within the block.

        They must be open before: connections that are made within it are not heard.
        """
        heard: list[str] = []

        def hear(query: Any) -> None:
            heard.append(query.query)

        pool: Any = self.gateway.registry.rows["default"]._writer._pool  # type: ignore[attr-defined]  # nothing else tells
        live = [holder._con for holder in pool._holders if holder._con is not None]
        for connection in live:
            connection.add_query_logger(hear)
        try:
            yield heard
        finally:
            for connection in live:
                connection.remove_query_logger(hear)

    async def blocked(self, count: int = 1) -> None:
        """Wait until so many writing connections wait for a lock."""
        async with asyncio.timeout(30):
            while await self.value(_BLOCKED) < count:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Wait until no writing connection is in a transaction."""
        async with asyncio.timeout(30):
            while await self.value(_BUSY):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.005)

    def sent(self) -> dict[str, int]:
        """How many reads each source was sent by way of its groups so far."""
        return {name: int(one.figures()["sent"]) for name, one in self.gateway.groups.items()}


def code_of(error: Mapping[str, Any]) -> str:
    """An error's code."""
    return str(error["extensions"]["code"])


@asynccontextmanager
async def standing(
    resolvers: str, script: str, addresses: Mapping[str, str], **settings: str
) -> AsyncIterator[Stand]:
    """A gateway over the domain of a module, its tables made by a script in an empty database."""
    url = addresses["POSTGRES_URL"]
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(script, timeout=30)
        environment = {**SETTINGS, "PLAIT_RESOLVERS": resolvers, **addresses, **settings}
        gateway = Gateway(load(environ=environment))
        await gateway.open()
        try:
            yield Stand(gateway, connection, url)
        finally:
            await gateway.close()
    finally:
        await connection.close()
