"""Runs a folder of Alembic migrations against a PostgreSQL URL: up, down, and where it stands.

Everything of one call happens in one transaction on one connection, so that a migration that
fails leaves the database as it was. Two callers at once take turns.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

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
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Work: TypeAlias = Callable[[sa.Connection], str | None]
    """Synchronous SQLAlchemy work in a transaction, which gives a revision."""

CONNECT_SECONDS = 10.0
MIGRATION_SECONDS = 300.0

_LOCK = 0x706C616974  # "plait": the advisory lock under which migrations run
_UNREACHABLE = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


async def upgrade(url: str, folder: Path, revision: str = "head") -> str | None:
    """Bring the database up to `revision` and give the revision it then stands at.

    `url` is a PostgreSQL DSN as asyncpg takes it, `folder` holds Alembic's `env.py` and
    `versions/`. Raises `ConfigurationError` for an unknown revision or folder, `SourceUnavailable`,
    `SourceTimeout`, or `SourceRefused` when a statement fails.
    """
    return await _migrated(url, folder, command.upgrade, revision)


async def downgrade(url: str, folder: Path, revision: str) -> str | None:
    """Take the database down to `revision`, or to nothing with `base`; otherwise as `upgrade`."""
    return await _migrated(url, folder, command.downgrade, revision)


async def current(url: str) -> str | None:
    """The revision at which the database stands; None when no migration ran. Raises as above."""
    async with _connected(url) as run:
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


async def _migrated(
    url: str, folder: Path, go: Callable[[Config, str], None], revision: str
) -> str | None:
    def work(connection: sa.Connection) -> str | None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        go(_config(folder, connection), revision)
        return _revision(connection)

    async with _connected(url) as run:
        return await run(work)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Callable[[Work], Awaitable[str | None]]]:
    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=MIGRATION_SECONDS,
            statement_cache_size=0,
        )

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with asyncio.timeout(MIGRATION_SECONDS), engine.begin() as connection:
            yield connection.run_sync
    except CommandError as error:
        raise ConfigurationError(f"The migrations cannot be run: {error}") from error
    except TimeoutError as error:
        raise SourceTimeout(f"PostgreSQL did not finish within {MIGRATION_SECONDS:g} s.") from error
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
