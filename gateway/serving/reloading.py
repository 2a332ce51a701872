"""Serving while the domain is written: a worker that starts anew when a file of it changes.

The parent holds the address, so that requests wait while nobody serves, and never imports the
domain: what is wrong with that ends the worker, with its reason in the log, and the parent waits
for the next change.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uvicorn import Server
from uvicorn.supervisors.basereload import BaseReload

from gateway.errors import ConfigurationError
from gateway.importing import place_of
from gateway.settings import FILE, FILE_VARIABLE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from types import FrameType

    from gateway.serving.listener import ListenerConfig

    Changes = Iterator[set[tuple[Any, str]]]

_LOOK_MS = 200
"""How long one look waits for changes; two take turns."""


class Reloading(BaseReload):
    """One worker, told to stop and followed by another whenever a watched file has changed.

    `resolvers`: the domain's module, whose whole package is watched, with the settings file. Raises
    ConfigurationError where they cannot be.
    """

    def __init__(self, config: ListenerConfig, listener: socket.socket, resolvers: str) -> None:
        super().__init__(config, Server(config).run, [listener])
        self.reloader_name = "plait"
        self._interrupted = False
        folder, files = _watched(resolvers)
        watch = _watch()

        def among(_change: Any, path: str) -> bool:
            return Path(path) in files

        options: dict[str, Any] = {
            "stop_event": self.should_exit,
            "rust_timeout": _LOOK_MS,
            "yield_on_timeout": True,
        }
        folders = {file.parent for file in files}
        self._watchers: list[Changes] = [
            watch(*folders, watch_filter=among, recursive=False, **options)
        ]
        if folder is not None:
            self._watchers.append(watch(folder, **options))

    def serve(self) -> bool:
        """Serve until told to stop; whether that was by Ctrl-C."""
        self.run()
        return self._interrupted

    def should_restart(self) -> list[Path] | None:
        """The files that have changed since the last look."""
        changed = {Path(path) for watcher in self._watchers for _, path in next(watcher)}
        return sorted(changed) or None

    def signal_handler(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and remember why."""
        self._interrupted |= sig == signal.SIGINT
        super().signal_handler(sig, frame)


def _watch() -> Callable[..., Changes]:
    try:
        from watchfiles import watch  # noqa: PLC0415 - an extra, and only where wanted
    except ModuleNotFoundError:
        raise ConfigurationError(
            "--reload needs the package watchfiles, which the extra `demo` brings"
        ) from None
    return watch


def _watched(resolvers: str) -> tuple[Path | None, frozenset[Path]]:
    """The folder that is watched with all in it, if there is one, and single files."""
    place = place_of(resolvers.partition(".")[0])
    if place is None:
        raise ConfigurationError(f"resolvers (PLAIT_RESOLVERS): there is no module {resolvers}")
    settings = Path(os.environ.get(FILE_VARIABLE) or FILE).resolve()
    if place.is_dir():
        return place, frozenset({settings})
    return None, frozenset({settings, place})
