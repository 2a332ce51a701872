"""Reads the settings: the file and the environment into one frozen whole."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, TypeVar

from msgspec import Meta

from gateway.configuration import Reading, Setting, declared, parse
from gateway.settings.callers import ApiKey, Identity, Jwt
from gateway.settings.datasources import Datasource, check_datasource
from gateway.settings.operating import RateLimit, Telemetry
from gateway.settings.section import Section
from gateway.settings.serving import Cache, Documents, Grouping, Limits, Serve
from gateway.settings.sources import Directus, Embedding, Postgres, Qdrant, Redis, State, Upstream
from gateway.settings.subscriptions import Subscriptions
from gateway.settings.sync import Sync
from gateway.settings.workflows import Jobs, Workflows

FILE = "plait.toml"
FILE_VARIABLE = "PLAIT_CONFIG"


class Settings(Section, frozen=True, kw_only=True):
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
    sync: Sync = Sync()
    jobs: Jobs = Jobs()
    workflows: Workflows = Workflows()
    cache: Cache = Cache()
    subscriptions: Subscriptions = Subscriptions()
    telemetry: Telemetry = Telemetry()
    rate_limit: RateLimit = RateLimit()
    postgres: Mapping[str, Postgres] = MappingProxyType({})
    qdrant: Mapping[str, Qdrant] = MappingProxyType({})
    redis: Mapping[str, Redis] = MappingProxyType({})
    upstream: Mapping[str, Upstream] = MappingProxyType({})
    directus: Mapping[str, Directus] = MappingProxyType({})
    datasource: Mapping[str, Datasource] = MappingProxyType({})
    state: Mapping[str, State] = MappingProxyType({})
    identity: Identity = Identity()
    jwt: Mapping[str, Jwt] = MappingProxyType({})
    api_key: Mapping[str, ApiKey] = MappingProxyType({})


_Kind = TypeVar("_Kind", bound=Section)

_SECTIONS: dict[str, type[Section]] = {
    "serve": Serve,
    "limits": Limits,
    "documents": Documents,
    "grouping": Grouping,
    "embedding": Embedding,
    "sync": Sync,
    "jobs": Jobs,
    "workflows": Workflows,
    "cache": Cache,
    "subscriptions": Subscriptions,
    "telemetry": Telemetry,
    "rate_limit": RateLimit,
    "identity": Identity,
}
_SOURCES: dict[str, type[Section]] = {
    "postgres": Postgres,
    "qdrant": Qdrant,
    "redis": Redis,
    "upstream": Upstream,
    "directus": Directus,
}
_CALLERS: dict[str, type[Section]] = {"jwt": Jwt, "api_key": ApiKey, "state": State}
_CONTEXTS: dict[str, type[Section]] = {"datasource": Datasource}
_FAMILIES = _SOURCES | _CONTEXTS | _CALLERS
_UNPREFIXED = _SOURCES | _CONTEXTS
"""The families whose variables begin with their own name, not with PLAIT."""
_RENAMED = {"database": "DB"}
DEFAULT = "default"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    `path`: the file; without it the one that `PLAIT_CONFIG` names, or `plait.toml` of the working
    directory where there is one. Raises `ConfigurationError` with a line for everything wrong.
    """
    reading = Reading(environ, prefixes=("PLAIT", *(name.upper() for name in _UNPREFIXED)))
    tables = _tables(path, reading)

    def section(name: str, kind: type[_Kind]) -> _Kind:
        return kind(**reading.values(_settings_of(kind, name), reading.table(tables, name)))

    def named(family: str, kind: type[_Kind]) -> Mapping[str, _Kind]:
        return _named(reading, family, kind, tables)

    rest = {name: table for name, table in tables.items() if name not in _SECTIONS | _FAMILIES}
    settings = Settings(
        **reading.values(declared(Settings, "", "PLAIT_", {}), rest, also=(*_SECTIONS, *_FAMILIES)),
        serve=_serve(reading, tables),
        limits=section("limits", Limits),
        documents=section("documents", Documents),
        grouping=section("grouping", Grouping),
        embedding=_complete(reading, section("embedding", Embedding)),
        sync=section("sync", Sync),
        jobs=section("jobs", Jobs),
        workflows=section("workflows", Workflows),
        cache=section("cache", Cache),
        subscriptions=section("subscriptions", Subscriptions),
        telemetry=section("telemetry", Telemetry),
        rate_limit=section("rate_limit", RateLimit),
        postgres=named("postgres", Postgres),
        qdrant=named("qdrant", Qdrant),
        redis=named("redis", Redis),
        upstream=named("upstream", Upstream),
        directus=named("directus", Directus),
        datasource=named("datasource", Datasource),
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
    _check_operating(reading, settings)
    _check_directus(reading, settings)
    reading.finish()
    return settings


def _serve(reading: Reading, tables: Mapping[str, object]) -> Serve:
    """In production what shows the schema is off where it is not said to be on."""
    given = reading.values(_settings_of(Serve, "serve"), reading.table(tables, "serve"))
    if given.get("production"):
        given = {"graphiql": False, "introspection": False, "suggestions": False, **given}
    return Serve(**given)


def _check_operating(reading: Reading, settings: Settings) -> None:
    """What limits and documents need of other settings."""
    documents = _settings_of(Documents, "documents")
    limit = _settings_of(RateLimit, "rate_limit")
    source = "expected the name of a source of [redis.<name>]"
    if settings.documents.persisted_redis not in {"", *settings.redis}:
        reading.wrong(documents["persisted_redis"].problem(source))
    if settings.documents.require and not settings.documents.manifest:
        reading.wrong(documents["require"].problem("expected documents.manifest to name a file"))
    if settings.rate_limit.requests and settings.rate_limit.redis not in settings.redis:
        reading.wrong(limit["redis"].problem(source))
    if settings.telemetry.metrics and settings.serve.workers > 1:
        metrics = _settings_of(Telemetry, "telemetry")["metrics"]
        reading.wrong(metrics.problem("expected serve.workers = 1; run several gateways instead"))


def _check_directus(reading: Reading, settings: Settings) -> None:
    """A login needs an email and a password; a token or a login nobody uses is a slip."""
    for name, one in settings.directus.items():
        own = _settings_of_source(Directus, "directus", name)
        given = {"token": one.token, "email": one.email, "password": one.password}
        wanted = {"token": ["token"], "login": ["email", "password"], "caller": []}[one.auth]
        for setting, value in given.items():
            if value and setting not in wanted:
                says = f"expected none, as directus.{name}.auth is {one.auth}"
                reading.wrong(own[setting].problem(says))
            elif one.auth == "login" and setting in wanted and not value:
                says = f"expected {own[setting].expected}, as directus.{name}.auth is login"
                reading.wrong(own[setting].problem(says))


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


def _settings_of(kind: type[Section], name: str) -> dict[str, Setting]:
    return declared(kind, f"{name}.", f"PLAIT_{name.upper()}_", {})


def _settings_of_source(kind: type[Section], family: str, name: str) -> dict[str, Setting]:
    infix = "" if name == DEFAULT else f"{name.upper()}_"
    return declared(kind, f"{family}.{name}.", f"{_prefix(family)}_{infix}", _RENAMED)


def _prefix(family: str) -> str:
    """How the variables of a family begin; of all but sources as everything else of ours."""
    return family.upper() if family in _UNPREFIXED else f"PLAIT_{family.upper()}"


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
                if family in _CONTEXTS:
                    check_datasource(reading, settings, values)
            found[name] = kind(**values)
    return MappingProxyType(found)


def _parts_or_url(
    reading: Reading, settings: Mapping[str, Setting], given: Mapping[str, object]
) -> Mapping[str, object]:
    """The file's table; a URL of the environment stands instead of all the file's parts."""
    if "host" not in settings or reading.variable(settings["url"].variable) is None:
        return given
    return {name: value for name, value in given.items() if name not in _PARTS}


_PARTS = ("host", "port", "database", "user", "password", "ssl")


def _need_address(
    reading: Reading, settings: Mapping[str, Setting], values: Mapping[str, object]
) -> None:
    """A source has a URL, or a host where its kind has one, and not both."""
    url = settings["url"]
    parts = [settings[name] for name in _PARTS if "host" in settings and name in values]
    if "url" in values and parts:
        names = ", ".join(f"{part.path} ({part.variable})" for part in parts)
        reading.wrong(url.problem(f"give the URL or its parts, not both; remove {names}"))
    elif not reading.failed("url", "host", of=settings) and not {"url", "host"} & set(values):
        other = f", or {settings['host'].path}" if "host" in settings else ""
        reading.wrong(url.problem(f"expected {url.expected}{other}"))
