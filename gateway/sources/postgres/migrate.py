"""Runs a folder of Alembic migrations against a PostgreSQL URL: up, down, and where it stands.

Everything of one call happens in one transaction on one connection, so that a migration that
fails leaves the database as it was. Two callers at once take turns.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gateway.errors import (
    ConfigurationError,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

T = TypeVar("T")

CONNECT_SECONDS = 10.0
MIGRATION_SECONDS = 300.0

_LOCK = 0x706C616974  # "plait": the advisory lock under which migrations run
_UNREACHABLE = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


class _Transaction(Protocol):
    """Runs synchronous SQLAlchemy work in the open transaction."""

    async def __call__(self, work: Callable[[sa.Connection], T], /) -> T: ...


async def upgrade(
    url: str, folder: Path, revision: str = "head", *, seconds: float = MIGRATION_SECONDS
) -> str | None:
    """Bring the database up to `revision` and give the revision it then stands at.

    `url` is a PostgreSQL DSN as asyncpg takes it, `folder` holds Alembic's `env.py` and
    `versions/`, `seconds` bounds the whole. Raises `ConfigurationError` for an unknown revision or
    folder, `SourceUnavailable`, `SourceTimeout`, or `SourceRefused` when a statement fails.
    """

    def run(connection: sa.Connection) -> str | None:
        command.upgrade(_config(folder, connection), revision)
        return _revision(connection)

    return await _locked(url, seconds, run)


async def downgrade(
    url: str, folder: Path, revision: str, *, seconds: float = MIGRATION_SECONDS
) -> str | None:
    """Take the database down to `revision`, or to nothing with `base`; otherwise as `upgrade`."""

    def run(connection: sa.Connection) -> str | None:
        command.downgrade(_config(folder, connection), revision)
        return _revision(connection)

    return await _locked(url, seconds, run)


async def current(url: str, *, seconds: float = MIGRATION_SECONDS) -> str | None:
    """The revision at which the database stands; None when no migration ran. Raises as above."""
    async with _connected(url, seconds) as run:
        return await run(_revision)


def head(folder: Path) -> str | None:
    """The newest revision in `folder`; None when it holds none. Connects to nothing."""
    return ScriptDirectory(str(folder)).get_current_head()


def _config(folder: Path, connection: sa.Connection) -> Config:
    config = Config()
    # A per cent sign would start an interpolation.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _locked(url: str, seconds: float, work: Callable[[sa.Connection], T]) -> T:
    async with _connected(url, seconds) as run:
        await run(lambda connection: connection.execute(sa.select(_lock())))
        return await run(work)


def _lock() -> sa.Function[Any]:
    return sa.func.pg_advisory_xact_lock(_LOCK)


@asynccontextmanager
async def _connected(url: str, seconds: float) -> AsyncIterator[_Transaction]:
    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(
            url,
            timeout=min(CONNECT_SECONDS, seconds),
            command_timeout=seconds,
            statement_cache_size=0,
        )

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with asyncio.timeout(seconds), engine.begin() as connection:
            yield connection.run_sync
    except CommandError as error:
        raise ConfigurationError(f"The migrations cannot be run: {error}") from error
    except TimeoutError as error:
        raise SourceTimeout(f"PostgreSQL did not finish within {seconds:g} s.") from error
    except sa.exc.DBAPIError as error:
        # SQLAlchemy wraps the driver's error twice; the cause is asyncpg's own.
        raise _source_error(error.orig.__cause__ if error.orig else None) from error
    except (*_UNREACHABLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _source_error(error) from error
    finally:
        await engine.dispose()


def _source_error(cause: BaseException | None) -> SourceError:
    """Name the kind of failure only: PostgreSQL's text may quote values."""
    if isinstance(cause, _UNREACHABLE):
        return SourceUnavailable("PostgreSQL cannot be reached for the migrations.")
    state = getattr(cause, "sqlstate", None) or "no SQLSTATE"
    return SourceRefused(f"PostgreSQL refused the migrations: {type(cause).__name__} ({state}).")
