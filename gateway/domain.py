"""The domain by the name the settings give, and the schema built of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.importing import import_here
from gateway.schema.build import Api, Domain, build

if TYPE_CHECKING:
    from types import ModuleType

    import strawberry

    from gateway.settings import Settings


def load_module(name: str, setting: str) -> ModuleType:
    """Import a module. Raises `ConfigurationError`, which names `setting`, when it is missing."""
    try:
        return import_here(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(f"{setting}: there is no module {name}") from None


def load_domain(settings: Settings) -> Domain:
    """The `domain` of the resolvers package. Raises ConfigurationError naming the setting."""
    module = load_module(settings.resolvers, "resolvers (PLAIT_RESOLVERS)")
    domain = getattr(module, "domain", None)
    if not isinstance(domain, Domain):
        raise ConfigurationError(
            "resolvers (PLAIT_RESOLVERS) names a module without a `domain`; "
            "it must hold `domain = Domain(entities=[…], queries=[…])`."
        )
    return domain


def load_api(settings: Settings) -> Api:
    """The built schema and its catalog."""
    return built(load_domain(settings), incremental=settings.serve.incremental > 0)


def built(domain: Domain, *, incremental: bool = True) -> Api:
    """Its schema and catalog, plain resolvers included."""
    api = build(domain, executor=WalkingExecutor, incremental=incremental)
    install_resolvers(api)
    return api


def load_schema(settings: Settings) -> strawberry.Schema:
    """The Strawberry schema of the configured domain."""
    return load_api(settings).schema
