"""The key-value sources by name: made of the settings, and who may read which.

Vendors are imported for what is configured only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from gateway.context.contract import Place
from gateway.context.datasource import Datasource
from gateway.errors import ConfigurationError, InputError, PlaitError, SourceError
from gateway.sources.contract import Health

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from gateway.context.contract import Clock, Store
    from gateway.settings import Datasource as Settings
    from gateway.viewer import Viewer

_LOG = logging.getLogger(__name__)
_ROUNDS = 1_000
"""Batches of one pruning; what is left then waits for the next."""


class Datasources:
    """All configured sources; their settings say who may read each."""

    def __init__(self, sources: Mapping[str, Datasource]) -> None:
        self._sources = sources

    def get(self, name: str) -> Datasource:
        """A source, whoever asks. Raises InputError that lists what is available."""
        return self._of(name, sorted(self._sources))

    def by_name(self) -> Mapping[str, Datasource]:
        """All sources, whoever asks."""
        return self._sources

    def readable(self, name: str, viewer: Viewer) -> Datasource:
        """A source that the viewer may read. Raises InputError that lists those."""
        return self._of(name, [one for one in sorted(self._sources) if self._may(one, viewer)])

    def _of(self, name: str, available: list[str]) -> Datasource:
        if name not in available:
            raise absent(available)
        return self._sources[name]

    def _may(self, name: str, viewer: Viewer) -> bool:
        return viewer.is_among(self._sources[name].settings.read.split())

    async def connect(self) -> None:
        """Open all at once. Raises ConfigurationError that names the setting of each that fails."""
        found = await asyncio.gather(*map(self._problem, self._sources.values()))
        problems = [problem for problem in found if problem]
        if problems:
            raise ConfigurationError("\n".join(problems))

    async def _problem(self, source: Datasource) -> str | None:
        try:
            await source.connect()
        except PlaitError as error:
            return f"{place_of(source.name, source.settings)}: {error.message}"
        return None

    async def disconnect(self) -> None:
        """Close all."""
        await asyncio.gather(*(source.disconnect() for source in self._sources.values()))

    async def check(self, deadline: float) -> Mapping[str, Health]:
        """Which of them answer before the deadline, as `datasource.<name>`."""
        sources = [source.within(deadline) for source in self._sources.values()]
        answers = await asyncio.gather(*(source.is_connected() for source in sources))
        return {
            f"datasource.{source.name}": Health(ready, "answers" if ready else "does not answer")
            for source, ready in zip(sources, answers, strict=True)
        }


def place_of(name: str, settings: Settings) -> str:
    """The setting that says where a source is, by both of its names."""
    setting = "path" if settings.type == "filesystem" else "url"
    infix = "" if name == "default" else f"{name.upper()}_"
    return f"datasource.{name}.{setting} (DATASOURCE_{infix}{setting.upper()})"


def absent(available: list[str]) -> InputError:
    """The error for a name that is not among these."""
    listed = ", ".join(available) or "none"
    return InputError(f"There is no such datasource for you; available: {listed}.")


def datasources_of(settings: Mapping[str, Settings], clock: Clock = time.time) -> Datasources:
    """All sources, not yet connected. Raises ConfigurationError naming the setting."""
    return Datasources({name: datasource_of(name, one, clock) for name, one in settings.items()})


def datasource_of(name: str, datasource: Settings, clock: Clock = time.time) -> Datasource:
    """One source, not yet connected."""
    try:
        place = Place(name, datasource, datasource.prefix or f"{name}:", clock)
        store = _store(datasource.type)(place)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"datasource.{name}.type: {datasource.type} needs the extra `context`; "
            f"{error.name} is not installed."
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{place_of(name, datasource)}: {error.message}") from None
    return Datasource(name, store, datasource)


def _store(type_: str) -> type[Store]:
    """The store of a type of source; its client is imported only here."""
    match type_:
        case "redis":
            from gateway.context.redis import RedisStore  # noqa: PLC0415 - where it is used

            return RedisStore
        case "postgresql":
            from gateway.context.postgres import PostgresStore  # noqa: PLC0415 - likewise

            return PostgresStore
        case "mongodb":
            from gateway.context.mongodb import MongoStore  # noqa: PLC0415 - an optional package

            return MongoStore
        case "s3":
            from gateway.context.objects import ObjectStore  # noqa: PLC0415 - likewise

            return ObjectStore
        case _:
            from gateway.context.filesystem import FileStore  # noqa: PLC0415 - with the others

            return FileStore


async def first_kept(asked: Iterable[Awaitable[Any]]) -> Any:
    """What the first gives that has something, each awaited in its turn; None where none has.

    Raises SourceError where one of them could not be asked instead.
    """
    away: SourceError | None = None
    for one in asked:
        try:
            found = await one
        except SourceError as error:
            away = error
            continue
        if found is not None:
            return found
    if away is not None:
        raise away
    return None


async def prune(sources: Mapping[str, Datasource]) -> None:
    """Remove what has expired; a source that is away is logged, and left to the next time."""
    for source in sources.values():
        try:
            for _ in range(_ROUNDS):
                if not await source.prune():
                    break
        except SourceError:
            _LOG.warning("the datasource %s could not be pruned", source.name)


async def keep_pruned(sources: Mapping[str, Datasource], seconds: float = 600.0) -> None:
    """`prune` again and again, every so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        await prune(sources)
