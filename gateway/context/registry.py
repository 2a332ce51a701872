"""The key-value sources by name, and who may read which."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError, InputError, PlaitError
from gateway.sources.contract import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.context.datasource import Datasource
    from gateway.settings import Datasource as Settings
    from gateway.viewer import Viewer

ANYBODY = "*"


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
        readers = self._sources[name].settings.read.split()
        return ANYBODY in readers or not viewer.roles.isdisjoint(readers)

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
