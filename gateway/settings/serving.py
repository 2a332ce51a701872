"""How requests are served: the listener, its limits, documents, grouping and the cache."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Serve(Section, frozen=True, kw_only=True):
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
    ] = 4.0
    body_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds a client may take to send a request's body."),
    ] = 5.0
    send_seconds: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds a client may take to read an answer."),
    ] = 60.0
    upload_seconds: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds to send a form with files; then for its answer."),
    ] = 60.0
    keep_alive_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds an idle connection is kept open.")
    ] = 75
    production: Annotated[
        bool, Meta(description="Turn the next three off, but for those that are set themselves.")
    ] = False
    graphiql: Annotated[
        bool, Meta(description="Serve GraphiQL to browsers that open the endpoint.")
    ] = True
    introspection: Annotated[
        bool, Meta(description="Answer introspection, and explain plans to whoever asks.")
    ] = True
    incremental: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Answers in parts at once (`@defer`, `@stream`), in a process; others come "
            "whole; 0 leaves the directives out.",
        ),
    ] = 1_000
    suggestions: Annotated[
        bool,
        Meta(description="Suggest names for misspelt ones, which tells the schema bit by bit."),
    ] = True
    origins: Annotated[
        str,
        Meta(
            description="Other sites whose pages may ask, by spaces: `https://app.example`, or `*`."
        ),
    ] = ""


class Limits(Section, frozen=True, kw_only=True):
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
    max_cost: Annotated[
        int,
        Meta(ge=0, le=1 << 53, description="What an operation may cost; 0 sets no bound."),
    ] = 5_000_000
    list_size: Annotated[
        int,
        Meta(ge=1, le=100_000, description="Entries a list without a size costs as much as."),
    ] = 10
    max_list_page: Annotated[
        int, Meta(ge=1, le=100_000, description="Rows that `first` or `last` may ask for.")
    ] = 1_000
    batch: Annotated[
        int, Meta(ge=1, le=1_000, description="Operations in one batched request.")
    ] = 10
    max_upload_bytes: Annotated[
        int, Meta(ge=0, le=1 << 34, description="Bytes of a form with files; 0 refuses them.")
    ] = 16 << 20
    max_files: Annotated[int, Meta(ge=1, le=1_000, description="Files in one request.")] = 10
    max_uploads: Annotated[
        int, Meta(ge=1, le=10_000, description="Forms with files under way at once, in a process.")
    ] = 8


class Documents(Section, frozen=True, kw_only=True):
    """What is remembered of GraphQL documents."""

    cache_size: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Documents kept parsed, validated and planned."),
    ] = 1_000
    cache_bytes: Annotated[
        int, Meta(ge=1 << 16, le=1 << 36, description="Memory that these may take, estimated.")
    ] = 64 << 20
    persisted_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 36,
            description="Memory for automatic persisted queries; 0 turns them off.",
        ),
    ] = 16 << 20
    persisted_redis: Annotated[
        str, Meta(description="The `[redis.<name>]` that processes share them in.")
    ] = ""
    persisted_seconds: Annotated[
        int, Meta(ge=1, le=31_536_000, description="Seconds that one is kept there.")
    ] = 86_400
    manifest: Annotated[
        str,
        Meta(description="A file of trusted documents, as Apollo's and Relay's tools write it."),
    ] = ""
    require: Annotated[
        bool, Meta(description="Refuse every document that is not in the manifest.")
    ] = False


class Grouping(Section, frozen=True, kw_only=True):
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


class Cache(Section, frozen=True, kw_only=True):
    """The resolver cache: what fields and types declare with `cache=Cache(…)`."""

    enabled: Annotated[bool, Meta(description="Keep what is declared as cacheable.")] = True
    http: Annotated[
        bool,
        Meta(description="Tell clients and proxies how long answers to GET may be kept, and 304."),
    ] = True
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
    ] = 0.5
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
