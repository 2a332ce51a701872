"""`plait explain`: what a query would ask of which source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.settings import Settings

_STAND_INS = {
    "postgres": ("POSTGRES_URL", "postgresql://unset/unset"),
    "qdrant": ("QDRANT_URL", "http://unset:6333"),
    "redis": ("REDIS_URL", "redis://unset"),
}


def explain(
    query: Annotated[str, typer.Argument(help="A document, @FILE, or - for standard input.")],
    variables: Annotated[str, typer.Option(help="Its variables, as a JSON object.")] = "{}",
) -> None:
    """Print the plan of a query, without running it."""
    from gateway.app import explain as plan_of

    typer.echo(plan_of(_settings(), _document(query), _variables(variables)))


def _settings() -> Settings:
    """The project's; a plan asks nothing of a source, so one that is not set up has a stand-in."""
    from gateway.settings import load

    settings = load()
    unset = {
        variable: url
        for family, (variable, url) in _STAND_INS.items()
        if "default" not in getattr(settings, family)
    }
    return load(environ={**os.environ, **unset})


def _document(query: str) -> str:
    if query == "-":
        return sys.stdin.read()
    if query.startswith("@"):
        try:
            return Path(query[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot read {query[1:]}: {type(error).__name__}") from None
    return query


def _variables(text: str) -> dict[str, Any]:
    import orjson

    try:
        variables = orjson.loads(text)
    except orjson.JSONDecodeError:
        variables = None
    if not isinstance(variables, dict):
        raise ConfigurationError("--variables: expected a JSON object")
    return variables
