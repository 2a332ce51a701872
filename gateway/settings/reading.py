"""Reads the settings: the file and the environment into one frozen whole."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Meta

from gateway.configuration import Reading, Setting, declared, parse
from gateway.settings.agents import Mcp
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

    resolvers: Annotated[str, Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")] = "resolvers"
    """The module that offers the domain."""
    migrations: Annotated[str, Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")] = "migrations"
    """The package with Alembic's `env.py` and `versions/`."""
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
    identity: Identity = Identity()
    mcp: Mcp = Mcp()
    postgres: Mapping[str, Postgres] = MappingProxyType({})
    qdrant: Mapping[str, Qdrant] = MappingProxyType({})
    redis: Mapping[str, Redis] = MappingProxyType({})
    upstream: Mapping[str, Upstream] = MappingProxyType({})
    directus: Mapping[str, Directus] = MappingProxyType({})
    datasource: Mapping[str, Datasource] = MappingProxyType({})
    jwt: Mapping[str, Jwt] = MappingProxyType({})
    api_key: Mapping[str, ApiKey] = MappingProxyType({})
    state: Mapping[str, State] = MappingProxyType({})


_HINTS = get_type_hints(Settings)
_SECTIONS: dict[str, type[Section]] = {
    name: hint for name, hint in _HINTS.items() if hint in Section.__subclasses__()
}
_FAMILIES: dict[str, type[Section]] = {
    name: get_args(hint)[1] for name, hint in _HINTS.items() if get_origin(hint) is Mapping
}
_SOURCES = ("postgres", "qdrant", "redis", "upstream", "directus")
_UNPREFIXED = (*_SOURCES, "datasource")
"""The families whose variables begin with their own name, not with PLAIT."""
_RENAMED = {"database": "DB"}
DEFAULT = "default"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    `path`: the file; without it the one that `PLAIT_CONFIG` names, or `plait.toml` of the working
    directory where there is one. Raises `ConfigurationError` with a line for everything wrong.
    """
    reading = Reading(environ, prefixes=("PLAIT", *(name.upper() for name in _UNPREFIXED)))
    return _settings(_tables(path, reading), reading)


def given(tables: Mapping[str, Any]) -> Settings:
    """The settings of a file's tables as Python holds them; nothing else is read. Raises as `load`.

    Secrets are texts here, too.
    """
    return _settings(tables, Reading({}, prefixes=()))


def _settings(tables: Mapping[str, Any], reading: Reading) -> Settings:
    rest = {name: table for name, table in tables.items() if name not in _SECTIONS | _FAMILIES}
    given = reading.values(
        declared(Settings, "", "PLAIT_", {}), rest, also=(*_SECTIONS, *_FAMILIES)
    )
    for name, kind in _SECTIONS.items():
        values = reading.values(_settings_of(name), reading.table(tables, name))
        given[name] = kind(**_for_production(values) if name == "serve" else values)
    for name in _FAMILIES:
        given[name] = _named(reading, name, tables)
    settings = Settings(**given)
    _check_embedding(reading, settings.embedding)
    _check_redis(reading, settings)
    _check_operating(reading, settings)
    _check_directus(reading, settings)
    _check_origins(reading, settings)
    reading.finish()
    return settings


def _for_production(serve: dict[str, Any]) -> dict[str, Any]:
    """In production what shows the schema is off where it is not said to be on."""
    hidden = {"graphiql": False, "introspection": False, "suggestions": False}
    return hidden | serve if serve.get("production") else serve


def _check_redis(reading: Reading, settings: Settings) -> None:
    """Who keeps something in a Redis needs one of that name."""
    for section, name, unused in (
        ("embedding", "cache_redis", not settings.embedding.cache_redis),
        ("cache", "redis", settings.cache.redis == DEFAULT),
        ("documents", "persisted_redis", not settings.documents.persisted_redis),
        ("rate_limit", "redis", not settings.rate_limit.requests),
    ):
        if not unused and getattr(getattr(settings, section), name) not in settings.redis:
            setting = _settings_of(section)[name]
            reading.wrong(setting.problem("expected the name of a source of [redis.<name>]"))


def _check_operating(reading: Reading, settings: Settings) -> None:
    """What needs another setting beside it."""
    if settings.documents.require and not settings.documents.manifest:
        require = _settings_of("documents")["require"]
        reading.wrong(require.problem("expected documents.manifest to name a file"))
    if settings.telemetry.metrics and settings.serve.workers > 1:
        metrics = _settings_of("telemetry")["metrics"]
        reading.wrong(metrics.problem("expected serve.workers = 1; run several gateways instead"))
    if settings.telemetry.error_texts and settings.serve.production:
        texts = _settings_of("telemetry")["error_texts"]
        reading.wrong(texts.problem("expected false, as serve.production is true"))


def _check_origins(reading: Reading, settings: Settings) -> None:
    """Origins are as browsers name them; cookies go nowhere on behalf of any page there is."""
    for section in ("serve", "subscriptions"):
        text = getattr(settings, section).origins
        origins, setting = text.split(), _settings_of(section)["origins"]
        if text and origins != ["*"] and not (origins and all(map(_ORIGIN.fullmatch, origins))):
            reading.wrong(setting.problem(f"expected {_ORIGINS}"))
        cookies = any("cookie" in one.forward.split() for one in settings.upstream.values())
        if origins == ["*"] and cookies:
            says = "expected named origins, as upstream.<name>.forward sends cookies on"
            reading.wrong(setting.problem(says))


_ORIGIN = re.compile(
    # Browsers leave a scheme's own port out.
    r"(?!https://[^/]*:443$|http://[^/]*:80$)[a-z][a-z\d+.-]*://([\w.-]+|\[[\da-f:.]+\])(:\d+)?",
    re.ASCII | re.IGNORECASE,
)
_ORIGINS = (
    "origins by spaces, each with its scheme and without its own port, a path or a slash at the "
    "end, as in https://app.example.com or http://localhost:3000; or `*` alone"
)


def _check_directus(reading: Reading, settings: Settings) -> None:
    """A login needs an email and a password; a token or a login nobody uses is a slip."""
    for name, one in settings.directus.items():
        own = _settings_of("directus", name)
        given = {"token": one.token, "email": one.email, "password": one.password}
        wanted = {"token": ["token"], "login": ["email", "password"], "caller": []}[one.auth]
        for setting, value in given.items():
            if value and setting not in wanted:
                says = f"expected none, as directus.{name}.auth is {one.auth}"
                reading.wrong(own[setting].problem(says))
            elif one.auth == "login" and setting in wanted and not value:
                says = f"expected {own[setting].expected}, as directus.{name}.auth is login"
                reading.wrong(own[setting].problem(says))


def _check_embedding(reading: Reading, embedding: Embedding) -> None:
    """A service needs an address, a model and its dimensions."""
    needed = ("base_url", "model", "dimensions") if embedding.kind == "http" else ()
    settings = _settings_of("embedding")
    for name in needed:
        if not getattr(embedding, name) and not reading.failed(name, of=settings):
            expected = "a number from 1" if name == "dimensions" else settings[name].expected
            reading.wrong(settings[name].problem(f"expected {expected}, as embedding.kind is http"))


def all_settings() -> list[Setting]:
    """Every setting there is, in the order of the file; a source's under its `default` name."""
    found = [*declared(Settings, "", "PLAIT_", {}).values()]
    for name in _SECTIONS | _FAMILIES:
        found += _settings_of(name).values()
    return found


def _tables(path: Path | None, reading: Reading) -> Mapping[str, object]:
    named = reading.variable(FILE_VARIABLE)
    if path is None and named is None and not Path(FILE).exists():
        return {}
    return parse(path or Path(named or FILE))


def _settings_of(family: str, name: str = DEFAULT) -> dict[str, Setting]:
    """The settings of a section, or of the source called `name`."""
    if family in _SECTIONS:
        return declared(_SECTIONS[family], f"{family}.", f"PLAIT_{family.upper()}_", {})
    infix = "" if name == DEFAULT else f"{name.upper()}_"
    prefix = f"{_prefix(family)}_{infix}"
    return declared(_FAMILIES[family], f"{family}.{name}.", prefix, _RENAMED)


def _prefix(family: str) -> str:
    """How the variables of a family begin; of all but sources as everything else of ours."""
    return family.upper() if family in _UNPREFIXED else f"PLAIT_{family.upper()}"


def _named(reading: Reading, family: str, tables: Mapping[str, object]) -> Mapping[str, Any]:
    """The sources of one kind, by name: those of the file and those of the environment."""
    kind, table = _FAMILIES[family], reading.table(tables, family)
    reading.know(one.variable for one in _settings_of(family).values())
    suffixes = [one.variable for one in declared(kind, "", "", _RENAMED).values()]
    found = {}
    for name in dict.fromkeys([*table, *reading.names(_prefix(family), suffixes, DEFAULT)]):
        if reading.is_name(name, family) and reading.is_table(table, name, family):
            settings = _settings_of(family, name)
            if family in _SOURCES:
                given = _parts_or_url(reading, settings, table.get(name, {}))
                values = reading.values(settings, given)
                _need_address(reading, settings, values)
            else:
                values = reading.values(settings, table.get(name, {}))
                if family == "datasource":
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
