"""`plait explain`: what a query would ask of which source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.settings import Settings

_STAND_INS = {
    "postgres": ("POSTGRES_URL", "postgresql://unset/unset"),
    "qdrant": ("QDRANT_URL", "http://unset:6333"),
    "redis": ("REDIS_URL", "redis://unset"),
}


def explain(
    query: Annotated[str, typer.Argument(help="A document, @FILE, or - for standard input.")],
    variables: Annotated[str, typer.Option(help="Its variables, as a JSON object.")] = "{}",
    operation: Annotated[
        str | None, typer.Option(help="Which operation, where the document has several.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--json", help="As a client gets it by `extensions.plait.explain`.")
    ] = False,
) -> None:
    """Print the plan of a query and what it costs, without running it."""
    import orjson

    from gateway.composition import Gateway

    text, given = _document(query), _variables(variables)
    plan = Gateway(_settings()).engine.explain(text, given, operation)
    if as_json:
        typer.echo(orjson.dumps(plan, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(_lines(plan)))


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """What each wave asks of each source."""
    if "cost" in plan:
        yield f"cost {plan['cost']}"
    for number, wave in enumerate(plan["waves"], 1):
        yield f"wave {number}"
        for fetch in wave:
            yield f"  {fetch['source']}: {fetch['kind']} for {', '.join(fetch['paths'])}"
            for name, value in fetch["request"].items():
                if value is not None:
                    yield f"    {name}: {_indented(value, 6)}"
            for way, request in fetch.get("branches", {}).items():
                asked = request.get("sql", request)
                yield f"    {way}, {request['source']}: {_indented(asked, 8)}"


def _indented(value: object, spaces: int) -> str:
    import orjson

    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text.replace("\n", "\n" + " " * spaces)


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
