"""Where the sources are, and how they are used."""

from typing import Annotated, Literal
from urllib.parse import quote

from msgspec import Meta

from gateway.configuration import Secret
from gateway.settings.section import Section

REDIS_SCHEMES = (
    *("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"),
    *("redis+sentinel", "rediss+sentinel"),
)
"""How the URL of a Redis may begin."""


class Postgres(Section, frozen=True, kw_only=True):
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


class Qdrant(Section, frozen=True, kw_only=True):
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


class Redis(Section, frozen=True, kw_only=True):
    """Redis or Valkey: a server, a cluster, or a service that sentinels know."""

    url: Annotated[
        Secret,
        Meta(
            description="Its address, with user, password and database number.",
            extra={"schemes": REDIS_SCHEMES},
        ),
    ] = Secret()
    connect_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds to connect.")] = 0.5
    socket_timeout: Annotated[
        float, Meta(gt=0, le=60, description="Seconds to wait for an answer; a deadline cuts it.")
    ] = 0.5
    concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="Calls under way at once, each on a connection.")
    ] = 8


class State(Section, frozen=True, kw_only=True):
    """One namespace of stored values that clients may reach; without roles nobody may."""

    source: Annotated[
        str, Meta(min_length=1, description="The `[redis.<name>]` that holds it.")
    ] = "default"
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[!-~]{1,199}:$",
            description="What its keys begin with, to the last `:`; else its own name.",
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


class Upstream(Section, frozen=True, kw_only=True):
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
    trusted: Annotated[bool, Meta(description="Whether its error messages reach our clients.")] = (
        False
    )
    concurrency: Annotated[
        int, Meta(ge=1, le=10_000, description="Requests under way at once, each on a connection.")
    ] = 64
    connect_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds to connect.")] = 2.0
    max_bytes: Annotated[
        int, Meta(ge=1_000, le=1_000_000_000, description="The size of an answer, in bytes.")
    ] = 16_000_000
    subscriptions: Annotated[
        Literal["websocket", "sse"],
        Meta(description="How it sends events: graphql-transport-ws, or server-sent events."),
    ] = "websocket"
    subscriptions_url: Annotated[
        Secret,
        Meta(
            description="Where it does, if not at its endpoint.",
            extra={"schemes": ("http", "https")},
        ),
    ] = Secret()
    required: Annotated[
        bool, Meta(description="Whether the gateway is not ready while it does not answer.")
    ] = True


class Directus(Section, frozen=True, kw_only=True):
    """One Directus, and as whom it is asked."""

    url: Annotated[
        Secret,
        Meta(description="Its address.", extra={"schemes": ("http", "https")}),
    ] = Secret()
    auth: Annotated[
        Literal["token", "login", "caller"],
        Meta(
            description="As whom it is asked: by `token`, by a `login` with email and password, or "
            "as the `caller`, whose header Authorization then goes on to it."
        ),
    ] = "token"
    token: Annotated[
        Secret, Meta(description="A static token; without one only what is public is read.")
    ] = Secret()
    email: Annotated[str, Meta(min_length=1, description="Who logs in.")] = ""
    password: Annotated[Secret, Meta(description="That user's password.")] = Secret()
    public_url: Annotated[
        str,
        Meta(
            pattern="^https?://[!-~]+$",
            description="What addresses of its files begin with; without it the `url`.",
        ),
    ] = ""
    max_items: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Items that one look-up by a field that is no key may find, at most its "
            "QUERY_LIMIT_MAX.",
        ),
    ] = 1_000
    concurrency: Annotated[
        int, Meta(ge=1, le=10_000, description="Requests under way at once, each on a connection.")
    ] = 64
    connect_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds to connect.")] = 2.0
    max_bytes: Annotated[
        int, Meta(ge=1_000, le=1_000_000_000, description="The size of an answer, in bytes.")
    ] = 16_000_000
    required: Annotated[
        bool, Meta(description="Whether the gateway is not ready while it does not answer.")
    ] = True


class Embedding(Section, frozen=True, kw_only=True):
    """Where text becomes vectors."""

    kind: Annotated[
        Literal["local", "http"],
        Meta(
            description="`local`: a small model in a process beside it (the extra `demo`); "
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
    warm: Annotated[
        bool,
        Meta(
            description="Start the local model's process, of about 110 MB, with a gateway that has "
            "a vector source; else the first text does, and waits a second for it."
        ),
    ] = False
