"""`plait worker`: doing jobs."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress


def worker() -> None:
    """Do jobs until told to stop: runs of workflows, and vectors that follow their rows."""
    from gateway.app import run_worker
    from gateway.settings import load
    from gateway.telemetry import configure_logging

    configure_logging()
    settings = load()

    async def until_told() -> None:
        task = asyncio.create_task(run_worker(settings))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(until_told())
