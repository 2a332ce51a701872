"""The domain by the name the settings give, and the schema built of it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from strawberry.exceptions import StrawberryException

from gateway.errors import ConfigurationError, PlaitError
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.importing import import_here
from gateway.schema.build import Api, build
from gateway.schema.domain import Domain
from gateway.settings.workflows import RUN_READERS

if TYPE_CHECKING:
    from types import ModuleType

    import strawberry

    from gateway.settings import Settings


_OF_CODE = (ImportError, NameError, AttributeError, TypeError, StrawberryException)
_OURS = str(Path(__file__).parent)
_HINTS = {
    "circular import": "; import what annotations name below `if TYPE_CHECKING:`, and quote these",
    "for |: 'str' and 'NoneType'": '; quote the whole annotation, as in "Author | None"',
}
"""What would be right, by a part of what Python says."""


def load_module(name: str, setting: str) -> ModuleType:
    """Import a module.

    Raises `ConfigurationError`, which names `setting`, when it is missing or cannot be imported.
    """
    try:
        return import_here(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error.message} It is at {_place(error)}.") from error
    except PlaitError:
        raise
    except Exception as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{name}.".startswith(f"{error.name}.")
        ):
            raise ConfigurationError(
                f"{setting}: there is no module {name}, neither in {Path.cwd()} nor installed"
            ) from None
        raise ConfigurationError(
            f"{setting}: module {name} cannot be imported: {_told(error)}"
        ) from error


def _told(error: Exception) -> str:
    """What went wrong in the user's own code, and where; its words where they quote only code."""
    if isinstance(error, SyntaxError):
        return f"{error.msg}, at {error.filename}:{error.lineno}"
    words = f": {error}" if isinstance(error, _OF_CODE) else ""
    words += "".join(hint for sign, hint in _HINTS.items() if sign in words)
    return f"{type(error).__name__}{words}, at {_place(error)}"


def _place(error: Exception) -> str:
    """File and line of the user's code where an error came up, of ours where it is in none."""
    frames = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in each.filename and not each.filename.startswith("<")
    ]
    frame = next((each for each in reversed(frames) if _OURS not in each.filename), frames[-1])
    return f"{frame.filename}:{frame.lineno}"


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
    return api_of(settings, load_domain(settings))


def api_of(settings: Settings, domain: Domain) -> Api:
    """The domain's, for the roles that the settings name."""
    api = built(domain, incremental=settings.serve.incremental > 0)
    workflows = settings.workflows
    readers = frozenset([*workflows.run.split(), *workflows.read.split()])
    api.catalog.authority.grant(RUN_READERS, readers)
    return api


def built(domain: Domain, *, incremental: bool = True) -> Api:
    """Its schema and catalog, plain resolvers included."""
    api = build(domain, executor=WalkingExecutor, incremental=incremental)
    install_resolvers(api)
    return api


def load_schema(settings: Settings) -> strawberry.Schema:
    """The Strawberry schema of the configured domain."""
    return load_api(settings).schema
