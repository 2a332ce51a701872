"""Starts the embedded engines of a data folder, and stops them.

    <folder>/postgres  /valkey  /qdrant    their data, kept between runs
    <folder>/logs                          what they say
    <folder>/lock  engines.json  postgres.password

An engine never outlives its owner: it is stopped by `Engines.stop`, at the interpreter's exit, or
by the kernel when the owner is killed. Should one have been left all the same, the next start on
the folder ends it.
"""

from __future__ import annotations

import atexit
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.embedded.ports import free_port, is_free
from gateway.embedded.postgres import Postgres
from gateway.embedded.process import EngineProcess, Log, end, keeper, wait_until
from gateway.embedded.qdrant_process import Qdrant
from gateway.embedded.records import FolderLock, Record, Records
from gateway.embedded.valkey import Valkey
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from gateway.embedded.engine import Engine

_KINDS: Mapping[str, type[Engine]] = {"postgres": Postgres, "valkey": Valkey, "qdrant": Qdrant}
NAMES = tuple(_KINDS)
"""The engines there are."""

_START_SECONDS = 120.0  # a crash recovery may take its time
_PORT_SECONDS = 5.0
_PORT_TRIES = 3
_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """Where the engines listen, always on 127.0.0.1; empty (0) for one that was not started.

    `postgres` holds the password. `qdrant` takes gRPC alone, at `qdrant_grpc_port`.
    """

    postgres: str = ""
    redis: str = ""
    qdrant: str = ""
    qdrant_grpc_port: int = 0


class Engines:
    """The running engines of one folder. Get it from `start`; use it as a context manager."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        self.processes: dict[str, EngineProcess] = {}
        self._durable = durable
        self._engines: dict[str, Engine] = {}
        self._ports: dict[str, int] = {}
        self._lock = FolderLock(folder)
        self._records = Records(folder)
        self._keeper = keeper()
        self._stopped = False
        atexit.register(self.stop)

    @property
    def urls(self) -> EngineUrls:
        """Where to connect."""
        urls = {name: engine.url(self._ports[name]) for name, engine in self._engines.items()}
        return EngineUrls(
            postgres=urls.get("postgres", ""),
            redis=urls.get("valkey", ""),
            qdrant=urls.get("qdrant", ""),
            qdrant_grpc_port=self._ports.get("qdrant", 0),
        )

    def start(self, names: Sequence[str]) -> None:
        """Start the engines, all at once. Raises `ConfigurationError` and leaves none running."""
        try:
            self._end_orphans()
            with ThreadPoolExecutor(max_workers=len(names)) as pool:
                for done in [pool.submit(self._start_one, name) for name in names]:
                    done.result()
        except BaseException:
            self.stop()
            raise

    def restart(self, name: str) -> None:
        """Start an engine again on the port it had, whatever became of it in between.

        Raises `ConfigurationError` when it does not come up.
        """
        engine, port = self._engines[name], self._ports[name]
        self.processes[name].stop(engine.stop_seconds)
        if not wait_until(lambda: is_free(port), _PORT_SECONDS):
            raise ConfigurationError(f"port {port} of {name} was taken by another program")
        if not self._launch(engine, port):
            raise self._failure(engine)

    def stop(self) -> None:
        """Stop all engines cleanly, by force where one does not end. Idempotent."""
        if self._stopped:
            return
        # Without threads: at the interpreter's exit none can be started any more.
        for process in self.processes.values():
            process.ask_to_stop()
        for name, process in self.processes.items():
            process.stop(_KINDS[name].stop_seconds)
        self._stopped = True
        self._keeper.shutdown()
        self._lock.release()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end_orphans(self) -> None:
        """End what an earlier owner left: shutting down still, frozen, or on a broken leash."""
        for name, kind in _KINDS.items():
            record = self._records.get(name)
            if record is not None and record.member.alive():
                end(record.member, kind.stop_signal, kind.stop_seconds)

    def _start_one(self, name: str) -> None:
        engine = _KINDS[name](self.folder, durable=self._durable)
        self._engines[name] = engine
        record = self._records.get(name)
        port = free_port(record.port if record else None)
        for _ in range(_PORT_TRIES):
            if self._launch(engine, port):
                return
            if is_free(port):
                break
            port = free_port()  # another program was faster
        raise self._failure(engine)

    def _launch(self, engine: Engine, port: int) -> bool:
        """Run the engine on a port; False when it ended instead of answering."""
        record = self._records.get(engine.name)
        engine.prepare(self._keeper, record.member if record else None)
        log = Log(self.folder / "logs" / f"{engine.name}.log")
        command = engine.command(port)
        process = self._keeper.submit(EngineProcess, command, log).result()
        self.processes[engine.name] = process
        self._ports[engine.name] = port
        self._records.put(engine.name, Record(process.member, port))
        until = time.monotonic() + _START_SECONDS
        while process.alive and time.monotonic() < until:
            if engine.ready(process, port):
                return True
            time.sleep(_POLL_SECONDS)
        process.stop(engine.stop_seconds)
        return False

    def _failure(self, engine: Engine) -> ConfigurationError:
        log = self.processes[engine.name].log
        return ConfigurationError(
            f"{engine.name} did not start in {self.folder}: {log.complaint() or 'no reason given'}"
            f" (see {log.path})"
        )


def start(folder: Path, *, names: Sequence[str] = NAMES, durable: bool = True) -> Engines:
    """Start engines on a data folder, made where it is missing; returns when all of them answer.

    Not `durable` gives up what a crash of the machine may cost, for speed in tests; a clean stop
    or a killed engine loses nothing either way. Raises `ConfigurationError`: the folder is not
    ours or in use, the extra `demo` is not installed, or an engine does not come up.
    """
    if sys.platform != "linux":
        raise ConfigurationError("the embedded engines run on Linux only; name servers instead")
    for name in names:
        if name not in _KINDS:
            raise ConfigurationError(f"there is no engine {name!r}, only {', '.join(NAMES)}")
    folder = folder.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "logs").mkdir(mode=0o700, exist_ok=True)
        engines = Engines(folder, durable=durable)
        engines.start(names)
    except OSError as error:
        raise ConfigurationError(f"the folder {folder} is not usable: {error.strerror}") from error
    return engines
