"""`plait demo`: real engines, real data and the gateway, in one process tree, from one command."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shlex
import signal
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import console
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import Console

    from gateway.embedded import EngineUrls
    from gateway.settings import Settings

HOST = "127.0.0.1"
PRINTED = 3
"""How many of the domain's examples are printed; GraphiQL has them all."""
_SOURCES = ("POSTGRES_", "QDRANT_", "REDIS_")


def demo(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where the engines keep their data.")] = Path(
        ".plait"
    ),
) -> None:
    """Serve the bundled domain on embedded engines; Ctrl-C stops everything.

    The first run fills the engines, later ones find them filled.
    """
    from gateway.embedded import start
    from gateway.embedded.service import serving
    from gateway.serving.listener import bind
    from gateway.settings import load

    out = console()
    with suppress(KeyboardInterrupt), _stopping_on_sigterm(), bind(HOST, port) as listener:
        beginning = "starting PostgreSQL, Valkey and Qdrant's engine"
        if not out.is_terminal:
            out.print(beginning)
        with out.status(beginning):
            engines = start(folder)
        try:
            with engines, ExitStack() as services:
                _use(engines.urls, folder)
                key = _use_key(folder)
                own = _loader(load())
                for name, file in getattr(own, "SERVICES", {}).items():
                    url = services.enter_context(serving(name, file, folder))
                    _tell(folder, {f"UPSTREAM_{name.upper()}_URL": f"{url}/graphql"})
                # The domain's own settings for its demo give way to the environment's.
                os.environ |= {**getattr(own, "SETTINGS", {}), **os.environ}
                settings = load()
                asyncio.run(_fill(settings))
                _serve(settings, listener, key, folder)
        finally:
            out.print("stopped")


async def _fill(settings: Settings) -> None:
    """Bring tables, rows, vectors and counters to where the demo needs them."""
    from gateway.cli.progress import bars
    from gateway.embedding.local import LocalEmbedder
    from gateway.sources.qdrant.source import QdrantSource
    from gateway.sources.redis.source import RedisSource

    own, url = _loader(settings), settings.postgres["default"].dsn.reveal()
    vectors = settings.qdrant["default"]
    embedder = LocalEmbedder()
    source = QdrantSource(
        "qdrant", vectors.url.reveal(), grpc_port=vectors.grpc_port, embedder=embedder
    )
    counters = RedisSource("redis", settings.redis["default"].url.reveal(), socket_timeout=5.0)
    try:
        await source.open()
        with bars() as told:
            await own.prepare(url, embedder, source, told)
        if hasattr(own, "seed_views"):
            await own.seed_views(url, counters)
    finally:
        await counters.close()
        await source.close()
        embedder.close()


def _serve(settings: Settings, listener: socket.socket, key: str, folder: Path) -> None:
    """Serve until told to stop; says what to open once requests are answered."""
    import uvicorn

    from gateway.app import create_app
    from gateway.domain import load_domain
    from gateway.serving.listener import ListenerConfig
    from gateway.telemetry import configure_logging

    configure_logging(texts=settings.telemetry.error_texts)
    queries = load_domain(settings).examples

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                _announce(listener.getsockname()[1], queries)
                _announce_lines(settings, listener.getsockname()[1], key, folder)

    config = ListenerConfig(
        create_app(settings), settings.serve, settings.limits, log_level="warning"
    )
    server = Announced(config)
    server.run(sockets=[listener])
    if not server.started:
        raise ConfigurationError("the gateway did not start; the lines above say why")


def _announce(port: int, queries: Mapping[str, str]) -> None:
    from rich.syntax import Syntax

    out = console()
    out.print(f"\n[bold green]Plait is ready:[/] open http://{HOST}:{port}/graphql\n")
    for title, query in list(queries.items())[:PRINTED]:
        out.print(f"[bold]{title}[/]")
        text = query.strip()
        if out.is_terminal:
            out.print(
                Syntax(text, "graphql", background_color="default", padding=(0, 2), word_wrap=True)
            )
        else:  # where it would be filled up with blanks
            _print_lines(out, text.splitlines())
        out.print()
    if len(queries) > PRINTED:
        out.print(f"{len(queries) - PRINTED} more are open in GraphiQL's tabs.\n")


def _announce_lines(settings: Settings, port: int, key: str, folder: Path) -> None:
    """How to write, what else to try, and how another terminal finds the engines; to copy."""
    header = settings.identity.key_header
    command = f". {shlex.quote(str(folder / 'env'))} && .venv/bin/plait doctor"
    told = {
        "[bold]To write[/], put this under Headers in GraphiQL, or send it with curl's -H:": (
            f'{{"{header}": "{key}"}}',
            f"{header}: {key}",
        ),
        **{
            f"[bold]{title}[/]": (document,)
            for title, document in getattr(_loader(settings), "TO_TRY", {}).items()
        },
        "[bold]To look behind it[/], in another terminal:": (
            f"{command}    # or sync --check, psql $POSTGRES_URL",
        ),
    }
    if settings.mcp.enabled:
        agents = "[bold]For agents[/], by the Model Context Protocol:"
        told[agents] = (f"http://{HOST}:{port}{settings.mcp.path}",)
    out = console()
    for title, lines in told.items():
        out.print(title)
        _print_lines(out, lines)
        out.print()
    out.print("Ctrl-C stops the gateway and its engines.")


def _print_lines(out: Console, lines: Iterable[str]) -> None:
    """To be copied: as they are, indented."""
    for line in lines:
        out.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)


def _loader(settings: Settings) -> Any:
    """The domain's own `demo` module: `prepare(…)` fills the sources."""
    from gateway.domain import load_module

    return load_module(f"{settings.resolvers}.demo", "resolvers (PLAIT_RESOLVERS)")


def _use(urls: EngineUrls, folder: Path) -> None:
    """Point the settings of this process at the engines, and at nothing else.

    Other commands find them by the file `env`. People try a search first, so the model is ready.
    """
    for name in [name for name in os.environ if name.startswith(_SOURCES)]:
        del os.environ[name]
    file = folder / "env"
    file.unlink(missing_ok=True)
    places = {
        "POSTGRES_URL": urls.postgres,
        "REDIS_URL": urls.redis,
        "QDRANT_URL": urls.qdrant,
        "QDRANT_GRPC_PORT": str(urls.qdrant_grpc_port),
        "QDRANT_PREFER_GRPC": "true",
        "DATASOURCE_CONTEXTS_TYPE": "redis",
        "DATASOURCE_CONTEXTS_URL": urls.redis,
    }
    file.touch(0o600)  # it holds the password of the database
    _tell(folder, places)
    os.environ["PLAIT_EMBEDDING_WARM"] = "true"


def _tell(folder: Path, places: Mapping[str, str]) -> None:
    """Let this process and, by the file `env`, other commands know where something is."""
    os.environ |= places
    with (folder / "env").open("a", encoding="utf-8") as file:
        file.writelines(f"export {name}={shlex.quote(at)}\n" for name, at in places.items())


@contextmanager
def _stopping_on_sigterm() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does, and stop the engines too."""
    from gateway.serving.signals import end_at_hangup

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    end_at_hangup()
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _use_key(folder: Path) -> str:
    """The API key of the demo in `folder`, which the settings of this process know from now on.

    It is made at the first run. Its bearer may write and see everything in a demo that listens on
    loopback alone.
    """
    path = folder / "api.key"
    try:
        key = path.read_text("ascii").strip()
    except FileNotFoundError:
        key = f"plait_{secrets.token_urlsafe(32)}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - by descriptor, so that the file never was readable by others
            file.write(f"{key}\n")
    os.environ |= {
        "PLAIT_API_KEY_DEMO_HASH": hashlib.sha256(key.encode()).hexdigest(),
        "PLAIT_API_KEY_DEMO_SUBJECT": "demo",
        "PLAIT_API_KEY_DEMO_ROLES": "editor admin",
    }
    return key
