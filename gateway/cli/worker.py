"""`plait worker`: doing jobs."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import typer

from gateway.cli.output import MISUSED
from gateway.errors import ConfigurationError


def worker() -> None:
    """Do jobs until told to stop: runs of workflows, and vectors that follow their rows."""
    from gateway.app import run_worker
    from gateway.serving.signals import end_at_hangup
    from gateway.settings import load
    from gateway.telemetry import configure_logging, log_refusal

    configure_logging()
    end_at_hangup()

    async def until_told() -> None:
        task = asyncio.create_task(run_worker(load()))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    try:
        asyncio.run(until_told())
    except ConfigurationError as error:
        log_refusal(error)
        raise typer.Exit(MISUSED) from None
