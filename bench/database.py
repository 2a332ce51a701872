"""The bench's database: migrated, loaded by COPY, analysed, and kept between runs.

A digest of everything that decides its content stands in the database's comment, written last: a
database without it, or with another, is dropped and made again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench import data
from gateway.sources.postgres.migrate import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "bench"
ROOT = Path(__file__).parent.parent
STATEMENT_SECONDS = 300


def url_of(url: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def digest(root: Path = ROOT) -> str:
    """What the content hangs on: the generator and the migrations, as one hash."""
    hashed = hashlib.sha256()
    for path in [root / "bench/data.py", *sorted((root / "migrations/versions").glob("*.py"))]:
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()


async def prepare(server: str, say: Callable[[str], None]) -> str:
    """The address of the loaded database on `server`; loads it where it is not up to date.

    `say` is told what takes time. Raises as `upgrade` does.
    """
    expected = digest()
    url = url_of(server, NAME)
    admin = await asyncpg.connect(server, command_timeout=STATEMENT_SECONDS)
    try:
        if await _digest_of(admin) == expected:
            return url
        await admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {NAME}")
        say("creating the tables")
        await upgrade(url, ROOT / "migrations")
        await _load(url, say)
        await admin.execute(f"COMMENT ON DATABASE {NAME} IS '{expected}'")
    finally:
        await admin.close()
    return url


async def tidy(url: str) -> None:
    """Remove the topics that a load inserted; new ones are numbered from behind the data on."""
    connection = await asyncpg.connect(url, command_timeout=STATEMENT_SECONDS)
    try:
        await connection.execute("DELETE FROM topics WHERE id > $1", data.TOPICS)
        await connection.execute(
            "SELECT setval(pg_get_serial_sequence('topics', 'id'), $1)", data.TOPICS
        )
        await connection.execute("VACUUM (ANALYZE) topics")
    finally:
        await connection.close()


async def _digest_of(connection: asyncpg.Connection) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", NAME
    )
    return found


async def _load(url: str, say: Callable[[str], None]) -> None:
    connection = await asyncpg.connect(url, command_timeout=STATEMENT_SECONDS)
    try:
        for table, columns in data.COLUMNS.items():
            say(f"loading {table}")
            await connection.copy_records_to_table(
                table, records=data.rows(table), columns=columns, timeout=STATEMENT_SECONDS
            )
        say("analysing")
        # Frozen as well: the first reads shall not pay for marking rows as committed.
        await connection.execute("VACUUM (FREEZE, ANALYZE)")
    finally:
        await connection.close()
