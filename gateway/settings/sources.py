"""Where the sources are, and how they are used."""

from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote

from msgspec import Meta

from gateway.configuration import Secret
from gateway.settings.section import HttpUrl, Section, Text

REDIS_SCHEMES = (
    *("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"),
    *("redis+sentinel", "rediss+sentinel"),
)
"""How the URL of a Redis may begin."""
PostgresUrl: TypeAlias = Annotated[Secret, Meta(extra={"schemes": ("postgresql", "postgres")})]


class Postgres(Section, frozen=True, kw_only=True):
    """One PostgreSQL database: a URL, or its parts."""

    url: PostgresUrl = Secret()
    """The whole address, instead of the parts below."""
    host: Text = ""
    """Its host, or the folder of its socket."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 5432
    """Its port."""
    database: Text = "plait"
    """The database's name."""
    user: Text = "plait"
    """The role to connect as."""
    password: Secret = Secret()
    """That role's password."""
    ssl: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    """Encryption, as libpq's `sslmode`; a URL carries its own."""
    pool_size: Annotated[int, Meta(ge=1, le=1_000)] = 20
    """Connections kept open by each process."""
    max_overflow: Annotated[int, Meta(ge=0, le=10_000)] = 30
    """Connections beyond those, or calls that queue."""
    pool_timeout: Annotated[float, Meta(gt=0, le=600)] = 30.0
    """Seconds to wait for a connection; a deadline cuts it."""
    command_timeout: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    """Seconds after which a statement is given up for lost."""
    statement_cache: bool = True
    """Prepare statements, unless a pooler is found that cannot keep them."""
    direct_url: PostgresUrl = Secret()
    """The server itself where the address is a pooler's: LISTEN, migrations."""
    replica_url: PostgresUrl = Secret()
    """A standby for what only reads; while it is away the primary answers."""
    change_feed: Literal["auto", "on", "off"] = "auto"
    """Hear of changed rows; `auto`: where tables are watched at start-up."""

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


class Qdrant(Section, frozen=True, kw_only=True):
    """One Qdrant server."""

    url: HttpUrl = Secret()
    """Its REST address."""
    grpc_port: Annotated[int, Meta(ge=1, le=65535)] = 6334
    """Its gRPC port."""
    prefer_grpc: bool = True
    """Speak gRPC, which costs a tenth of REST."""
    api_key: Secret = Secret()
    """Its API key."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    """Seconds a call may take; a deadline cuts it."""


class Redis(Section, frozen=True, kw_only=True):
    """Redis or Valkey: a server, a cluster, or a service that sentinels know."""

    url: Annotated[Secret, Meta(extra={"schemes": REDIS_SCHEMES})] = Secret()
    """Its address, with user, password and database number."""
    connect_timeout: Annotated[float, Meta(gt=0, le=60)] = 0.5
    """Seconds to connect."""
    socket_timeout: Annotated[float, Meta(gt=0, le=60)] = 0.5
    """Seconds to wait for an answer; a deadline cuts it."""
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 8
    """Calls under way at once, each on a connection."""


class State(Section, frozen=True, kw_only=True):
    """One namespace of stored values that clients may reach; without roles nobody may."""

    source: Text = "default"
    """The `[redis.<name>]` that holds it."""
    prefix: Annotated[str, Meta(pattern=r"^[!-~]{1,199}:$")] = ""
    """What its keys begin with, to the last `:`; else its own name."""
    read: Text = ""
    """The roles that may read, by spaces; `*` is anybody."""
    write: Text = ""
    """The roles that may write, by spaces; `*` is anybody."""
    kind: Literal["json", "text"] = "json"
    """Whether values are JSON or raw text."""
    max_value_bytes: Annotated[int, Meta(ge=1, le=1 << 24)] = 65_536
    """Bytes of a value, written or read."""
    max_ttl_seconds: Annotated[int, Meta(ge=0, le=316_224_000)] = 0
    """The longest life; 0 lets values live for ever."""


class Upstream(Section, frozen=True, kw_only=True):
    """One GraphQL service that the domain lists as an upstream, by the name it has there."""

    url: HttpUrl = Secret()
    """Its endpoint."""
    authorization: Secret = Secret()
    """What the header Authorization says to it."""
    forward: Annotated[str, Meta(pattern=r"^[a-z0-9-]+( [a-z0-9-]+)*$")] = "traceparent tracestate"
    """The request headers that go on to it, in lower case, between blanks."""
    trusted: bool = False
    """Whether its error messages reach our clients."""
    log_errors: bool = False
    """Log its errors, code, path and message, which may quote what clients sent."""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """Requests under way at once, each on a connection."""
    connect_timeout: Annotated[float, Meta(gt=0, le=60)] = 2.0
    """Seconds to connect."""
    max_bytes: Annotated[int, Meta(ge=1_000, le=1_000_000_000)] = 16_000_000
    """The size of an answer, in bytes."""
    subscriptions: Literal["websocket", "sse", "multipart"] = "websocket"
    """How it sends events: graphql-transport-ws, server-sent events, or as Apollo's router."""
    subscriptions_url: HttpUrl = Secret()
    """Where it does, if not at its endpoint."""
    required: bool = True
    """Whether the gateway is not ready while it does not answer."""


class Directus(Section, frozen=True, kw_only=True):
    """One Directus, and as whom it is asked."""

    url: HttpUrl = Secret()
    """Its address."""
    auth: Literal["token", "login", "caller"] = "token"
    """As whom it is asked: by `token`, by a `login` with email and password, or as the `caller`,
    whose header Authorization then goes on to it.
    """
    token: Secret = Secret()
    """A static token; without one only what is public is read."""
    email: Text = ""
    """Who logs in."""
    password: Secret = Secret()
    """That user's password."""
    public_url: Annotated[str, Meta(pattern="^https?://[!-~]+$")] = ""
    """What addresses of its files begin with; without it the `url`."""
    max_items: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """Items that one look-up by a field that is no key may find, at most its QUERY_LIMIT_MAX."""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """Requests under way at once, each on a connection."""
    connect_timeout: Annotated[float, Meta(gt=0, le=60)] = 2.0
    """Seconds to connect."""
    max_bytes: Annotated[int, Meta(ge=1_000, le=1_000_000_000)] = 16_000_000
    """The size of an answer, in bytes."""
    required: bool = True
    """Whether the gateway is not ready while it does not answer."""


class Embedding(Section, frozen=True, kw_only=True):
    """Where text becomes vectors."""

    kind: Literal["local", "http"] = "local"
    """`local`: a small model in a process beside it (the extra `demo`); `http`: an
    OpenAI-compatible service.
    """
    base_url: HttpUrl = Secret()
    """The service's address, up to and without `/embeddings`."""
    api_key: Secret = Secret()
    """The service's API key."""
    model: Text = ""
    """The service's name of the model."""
    dimensions: Annotated[int, Meta(ge=0, le=65_536)] = 0
    """How many numbers the model's vectors have."""
    shorten: bool = False
    """Ask the model for that many; for models that can shorten vectors."""
    max_text_chars: Annotated[int, Meta(ge=1, le=1_000_000)] = 8_192
    """Characters of the longest text it takes."""
    batch_size: Annotated[int, Meta(ge=1, le=2_048)] = 64
    """Texts in one call to the model."""
    batch_chars: Annotated[int, Meta(ge=1, le=1 << 24)] = 200_000
    """Characters in one call to the model."""
    max_texts: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    """Texts that one field may have embedded."""
    max_chars: Annotated[int, Meta(ge=1, le=1 << 30)] = 4_000_000
    """Characters of these together."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    """Seconds one attempt may take; a deadline cuts it."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    """How often a call that fails in passing is made."""
    concurrency: Annotated[int, Meta(ge=1, le=256)] = 4
    """Calls to the service under way at once."""
    cache_bytes: Annotated[int, Meta(ge=0, le=1 << 36)] = 64 << 20
    """Memory for vectors already made; 0 keeps none."""
    cache_seconds: Annotated[int, Meta(ge=1, le=31_536_000)] = 86_400
    """Seconds a vector is kept."""
    cache_redis: str = ""
    """The `[redis.<name>]` that processes share vectors in."""
    warm: bool = False
    """Start the local model's process, of about 85 MB, with a gateway that has a vector source;
    else the first text does, and waits a second for it.
    """
