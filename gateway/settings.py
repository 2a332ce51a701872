"""Settings: `plait.toml` plus the environment, read once, checked whole, never changed.

Each setting is declared here once: its type, bounds, default and one line of meaning, which is
also what `docs/operations.md` prints. The environment wins over the file, and an empty variable
counts as not set. Errors name a setting by both of its names and say what would be right; they
never repeat what was given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from msgspec import Meta, Struct

from gateway.configuration import Reading, Secret, Setting, declared, parse

__all__ = [
    "Documents",
    "Embedding",
    "Grouping",
    "Limits",
    "Postgres",
    "Qdrant",
    "Redis",
    "Secret",
    "Serve",
    "Settings",
    "all_settings",
    "load",
]

FILE = "plait.toml"
FILE_VARIABLE = "PLAIT_CONFIG"


class _Section(Struct, frozen=True, kw_only=True):
    """A table of the file."""


class Serve(_Section, frozen=True, kw_only=True):
    """How requests are served."""

    host: Annotated[str, Meta(min_length=1, description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    ] = 8000
    workers: Annotated[
        int, Meta(ge=1, le=256, description="Processes that serve; each has its own pools.")
    ] = 1
    deadline_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds a request may take; every source gets the rest."),
    ] = 2.0
    drain_seconds: Annotated[
        float,
        Meta(ge=0, le=600, description="Seconds that requests under way get at shutdown."),
    ] = 10.0
    header_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds a client may take to send a request's headers."),
    ] = 5.0
    body_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds a client may take to send a request's body."),
    ] = 10.0
    keep_alive_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds an idle connection is kept open.")
    ] = 75
    graphiql: Annotated[
        bool, Meta(description="Serve GraphiQL to browsers that open the endpoint.")
    ] = True
    introspection: Annotated[
        bool, Meta(description="Answer introspection, and suggest names for misspelt ones.")
    ] = True


class Limits(_Section, frozen=True, kw_only=True):
    """What a request may ask for; beyond it nothing is executed."""

    max_body_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="Bytes of a request's body.")
    ] = 1 << 20
    max_header_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 20, description="Bytes of a request's line and headers.")
    ] = 16 << 10
    max_document_chars: Annotated[
        int, Meta(ge=100, le=1 << 24, description="Characters of a GraphQL document.")
    ] = 32_768
    max_tokens: Annotated[
        int, Meta(ge=10, le=100_000, description="Tokens of a GraphQL document.")
    ] = 1_500
    max_depth: Annotated[
        int, Meta(ge=1, le=200, description="Levels of nested fields, fragments followed.")
    ] = 20
    max_fields: Annotated[
        int, Meta(ge=1, le=100_000, description="Fields of an operation, fragments followed.")
    ] = 2_000
    max_aliases: Annotated[
        int, Meta(ge=0, le=10_000, description="Aliases, fragments followed.")
    ] = 100
    max_root_fields: Annotated[
        int, Meta(ge=1, le=1_000, description="Fields at the root of an operation.")
    ] = 20
    max_directives: Annotated[
        int, Meta(ge=0, le=10_000, description="Directives, fragments followed.")
    ] = 100
    max_list_page: Annotated[
        int, Meta(ge=1, le=100_000, description="Rows that `first` or `last` may ask for.")
    ] = 1_000
    batch: Annotated[
        int, Meta(ge=1, le=1_000, description="Operations in one batched request.")
    ] = 10


class Documents(_Section, frozen=True, kw_only=True):
    """What is remembered of GraphQL documents."""

    cache_size: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Documents kept parsed, validated and planned."),
    ] = 1_000
    cache_bytes: Annotated[
        int, Meta(ge=1 << 16, le=1 << 36, description="Memory that these may take, estimated.")
    ] = 64 << 20


class Grouping(_Section, frozen=True, kw_only=True):
    """Group-commit reads: requests that wait for the same statement share it."""

    enabled: Annotated[bool, Meta(description="Let reads that are not yet sent be joined.")] = True
    batch: Annotated[
        int, Meta(ge=1, le=10_000, description="Keys that one statement looks up at most.")
    ] = 128
    in_flight: Annotated[
        int, Meta(ge=1, le=64, description="Statements of one group under way at once.")
    ] = 2
    max_waiting: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Calls that may wait for one source.")
    ] = 2_048


class Postgres(_Section, frozen=True, kw_only=True):
    """One PostgreSQL database: a URL, or its parts."""

    url: Annotated[
        Secret,
        Meta(
            description="The whole address, instead of the parts below.",
            extra={"schemes": ("postgresql", "postgres")},
        ),
    ] = Secret()
    host: Annotated[
        str, Meta(min_length=1, description="Its host, or the folder of its socket.")
    ] = ""
    port: Annotated[int, Meta(ge=1, le=65535, description="Its port.")] = 5432
    database: Annotated[str, Meta(min_length=1, description="The database's name.")] = "plait"
    user: Annotated[str, Meta(min_length=1, description="The role to connect as.")] = "plait"
    password: Annotated[Secret, Meta(description="That role's password.")] = Secret()
    ssl: Annotated[
        Literal["disable", "prefer", "require", "verify-ca", "verify-full"],
        Meta(description="Encryption, as libpq's `sslmode`; a URL carries its own."),
    ] = "prefer"
    pool_size: Annotated[
        int, Meta(ge=1, le=1_000, description="Connections kept open by each process.")
    ] = 20
    max_overflow: Annotated[
        int, Meta(ge=0, le=10_000, description="Connections beyond those, or calls that queue.")
    ] = 30
    pool_timeout: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds to wait for a connection; a deadline cuts it."),
    ] = 30.0
    command_timeout: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds after which a statement is given up for lost."),
    ] = 30.0
    statement_cache: Annotated[
        bool,
        Meta(description="Prepare statements; false behind PgBouncer in transaction mode."),
    ] = True

    @property
    def dsn(self) -> Secret:
        """The address as one URL."""
        if self.url:
            return self.url
        login = quote(self.user, safe="")
        if self.password:
            login += ":" + quote(self.password.reveal(), safe="")
        database = quote(self.database, safe="")
        if self.host.startswith("/"):
            host = quote(self.host, safe="")
            place = f"@/{database}?host={host}&port={self.port}&sslmode={self.ssl}"
        else:
            host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
            place = f"@{host}:{self.port}/{database}?sslmode={self.ssl}"
        return Secret(f"postgresql://{login}{place}")


class Qdrant(_Section, frozen=True, kw_only=True):
    """One Qdrant server."""

    url: Annotated[
        Secret, Meta(description="Its REST address.", extra={"schemes": ("http", "https")})
    ] = Secret()
    grpc_port: Annotated[int, Meta(ge=1, le=65535, description="Its gRPC port.")] = 6334
    prefer_grpc: Annotated[bool, Meta(description="Speak gRPC, which costs a tenth of REST.")] = (
        True
    )
    api_key: Annotated[Secret, Meta(description="Its API key.")] = Secret()
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Seconds a call may take; a deadline cuts it.")
    ] = 5.0


class Redis(_Section, frozen=True, kw_only=True):
    """One Redis or Valkey server."""

    url: Annotated[
        Secret,
        Meta(
            description="Its address, with user, password and database number.",
            extra={"schemes": ("redis", "rediss", "unix")},
        ),
    ] = Secret()
    connect_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds to connect.")] = 0.5
    socket_timeout: Annotated[
        float, Meta(gt=0, le=60, description="Seconds to wait for an answer; a deadline cuts it.")
    ] = 0.5
    concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="Calls under way at once, each on a connection.")
    ] = 8


class Embedding(_Section, frozen=True, kw_only=True):
    """Where text becomes vectors."""

    kind: Annotated[
        Literal["local"],
        Meta(description="`local`: a small model in the process (the extra `demo`)."),
    ] = "local"


class Settings(_Section, frozen=True, kw_only=True):
    """Everything that can be set. Sources are kept by name; `default` is the unnamed one."""

    resolvers: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
            description="The module that offers the domain.",
        ),
    ] = "resolvers"
    migrations: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
            description="The package with Alembic's `env.py` and `versions/`.",
        ),
    ] = "migrations"
    serve: Serve = Serve()
    limits: Limits = Limits()
    documents: Documents = Documents()
    grouping: Grouping = Grouping()
    embedding: Embedding = Embedding()
    postgres: Mapping[str, Postgres] = MappingProxyType({})
    qdrant: Mapping[str, Qdrant] = MappingProxyType({})
    redis: Mapping[str, Redis] = MappingProxyType({})


_Kind = TypeVar("_Kind", bound=_Section)

_SECTIONS: dict[str, type[_Section]] = {
    "serve": Serve,
    "limits": Limits,
    "documents": Documents,
    "grouping": Grouping,
    "embedding": Embedding,
}
_SOURCES: dict[str, type[_Section]] = {"postgres": Postgres, "qdrant": Qdrant, "redis": Redis}
_RENAMED = {"database": "DB"}
DEFAULT = "default"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    `path`: the file; without it the one that `PLAIT_CONFIG` names, or `plait.toml` of the working
    directory where there is one. Raises `ConfigurationError` with a line for everything wrong.
    """
    reading = Reading(environ, prefixes=("PLAIT", *(name.upper() for name in _SOURCES)))
    tables = _tables(path, reading)

    def section(name: str, kind: type[_Kind]) -> _Kind:
        return kind(**reading.values(_settings_of(kind, name), reading.table(tables, name)))

    def named(family: str, kind: type[_Kind]) -> Mapping[str, _Kind]:
        return _named(reading, family, kind, tables)

    rest = {name: table for name, table in tables.items() if name not in _SECTIONS | _SOURCES}
    settings = Settings(
        **reading.values(declared(Settings, "", "PLAIT_", {}), rest, also=(*_SECTIONS, *_SOURCES)),
        serve=section("serve", Serve),
        limits=section("limits", Limits),
        documents=section("documents", Documents),
        grouping=section("grouping", Grouping),
        embedding=section("embedding", Embedding),
        postgres=named("postgres", Postgres),
        qdrant=named("qdrant", Qdrant),
        redis=named("redis", Redis),
    )
    reading.finish()
    return settings


def all_settings() -> list[Setting]:
    """Every setting there is, in the order of the file; a source's under its `default` name."""
    found = [*declared(Settings, "", "PLAIT_", {}).values()]
    for name, kind in _SECTIONS.items():
        found += _settings_of(kind, name).values()
    for name, kind in _SOURCES.items():
        found += _settings_of_source(kind, name, DEFAULT).values()
    return found


def _tables(path: Path | None, reading: Reading) -> Mapping[str, object]:
    named = reading.variable(FILE_VARIABLE)
    if path is None and named is None and not Path(FILE).exists():
        return {}
    return parse(path or Path(named or FILE))


def _settings_of(kind: type[_Section], name: str) -> dict[str, Setting]:
    return declared(kind, f"{name}.", f"PLAIT_{name.upper()}_", {})


def _settings_of_source(kind: type[_Section], family: str, name: str) -> dict[str, Setting]:
    infix = "" if name == DEFAULT else f"{name.upper()}_"
    return declared(kind, f"{family}.{name}.", f"{family.upper()}_{infix}", _RENAMED)


def _named(
    reading: Reading, family: str, kind: type[_Kind], tables: Mapping[str, object]
) -> Mapping[str, _Kind]:
    """The sources of one kind, by name: those of the file and those of the environment."""
    table = reading.table(tables, family)
    reading.know(one.variable for one in _settings_of_source(kind, family, DEFAULT).values())
    suffixes = [one.variable for one in declared(kind, "", "", _RENAMED).values()]
    found = {}
    for name in dict.fromkeys([*table, *reading.names(family.upper(), suffixes, DEFAULT)]):
        if reading.is_name(name, family) and reading.is_table(table, name, family):
            settings = _settings_of_source(kind, family, name)
            given = _parts_or_url(reading, settings, table.get(name, {}))
            values = reading.values(settings, given)
            _need_address(reading, settings, values)
            found[name] = kind(**values)
    return MappingProxyType(found)


def _parts_or_url(
    reading: Reading, settings: Mapping[str, Setting], given: Mapping[str, object]
) -> Mapping[str, object]:
    """The file's table; a URL of the environment stands instead of all the file's parts."""
    if reading.variable(settings["url"].variable) is None:
        return given
    return {name: value for name, value in given.items() if name not in _PARTS}


_PARTS = ("host", "port", "database", "user", "password", "ssl")


def _need_address(
    reading: Reading, settings: Mapping[str, Setting], values: Mapping[str, object]
) -> None:
    """A source has a URL, or a host where its kind has one, and not both."""
    url = settings["url"]
    parts = [settings[name] for name in _PARTS if name in values]
    if "url" in values and parts:
        names = ", ".join(f"{part.path} ({part.variable})" for part in parts)
        reading.wrong(url.problem(f"give the URL or its parts, not both; remove {names}"))
    elif not reading.failed("url", "host", of=settings) and not {"url", "host"} & set(values):
        other = f", or {settings['host'].path}" if "host" in settings else ""
        reading.wrong(url.problem(f"expected {url.expected}{other}"))
