"""`plait`: the command line. Each group of commands is a file; each imports its work as it runs."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from gateway.cli import cache, demo, doctor, explain, migrate, pull, schema, serve, sync, worker
from gateway.cli.output import failing_plainly, log_plainly
from gateway.cli.project import see_working_directory

app = typer.Typer(
    name="plait",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show secrets
    help="One GraphQL API braided from many sources.",
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.add_typer(schema.app)
app.add_typer(migrate.app)
app.command("explain")(explain.explain)
app.command("doctor")(doctor.doctor)
app.command("invalidate")(cache.invalidate)
app.command("warm")(cache.warm)
app.command("sync")(sync.sync)
app.command("worker")(worker.worker)
app.add_typer(pull.app)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - called by typer with the option's value
    """Print the version and end, where that was asked for."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"plait {version('plait')}")
        raise typer.Exit


@app.callback()
def settings_file(
    config: Annotated[
        Path | None,
        typer.Option(help="The settings file; plait.toml of this folder where there is one."),
    ] = None,
    _version: Annotated[  # noqa: FBT002 - an option of the command line
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Serve, explore and look after a Plait gateway."""
    see_working_directory()
    if config is not None:
        os.environ["PLAIT_CONFIG"] = str(config)


def main() -> None:
    """Run the command that the arguments name; the console script `plait`."""
    log_plainly()
    with failing_plainly():
        app()
