"""How requests are served: the listener, its limits, documents, grouping and the cache."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section, Text


class Serve(Section, frozen=True, kw_only=True):
    """How requests are served."""

    host: Text = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """The port to listen on; 0 takes a free one."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that serve; each has its own pools."""
    deadline_seconds: Annotated[float, Meta(gt=0, le=600)] = 2.0
    """Seconds a request may take; every source gets the rest."""
    drain_seconds: Annotated[float, Meta(ge=0, le=600)] = 10.0
    """Seconds that requests under way get at shutdown."""
    header_seconds: Annotated[float, Meta(gt=0, le=600)] = 4.0
    """Seconds a client may take to send a request's headers."""
    body_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    """Seconds a client may take to send a request's body."""
    send_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """Seconds a client may take to read an answer."""
    upload_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """Seconds to send a form with files; then for its answer."""
    keep_alive_seconds: Annotated[int, Meta(ge=1, le=3600)] = 75
    """Seconds an idle connection is kept open."""
    production: bool = False
    """Turn the next three off, but for those that are set themselves."""
    graphiql: bool = True
    """Serve GraphiQL to browsers that open the endpoint."""
    introspection: bool = True
    """Answer introspection, and explain plans to whoever asks."""
    incremental: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_000
    """Answers in parts at once (`@defer`, `@stream`), in a process; others come whole; 0 leaves the
    directives out.
    """
    suggestions: bool = True
    """Suggest names for misspelt ones, which tells the schema bit by bit."""
    origins: str = ""
    """Other sites whose pages may ask, by spaces: `https://app.example`, or `*`."""


class Limits(Section, frozen=True, kw_only=True):
    """What a request may ask for; beyond it nothing is executed."""

    max_body_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 1 << 20
    """Bytes of a request's body."""
    max_header_bytes: Annotated[int, Meta(ge=1024, le=1 << 20)] = 16 << 10
    """Bytes of a request's line and headers."""
    max_document_chars: Annotated[int, Meta(ge=100, le=1 << 24)] = 32_768
    """Characters of a GraphQL document."""
    max_tokens: Annotated[int, Meta(ge=10, le=100_000)] = 1_500
    """Tokens of a GraphQL document."""
    max_depth: Annotated[int, Meta(ge=1, le=200)] = 20
    """Levels of nested fields, fragments followed."""
    max_fields: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    """Fields of an operation, fragments followed."""
    max_aliases: Annotated[int, Meta(ge=0, le=10_000)] = 100
    """Aliases, fragments followed."""
    max_root_fields: Annotated[int, Meta(ge=1, le=1_000)] = 20
    """Fields at the root of an operation."""
    max_directives: Annotated[int, Meta(ge=0, le=10_000)] = 100
    """Directives, fragments followed."""
    max_cost: Annotated[int, Meta(ge=0, le=1 << 53)] = 5_000_000
    """What an operation may cost; 0 sets no bound."""
    list_size: Annotated[int, Meta(ge=1, le=100_000)] = 10
    """Entries a list without a size costs as much as."""
    max_list_page: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    """Rows that `first` or `last` may ask for."""
    batch: Annotated[int, Meta(ge=1, le=1_000)] = 10
    """Operations in one batched request."""
    max_upload_bytes: Annotated[int, Meta(ge=0, le=1 << 34)] = 16 << 20
    """Bytes of a form with files; 0 refuses them."""
    max_files: Annotated[int, Meta(ge=1, le=1_000)] = 10
    """Files in one request."""
    max_uploads: Annotated[int, Meta(ge=1, le=10_000)] = 8
    """Forms with files under way at once, in a process."""


class Documents(Section, frozen=True, kw_only=True):
    """What is remembered of GraphQL documents."""

    cache_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """Documents kept parsed, validated and planned."""
    cache_bytes: Annotated[int, Meta(ge=1 << 16, le=1 << 36)] = 64 << 20
    """Memory that these may take, estimated."""
    persisted_bytes: Annotated[int, Meta(ge=0, le=1 << 36)] = 16 << 20
    """Memory for automatic persisted queries; 0 turns them off."""
    persisted_redis: str = ""
    """The `[redis.<name>]` that processes share them in."""
    persisted_seconds: Annotated[int, Meta(ge=1, le=31_536_000)] = 86_400
    """Seconds that one is kept there."""
    manifest: str = ""
    """A file of trusted documents, as Apollo's and Relay's tools write it."""
    require: bool = False
    """Refuse every document that is not in the manifest."""


class Grouping(Section, frozen=True, kw_only=True):
    """Group-commit reads: requests that wait for the same statement share it."""

    enabled: bool = True
    """Let reads that are not yet sent be joined."""
    batch: Annotated[int, Meta(ge=1, le=10_000)] = 128
    """Keys that one statement looks up at most."""
    in_flight: Annotated[int, Meta(ge=1, le=64)] = 2
    """Statements of one group under way at once."""
    max_waiting: Annotated[int, Meta(ge=1, le=1_000_000)] = 2_048
    """Calls that may wait for one source."""


class Cache(Section, frozen=True, kw_only=True):
    """The resolver cache: what fields and types declare with `cache=Cache(…)`."""

    enabled: bool = True
    """Keep what is declared as cacheable."""
    http: bool = True
    """Tell clients and proxies how long answers to GET may be kept, and 304."""
    redis: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")] = "default"
    """The Redis source of the shared level; without it each process is alone."""
    prefix: Annotated[str, Meta(pattern=r"^[^{}\s]+$")] = "plait:cache"
    """How its keys in Redis begin, between braces."""
    memory_bytes: Annotated[int, Meta(ge=0, le=1 << 36)] = 64 << 20
    """Memory of the level in each process; 0 for none."""
    max_value_bytes: Annotated[int, Meta(ge=1, le=1 << 28)] = 1 << 20
    """Bytes of the largest value that is kept."""
    compress_above: Annotated[int, Meta(ge=0, le=1 << 28)] = 0
    """Deflate larger values in Redis; 0 for never."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=10)] = 0.1
    """Seconds for a round trip; a later answer is a miss."""
    lease_seconds: Annotated[float, Meta(ge=0.02, le=0.25)] = 0.25
    """Seconds that memory is served without word from Redis; for all replicas."""
    hard_ttl: Annotated[float, Meta(gt=0, le=2_592_000)] = 1_800.0
    """Seconds after which every entry is gone."""
    jitter: Annotated[float, Meta(ge=0, le=0.9)] = 0.5
    """The part of its time by which an entry may end early."""
    early_refresh: Annotated[float, Meta(ge=0, le=100)] = 1.0
    """How eagerly dear entries are read anew; 0 for not at all."""
    warmup_interval: Annotated[float, Meta(ge=0, le=2_592_000)] = 0.0
    """Seconds between warm-ups; 0 for none."""
    warmup_lock_ttl: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    """Seconds that a dead node's warm-up is respected."""
    node_id: Annotated[str, Meta(pattern=r"^[\w.-]*$")] = ""
    """How this machine's nodes are called."""
