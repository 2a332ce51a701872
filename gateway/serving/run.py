"""Serve the gateway with what the settings and the environment say."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
from typing import TYPE_CHECKING

from uvicorn import Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from gateway.app import create_app
from gateway.errors import ConfigurationError
from gateway.serving.listener import ListenerConfig, bind
from gateway.serving.signals import end_at_hangup, end_with_parent, hangup_ignored
from gateway.settings import load
from gateway.telemetry import configure_logging, log_internal, log_refusal

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp

NOT_STARTED = STARTUP_FAILURE
"""The exit status of a gateway that could not start; the log says why."""
INTERRUPTED = 130
RELOAD = "--reload"
"""The argument of the process for `run(reload=True)`."""

_LOG = logging.getLogger(__name__)


def run(*, reload: bool = False) -> int:
    """Serve until told to stop; the exit status. Raises `ConfigurationError`.

    `reload`: by one worker, which starts anew when the domain or the settings file changes.
    """
    configure_logging()
    settings = load()
    config = ListenerConfig(
        "gateway.serving.run:application",
        settings.serve,
        settings.limits,
        factory=True,
        ws_ping_interval=settings.subscriptions.ping_seconds,
        ws_ping_timeout=settings.subscriptions.ping_seconds,
    )
    with bind(settings.serve.host, settings.serve.port) as listener:
        _LOG.info("starting on %s, port %d", *listener.getsockname()[:2])
        if reload:
            from gateway.serving.reloading import Reloading  # noqa: PLC0415 - only where wanted

            end_at_hangup()
            return INTERRUPTED if Reloading(config, listener, settings.resolvers).serve() else 0
        if settings.serve.workers > 1:
            return _Workers(config, listener).serve()
        end_at_hangup()
        server = Server(config)
        server.run(sockets=[listener])
        return 0 if server.started else NOT_STARTED


def application() -> ASGIApp:
    """The application, as each process that serves makes it: from the file and the environment.

    Ends the process where that cannot be; only `run`'s own raises `ConfigurationError`.
    """
    configure_logging()
    worker = multiprocessing.parent_process() is not None
    if worker:
        end_at_hangup()
        end_with_parent()
    try:
        settings = load()
        configure_logging(texts=settings.telemetry.error_texts)
        return create_app(settings)
    except ConfigurationError as error:
        if not worker:
            raise
        log_refusal(error)
    except Exception as error:  # noqa: BLE001 - uvicorn would tell its words, or start for ever
        log_internal(error)
    sys.exit(NOT_STARTED)


class _Workers(Multiprocess):
    """Several workers. At SIGHUP they end as at SIGTERM, where uvicorn would start them anew."""

    def __init__(self, config: ListenerConfig, listener: socket.socket) -> None:
        ignored = hangup_ignored()
        super().__init__(config, sockets=[listener])
        self._status = 0
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def serve(self) -> int:
        """Serve until told to stop, or until a worker cannot start; the exit status."""
        self.run()
        failed = any(worker.exitcode == NOT_STARTED for worker in self.processes)
        return NOT_STARTED if failed else self._status

    def handle_int(self) -> None:
        """End, as shells expect of Ctrl-C."""
        super().handle_int()
        self._status = INTERRUPTED

    def handle_hup(self) -> None:
        """The terminal was closed."""
        self.handle_term()
