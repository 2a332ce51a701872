"""From settings to the key-value sources. Vendors are imported for what is configured only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gateway.context.contract import Place
from gateway.context.datasource import Datasource
from gateway.context.registry import Datasources, place_of
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.context.contract import Clock, Store
    from gateway.settings import Datasource as Settings


def datasources_of(settings: Mapping[str, Settings], clock: Clock = time.time) -> Datasources:
    """All sources, not yet connected. Raises ConfigurationError naming the setting."""
    return Datasources({name: datasource_of(name, one, clock) for name, one in settings.items()})


def datasource_of(name: str, datasource: Settings, clock: Clock = time.time) -> Datasource:
    """One source, not yet connected."""
    try:
        place = Place(name, datasource, datasource.prefix or f"{name}:", clock)
        store = _store(datasource.type)(place)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"datasource.{name}.type: {datasource.type} needs the extra `context`; "
            f"{error.name} is not installed."
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{place_of(name, datasource)}: {error.message}") from None
    return Datasource(name, store, datasource)


def _store(type_: str) -> type[Store]:
    """The store of a type of source; its client is imported only here."""
    match type_:
        case "redis":
            from gateway.context.redis import RedisStore  # noqa: PLC0415 - where it is used

            return RedisStore
        case "postgresql":
            from gateway.context.postgres import PostgresStore  # noqa: PLC0415 - likewise

            return PostgresStore
        case "mongodb":
            from gateway.context.mongodb import MongoStore  # noqa: PLC0415 - an optional package

            return MongoStore
        case "s3":
            from gateway.context.objects import ObjectStore  # noqa: PLC0415 - likewise

            return ObjectStore
        case _:
            from gateway.context.filesystem import FileStore  # noqa: PLC0415 - with the others

            return FileStore
