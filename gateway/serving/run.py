"""Serve the gateway with what the settings and the environment say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from uvicorn import Server
from uvicorn.supervisors import Multiprocess

from gateway.app import create_app
from gateway.serving.listener import ListenerConfig, bind
from gateway.settings import load
from gateway.telemetry import configure_logging

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NOT_STARTED = 3
"""The exit status of a gateway that could not start; the log says why."""

_LOG = logging.getLogger(__name__)


def run() -> int:
    """Serve until told to stop; the exit status. Raises `ConfigurationError`."""
    settings = load()
    configure_logging()
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
        if settings.serve.workers > 1:
            Multiprocess(config, sockets=[listener]).run()
            return 0
        server = Server(config)
        server.run(sockets=[listener])
        return 0 if server.started else NOT_STARTED


def application() -> ASGIApp:
    """The application, as each worker process makes it: from the file and the environment."""
    configure_logging()
    return create_app(load())
