"""What `engines.start` asks of each kind of engine, and what most kinds answer."""

from __future__ import annotations

import importlib.util
import os
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gateway.embedded.process import Account, Command
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from gateway.embedded.process import EngineProcess, Member


class Engine(ABC):
    """One kind of engine and its data folder. Runs as the owner."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_seconds: ClassVar[float] = 20.0

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """`folder` is that of all engines."""
        self.folder = folder
        self.data = folder / self.name
        self.durable = durable

    def prepare(self, keeper: Executor, previous: Member | None) -> None:
        """Make the data folder fit for a start; `previous` is the last process on it, now dead.

        Raises `ConfigurationError`.
        """
        del keeper, previous
        self.data.mkdir(mode=0o700, exist_ok=True)

    @abstractmethod
    def command(self, port: int) -> Command:
        """What to run to serve on 127.0.0.1:`port`."""

    @abstractmethod
    def ready(self, process: EngineProcess, port: int) -> bool:
        """Whether this very process, and no other, answers now. Does not wait."""

    @abstractmethod
    def url(self, port: int) -> str:
        """What a client connects to."""


def own_command(
    program: Sequence[str],
    cwd: Path,
    stop_signal: signal.Signals,
    variables: Mapping[str, str] | None = None,
) -> Command:
    """What the owner runs in `cwd`, with more environment `variables`."""
    told = {**environment(), **(variables or {})}
    return Command(program, cwd, stop_signal, Account.own(), told)


def package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it.

    Raises `ConfigurationError` when the extra `demo` is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the embedded engines need the package {package!r}: pip install 'plait[demo]'"
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def environment() -> dict[str, str]:
    """Ours, without what would bend an engine: PostgreSQL's variables and the locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
