"""The key-value sources by name, and who may read which."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError, InputError, PlaitError
from gateway.sources.contract import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.context.datasource import Datasource
    from gateway.viewer import Viewer

ANYBODY = "*"


class Datasources:
    """All configured sources. `readers`: the roles that may read each, `*` for anybody.

    `places`: how messages name the setting that says where each is.
    """

    def __init__(
        self,
        sources: Mapping[str, Datasource],
        readers: Mapping[str, frozenset[str]],
        places: Mapping[str, str],
    ) -> None:
        self._sources = dict(sources)
        self._readers = dict(readers)
        self._places = dict(places)

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
        readers = self._readers[name]
        return ANYBODY in readers or not readers.isdisjoint(viewer.roles)

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
            return f"{self._places[source.name]}: {error.message}"
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


def absent(available: list[str]) -> InputError:
    """The error for a name that is not among these."""
    listed = ", ".join(available) or "none"
    return InputError(f"There is no such datasource for you; available: {listed}.")
