"""`plait serve`: the gateway under uvicorn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

NOT_STARTED = 3

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve.")] = None,
) -> None:
    """Serve the gateway; what is not given here comes from the settings."""
    for name, value in (("HOST", host), ("PORT", port), ("WORKERS", workers)):
        if value is not None:
            # Worker processes read the settings anew: the environment is what they share.
            os.environ[f"PLAIT_SERVE_{name}"] = str(value)
    from uvicorn import Server
    from uvicorn.supervisors import Multiprocess

    from gateway.cli.listener import ListenerConfig, bind
    from gateway.settings import load
    from gateway.telemetry import configure_logging

    settings = load()
    configure_logging()
    config = ListenerConfig(
        "gateway.cli.serve:application", settings.serve, settings.limits, factory=True
    )
    with bind(settings.serve.host, settings.serve.port) as listener:
        if settings.serve.workers > 1:
            Multiprocess(config, sockets=[listener]).run()
            return
        server = Server(config)
        server.run(sockets=[listener])
        if not server.started:
            raise typer.Exit(NOT_STARTED)


def application() -> ASGIApp:
    """The application, as each worker process makes it: from the file and the environment."""
    from gateway.app import create_app
    from gateway.settings import load
    from gateway.telemetry import configure_logging

    configure_logging()
    return create_app(load())
