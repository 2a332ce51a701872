"""What an engine is to a `Datasource`: bytes under checked keys, with an exact time to live.

A store maps its vendor's errors to ours and keeps their texts to itself. It bounds what it waits
for by the client's own timeouts; the caller bounds each call again. An expired value is absent
from every answer, whether or not the engine has removed it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.context.keys import Pattern
    from gateway.settings import Datasource as Settings

Clock: TypeAlias = Callable[[], float]
"""Seconds since 1970. Writers and readers on several machines must agree on it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a store is made of: its source, what the keys begin with there, and the time."""

    name: str
    settings: Settings
    prefix: str
    clock: Clock


class Store(ABC):
    """One engine. Keys are relative to the prefix of its place."""

    @abstractmethod
    def __init__(self, place: Place) -> None:
        """Nothing is opened yet. Raises ConfigurationError for a URL that is none."""

    async def connect(self) -> None:
        """Open, and make what is missing. Raises SourceError, or ConfigurationError."""
        await self.ping()

    async def disconnect(self) -> None:  # noqa: B027 - some clients keep nothing
        """Release everything; idempotent, bounded in time."""

    @abstractmethod
    async def ping(self) -> None:
        """Ask the engine for a sign of life. Raises SourceError."""

    @abstractmethod
    async def put(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """Keep every value, each whole or not at all, for `ttl` seconds or for ever."""

    @abstractmethod
    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key, in their order."""

    @abstractmethod
    async def has(self, key: str) -> bool:
        """Whether there is a value."""

    @abstractmethod
    async def remove(self, key: str) -> bool:
        """Remove a value; whether there was one."""

    @abstractmethod
    async def find(self, pattern: Pattern, limit: int) -> list[str]:
        """Keys like `pattern`, any `limit` of them at most."""

    @abstractmethod
    async def count(self) -> int:
        """How many values there are."""

    async def prune(self) -> int:
        """Remove what has expired, where the engine does not by itself; how many that were."""
        return 0
