"""The five kinds of sources over real engines, each with keys of its own, and time to move."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from gateway.configuration import Secret
from gateway.context.registry import datasource_of
from gateway.errors import PlaitError
from gateway.settings import Datasource as Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.context.datasource import Datasource

KINDS = ("redis", "postgresql", "mongodb", "s3", "filesystem")


@dataclass
class Bench:
    """A connected source, the settings it was made by, and its time."""

    kind: str
    settings: Settings
    prefix: str
    now: list[float] = field(default_factory=lambda: [float(int(time.time()))])

    def made(self, name: str = "bench", **changes: Any) -> Datasource:
        """Another source over the same engine."""
        given = {name: getattr(self.settings, name) for name in self.settings.__struct_fields__}
        return datasource_of(name, Settings(**{**given, **changes}), clock=lambda: self.now[0])

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, in an instant. Redis keeps time by itself: each life there is cut."""
        self.now[0] += seconds
        if self.kind == "redis":
            async with Redis.from_url(self.settings.url.reveal()) as client:
                async for key in client.scan_iter(match=f"{self.prefix}*", count=1000):
                    left = await client.pttl(key)
                    if left > 0:
                        await client.pexpire(key, max(0, int(left - seconds * 1000)))


def settings_of(kind: str, url: str, prefix: str, **more: Any) -> Settings:
    """Settings of a source of this kind; `url` is a folder for the filesystem."""
    where = {"path": url} if kind == "filesystem" else {"url": Secret(url)}
    return Settings(type=kind, prefix=prefix, read="*", timeout_seconds=20.0, **where, **more)


@contextlib.asynccontextmanager
async def bench(kind: str, url: str, **more: Any) -> AsyncIterator[tuple[Bench, Datasource]]:
    """A connected source with a prefix that no other test has."""
    prefix = f"t{uuid.uuid4().hex}:"
    made = Bench(kind, settings_of(kind, url, prefix, **more), prefix)
    source = made.made()
    until = time.monotonic() + 30
    while True:
        try:
            await source.connect()
            break
        except PlaitError:  # a server that has opened its port and is not quite there
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
    try:
        yield made, source
    finally:
        await source.disconnect()
