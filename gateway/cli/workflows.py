"""`plait worker` and `plait workflow`: doing jobs, and running workflows from the command line."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import console
from gateway.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from gateway.workflows.offering import Workflows

app = typer.Typer(name="workflow", no_args_is_help=True, help="Run workflows, and see their runs.")

Id = Annotated[str, typer.Argument(help="The request id of the run.")]


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


@app.command("list")
def offered() -> None:
    """Name the workflows that the settings offer, with their steps."""

    async def work(workflows: Workflows) -> None:
        for name, one in sorted(workflows.offered.items()):
            typer.echo(f"{name} {one.version}: {', '.join(step.name for step in one.steps)}")

    _with_workflows(work)


@app.command()
def start(
    name: Annotated[str, typer.Argument(help="The workflow.")],
    request_id: Annotated[
        str | None, typer.Option("--id", help="The run's id; one that failed goes on.")
    ] = None,
    variables: Annotated[str, typer.Option(help="What it starts with, a JSON object.")] = "{}",
) -> None:
    """Start a run, which a worker then does; says its id."""
    import orjson

    try:
        given = orjson.loads(variables)
    except orjson.JSONDecodeError:
        raise InputError("--variables is a JSON object.") from None

    async def work(workflows: Workflows) -> None:
        typer.echo(await workflows.start(name, request_id, given))

    _with_workflows(work)


@app.command()
def resume(request_id: Id) -> None:
    """Let a run go on after its last saved step."""
    _with_workflows(lambda workflows: workflows.resume(request_id))


@app.command()
def cancel(request_id: Id) -> None:
    """End a run that has not ended."""
    _with_workflows(lambda workflows: workflows.cancel(request_id))


@app.command()
def show(request_id: Id) -> None:
    """Say how far a run has come, step by step."""
    from rich.table import Table

    async def work(workflows: Workflows) -> None:
        run = await workflows.runs.seen(request_id)
        console().print(f"{run.workflow} {run.version}: {run.status}", run.error or "")
        table = Table("step", "state", "tries", "done", "error", box=None, header_style="bold")
        for step in run.steps:
            done = "" if step.done is None else f"{step.done}/{step.total or '?'}"
            table.add_row(step.name, step.state, str(step.tries), done, step.error or "")
        console().print(table)

    _with_workflows(work)


def _with_workflows(work: Callable[[Workflows], Awaitable[Any]]) -> None:
    """Do something with the workflows of the settings. Raises ConfigurationError without any."""

    async def run() -> None:
        async with _workflows() as workflows:
            await work(workflows)

    asyncio.run(run())


@asynccontextmanager
async def _workflows() -> AsyncIterator[Workflows]:
    from gateway.app import Gateway
    from gateway.settings import load

    gateway = Gateway(load())
    try:
        if gateway.workflows is None:
            raise ConfigurationError(
                "workflows.enabled (PLAIT_WORKFLOWS_ENABLED): it names no workflow"
            )
        yield gateway.workflows
    finally:
        await gateway.close()
