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
    "ApiKey",
    "Cache",
    "Documents",
    "Embedding",
    "Grouping",
    "Identity",
    "Jwt",
    "Limits",
    "Postgres",
    "Qdrant",
    "Redis",
    "Secret",
    "Serve",
    "Settings",
    "State",
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


class Cache(_Section, frozen=True, kw_only=True):
    """The resolver cache: what fields and types declare with `cache=Cache(…)`."""

    enabled: Annotated[bool, Meta(description="Keep what is declared as cacheable.")] = True
    redis: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_]*$",
            description="The Redis source of the shared level; without it each process is alone.",
        ),
    ] = "default"
    prefix: Annotated[
        str,
        Meta(pattern=r"^[^{}\s]+$", description="How its keys in Redis begin, between braces."),
    ] = "plait:cache"
    memory_bytes: Annotated[
        int, Meta(ge=0, le=1 << 36, description="Memory of the level in each process; 0 for none.")
    ] = 64 << 20
    max_value_bytes: Annotated[
        int, Meta(ge=1, le=1 << 28, description="Bytes of the largest value that is kept.")
    ] = 1 << 20
    compress_above: Annotated[
        int, Meta(ge=0, le=1 << 28, description="Deflate larger values in Redis; 0 for never.")
    ] = 0
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=10, description="Seconds for a round trip; a later answer is a miss.")
    ] = 0.1
    lease_seconds: Annotated[
        float,
        Meta(
            ge=0.02,
            le=0.25,
            description="Seconds that memory is served without word from Redis; for all replicas.",
        ),
    ] = 0.25
    hard_ttl: Annotated[
        float, Meta(gt=0, le=2_592_000, description="Seconds after which every entry is gone.")
    ] = 1_800.0
    jitter: Annotated[
        float,
        Meta(ge=0, le=0.9, description="The part of its time by which an entry may end early."),
    ] = 0.1
    early_refresh: Annotated[
        float,
        Meta(ge=0, le=100, description="How eagerly dear entries are read anew; 0 for not at all."),
    ] = 1.0
    warmup_interval: Annotated[
        float, Meta(ge=0, le=2_592_000, description="Seconds between warm-ups; 0 for none.")
    ] = 0.0
    warmup_lock_ttl: Annotated[
        float, Meta(gt=0, le=86_400, description="Seconds that a dead node's warm-up is respected.")
    ] = 300.0
    node_id: Annotated[
        str, Meta(pattern=r"^[\w.-]*$", description="How this machine's nodes are called.")
    ] = ""


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
        Meta(description="Prepare statements, unless a pooler is found that cannot keep them."),
    ] = True
    direct_url: Annotated[
        Secret,
        Meta(
            description="The server itself where the address is a pooler's: LISTEN, migrations.",
            extra={"schemes": ("postgresql", "postgres")},
        ),
    ] = Secret()
    replica_url: Annotated[
        Secret,
        Meta(
            description="A standby for what only reads; while it is away the primary answers.",
            extra={"schemes": ("postgresql", "postgres")},
        ),
    ] = Secret()
    change_feed: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="Hear of changed rows; `auto`: where tables are watched at start-up."),
    ] = "auto"

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
    """Redis or Valkey: a server, a cluster, or a service that sentinels know."""

    url: Annotated[
        Secret,
        Meta(
            description="Its address, with user, password and database number.",
            extra={
                "schemes": (
                    *("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"),
                    *("redis+sentinel", "rediss+sentinel"),
                )
            },
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
        Literal["local", "http"],
        Meta(
            description="`local`: a small model in the process (the extra `demo`); "
            "`http`: an OpenAI-compatible service."
        ),
    ] = "local"
    base_url: Annotated[
        Secret,
        Meta(
            description="The service's address, up to and without `/embeddings`.",
            extra={"schemes": ("http", "https")},
        ),
    ] = Secret()
    api_key: Annotated[Secret, Meta(description="The service's API key.")] = Secret()
    model: Annotated[str, Meta(min_length=1, description="The service's name of the model.")] = ""
    dimensions: Annotated[
        int, Meta(ge=0, le=65_536, description="How many numbers the model's vectors have.")
    ] = 0
    shorten: Annotated[
        bool, Meta(description="Ask the model for that many; for models that can shorten vectors.")
    ] = False
    max_text_chars: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Characters of the longest text it takes.")
    ] = 8_192
    batch_size: Annotated[
        int, Meta(ge=1, le=2_048, description="Texts in one call to the model.")
    ] = 64
    batch_chars: Annotated[
        int, Meta(ge=1, le=1 << 24, description="Characters in one call to the model.")
    ] = 200_000
    max_texts: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Texts that one field may have embedded.")
    ] = 10_000
    max_chars: Annotated[
        int, Meta(ge=1, le=1 << 30, description="Characters of these together.")
    ] = 4_000_000
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Seconds one attempt may take; a deadline cuts it.")
    ] = 10.0
    attempts: Annotated[
        int, Meta(ge=1, le=10, description="How often a call that fails in passing is made.")
    ] = 3
    concurrency: Annotated[
        int, Meta(ge=1, le=256, description="Calls to the service under way at once.")
    ] = 4
    cache_bytes: Annotated[
        int, Meta(ge=0, le=1 << 36, description="Memory for vectors already made; 0 keeps none.")
    ] = 64 << 20
    cache_seconds: Annotated[
        int, Meta(ge=1, le=31_536_000, description="Seconds a vector is kept.")
    ] = 86_400
    cache_redis: Annotated[
        str, Meta(description="The `[redis.<name>]` that processes share vectors in.")
    ] = ""


class Identity(_Section, frozen=True, kw_only=True):
    """Who may ask without credentials, and how API keys travel."""

    anonymous: Annotated[
        Literal["none", "read", "all"],
        Meta(description="What callers without credentials may do: nothing, queries, or all."),
    ] = "read"
    key_header: Annotated[
        str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="The header of an API key.")
    ] = "X-API-Key"
    key_seconds: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds the domain's word on an API key is believed."),
    ] = 30.0
    max_token_bytes: Annotated[
        int, Meta(ge=256, le=1 << 16, description="Bytes of a bearer token.")
    ] = 8192


class State(_Section, frozen=True, kw_only=True):
    """One namespace of stored values that clients may reach; without roles nobody may."""

    source: Annotated[
        str, Meta(min_length=1, description="The `[redis.<name>]` that holds it.")
    ] = "default"
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[!-~]{1,199}:$",
            description="What its keys begin with, to the last `:`; its own name where none is given.",
        ),
    ] = ""
    read: Annotated[
        str, Meta(min_length=1, description="The roles that may read, by spaces; `*` is anybody.")
    ] = ""
    write: Annotated[
        str, Meta(min_length=1, description="The roles that may write, by spaces; `*` is anybody.")
    ] = ""
    kind: Annotated[
        Literal["json", "text"], Meta(description="Whether values are JSON or raw text.")
    ] = "json"
    max_value_bytes: Annotated[
        int, Meta(ge=1, le=1 << 24, description="Bytes of a value, written or read.")
    ] = 65_536
    max_ttl_seconds: Annotated[
        int,
        Meta(ge=0, le=316_224_000, description="The longest life; 0 lets values live for ever."),
    ] = 0


class Jwt(_Section, frozen=True, kw_only=True):
    """One issuer of JSON Web Tokens, with its keys: published, or in a file."""

    issuer: Annotated[str, Meta(min_length=1, description="Its `iss`, to the letter.")] = ""
    audience: Annotated[
        str,
        Meta(min_length=1, description="One of these must be the `aud`; `*` allows any or none."),
    ] = ""
    algorithms: Annotated[
        str, Meta(min_length=1, description="The algorithms that its tokens may be signed by.")
    ] = "RS256"
    jwks_url: Annotated[
        str,
        Meta(
            description="Where it publishes its keys; `http` only within a trusted network.",
            extra={"schemes": ("https", "http")},
        ),
    ] = ""
    key_file: Annotated[
        str, Meta(min_length=1, description="Its public key, as PEM, instead of `jwks_url`.")
    ] = ""
    secret_file: Annotated[
        str, Meta(min_length=1, description="The secret of HS256 and the like, instead of a key.")
    ] = ""
    leeway: Annotated[
        float, Meta(ge=0, le=300, description="Seconds by which its clock may differ.")
    ] = 30.0
    subject: Annotated[
        str, Meta(min_length=1, description="The claim with the subject, or a JSON pointer to it.")
    ] = "sub"
    subject_prefix: Annotated[
        str, Meta(max_length=64, description="Put before its subjects, to tell issuers apart.")
    ] = ""
    roles: Annotated[str, Meta(min_length=1, description="The claim with the roles.")] = "roles"
    scopes: Annotated[str, Meta(min_length=1, description="The claim with the scopes.")] = "scope"
    tenant: Annotated[str, Meta(min_length=1, description="The claim with the tenant.")] = "tenant"
    claims: Annotated[
        str, Meta(min_length=1, description="Further claims for rules and policies to read.")
    ] = ""
    fetch_seconds: Annotated[
        float, Meta(gt=0, le=60, description="Seconds that fetching its keys may take.")
    ] = 3.0
    refresh_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="Seconds after which its keys are fetched anew.")
    ] = 300.0
    interval_seconds: Annotated[
        float,
        Meta(ge=1, le=3600, description="Seconds between two fetches, whatever tokens name."),
    ] = 60.0
    max_age_seconds: Annotated[
        float,
        Meta(ge=60, le=604_800, description="Seconds its keys serve while it is out of reach."),
    ] = 86_400.0


class ApiKey(_Section, frozen=True, kw_only=True):
    """One API key, known by its hash."""

    hash: Annotated[
        str, Meta(pattern="^[0-9a-f]{64}$", description="The key's SHA-256, in hex.")
    ] = ""
    subject: Annotated[str, Meta(min_length=1, description="Who its bearer is.")] = ""
    roles: Annotated[str, Meta(min_length=1, description="Their roles, by spaces.")] = ""
    scopes: Annotated[str, Meta(min_length=1, description="Their scopes, by spaces.")] = ""
    tenant: Annotated[str, Meta(min_length=1, description="Their tenant.")] = ""


class Upstream(_Section, frozen=True, kw_only=True):
    """One GraphQL service that the domain lists as an upstream, by the name it has there."""

    url: Annotated[
        Secret,
        Meta(description="Its endpoint.", extra={"schemes": ("http", "https")}),
    ] = Secret()
    authorization: Annotated[
        Secret, Meta(description="What the header Authorization says to it.")
    ] = Secret()
    forward: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]+( [a-z0-9-]+)*$",
            description="The request headers that go on to it, in lower case, between blanks.",
        ),
    ] = "traceparent tracestate"
    trusted: Annotated[
        bool, Meta(description="Whether its error messages reach our clients.")
    ] = False
    concurrency: Annotated[
        int, Meta(ge=1, le=10_000, description="Requests under way at once, each on a connection.")
    ] = 64
    connect_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds to connect.")] = 2.0
    max_bytes: Annotated[
        int, Meta(ge=1_000, le=1_000_000_000, description="The size of an answer, in bytes.")
    ] = 16_000_000


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
    cache: Cache = Cache()
    postgres: Mapping[str, Postgres] = MappingProxyType({})
    qdrant: Mapping[str, Qdrant] = MappingProxyType({})
    redis: Mapping[str, Redis] = MappingProxyType({})
    upstream: Mapping[str, Upstream] = MappingProxyType({})
    state: Mapping[str, State] = MappingProxyType({})
    identity: Identity = Identity()
    jwt: Mapping[str, Jwt] = MappingProxyType({})
    api_key: Mapping[str, ApiKey] = MappingProxyType({})


_Kind = TypeVar("_Kind", bound=_Section)

_SECTIONS: dict[str, type[_Section]] = {
    "serve": Serve,
    "limits": Limits,
    "documents": Documents,
    "grouping": Grouping,
    "embedding": Embedding,
    "cache": Cache,
    "identity": Identity,
}
_SOURCES: dict[str, type[_Section]] = {
    "postgres": Postgres,
    "qdrant": Qdrant,
    "redis": Redis,
    "upstream": Upstream,
}
_CALLERS: dict[str, type[_Section]] = {"jwt": Jwt, "api_key": ApiKey, "state": State}
_FAMILIES = _SOURCES | _CALLERS
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

    rest = {name: table for name, table in tables.items() if name not in _SECTIONS | _FAMILIES}
    settings = Settings(
        **reading.values(declared(Settings, "", "PLAIT_", {}), rest, also=(*_SECTIONS, *_FAMILIES)),
        serve=section("serve", Serve),
        limits=section("limits", Limits),
        documents=section("documents", Documents),
        grouping=section("grouping", Grouping),
        embedding=_complete(reading, section("embedding", Embedding)),
        cache=section("cache", Cache),
        postgres=named("postgres", Postgres),
        qdrant=named("qdrant", Qdrant),
        redis=named("redis", Redis),
        upstream=named("upstream", Upstream),
        state=named("state", State),
        identity=section("identity", Identity),
        jwt=named("jwt", Jwt),
        api_key=named("api_key", ApiKey),
    )
    shared = settings.embedding.cache_redis
    if shared and shared not in settings.redis:
        setting = _settings_of(Embedding, "embedding")["cache_redis"]
        reading.wrong(setting.problem("expected the name of a source of [redis.<name>]"))
    if settings.cache.redis not in {DEFAULT, *settings.redis}:
        setting = _settings_of(Cache, "cache")["redis"]
        reading.wrong(setting.problem("expected the name of a source of [redis.<name>]"))
    reading.finish()
    return settings


def _complete(reading: Reading, embedding: Embedding) -> Embedding:
    """A service needs an address, a model and its dimensions."""
    needed = ("base_url", "model", "dimensions") if embedding.kind == "http" else ()
    settings = _settings_of(Embedding, "embedding")
    for name in needed:
        if not getattr(embedding, name) and not reading.failed(name, of=settings):
            expected = "a number from 1" if name == "dimensions" else settings[name].expected
            reading.wrong(settings[name].problem(f"expected {expected}, as embedding.kind is http"))
    return embedding


def all_settings() -> list[Setting]:
    """Every setting there is, in the order of the file; a source's under its `default` name."""
    found = [*declared(Settings, "", "PLAIT_", {}).values()]
    for name, kind in _SECTIONS.items():
        found += _settings_of(kind, name).values()
    for name, kind in _FAMILIES.items():
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
    return declared(kind, f"{family}.{name}.", f"{_prefix(family)}_{infix}", _RENAMED)


def _prefix(family: str) -> str:
    """How the variables of a family begin; of all but sources as everything else of ours."""
    return family.upper() if family in _SOURCES else f"PLAIT_{family.upper()}"


def _named(
    reading: Reading, family: str, kind: type[_Kind], tables: Mapping[str, object]
) -> Mapping[str, _Kind]:
    """The sources of one kind, by name: those of the file and those of the environment."""
    table = reading.table(tables, family)
    reading.know(one.variable for one in _settings_of_source(kind, family, DEFAULT).values())
    suffixes = [one.variable for one in declared(kind, "", "", _RENAMED).values()]
    found = {}
    for name in dict.fromkeys([*table, *reading.names(_prefix(family), suffixes, DEFAULT)]):
        if reading.is_name(name, family) and reading.is_table(table, name, family):
            settings = _settings_of_source(kind, family, name)
            if family in _SOURCES:
                given = _parts_or_url(reading, settings, table.get(name, {}))
                values = reading.values(settings, given)
                _need_address(reading, settings, values)
            else:
                values = reading.values(settings, table.get(name, {}))
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
