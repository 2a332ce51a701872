"""`plait serve`: the gateway under uvicorn."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve.")] = None,
    reload: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--reload", help="Start anew when the domain or the settings file changes."),
    ] = False,
) -> None:
    """Serve the gateway; what is not given here comes from the settings."""
    if reload and workers is not None:
        raise typer.BadParameter("--reload serves by one process; leave --workers out.")
    for name, value in (("HOST", host), ("PORT", port), ("WORKERS", workers)):
        if value is not None:
            # Worker processes read the settings anew: the environment is what they share.
            os.environ[f"PLAIT_SERVE_{name}"] = str(value)
    # The same process goes on without the command line, whose libraries take 13 MB.
    command = [sys.executable, "-m", "gateway.serving", *(["--reload"] if reload else [])]
    os.execv(sys.executable, command)  # noqa: S606 - ourselves
