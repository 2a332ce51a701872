"""The domain by the name the settings give, and the schema built of it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError, PlaitError
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.importing import import_here
from gateway.schema.build import Api, Domain, build

if TYPE_CHECKING:
    from types import ModuleType

    import strawberry

    from gateway.settings import Settings


_OF_CODE = (ImportError, NameError, AttributeError, TypeError)


def load_module(name: str, setting: str) -> ModuleType:
    """Import a module.

    Raises `ConfigurationError`, which names `setting`, when it is missing or cannot be imported.
    """
    try:
        return import_here(name)
    except PlaitError:
        raise
    except Exception as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{name}.".startswith(f"{error.name}.")
        ):
            raise ConfigurationError(f"{setting}: there is no module {name}") from None
        raise ConfigurationError(
            f"{setting}: module {name} cannot be imported: {_told(error)}"
        ) from error


def _told(error: Exception) -> str:
    """What went wrong in the user's own code, and where; its words where they quote only code."""
    frame = next(
        each
        for each in reversed(traceback.extract_tb(error.__traceback__))
        if "site-packages" not in each.filename and not each.filename.startswith("<frozen")
    )
    place = f"{frame.filename}:{frame.lineno}"
    if isinstance(error, SyntaxError):
        return f"{error.msg}, at {error.filename}:{error.lineno}"
    words = f": {error}" if isinstance(error, _OF_CODE) else ""
    return f"{type(error).__name__}{words}, at {place}"


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
