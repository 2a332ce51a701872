"""Alembic's entry: runs the versions on the connection that the caller hands over.

`gateway.sources.postgres.migrate` puts its connection into `config.attributes["connection"]`.
Without one, `alembic -c migrations/alembic.ini …` connects by the URL in `PLAIT_MIGRATIONS_URL`;
with `--sql` nothing is connected and the statements are printed.
"""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from resolvers import models


def run(connection: Connection) -> None:
    """Run the versions in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=models.metadata,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """Run the versions on a connection of our own."""
    engine = create_async_engine(os.environ["PLAIT_MIGRATIONS_URL"], poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


def print_sql() -> None:
    """Print what would be executed."""
    context.configure(dialect_name="postgresql", target_metadata=models.metadata)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
elif context.is_offline_mode():
    print_sql()
else:
    asyncio.run(connect_and_run())
