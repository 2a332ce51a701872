"""The versions lead from nothing to the models and back, in one transaction, one at a time."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import anyio
import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from catalogue import PARTS, contents
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gateway.errors import ConfigurationError, SourceRefused, SourceUnavailable
from gateway.sources.postgres import migrate
from resolvers import models

REVISIONS = tuple(f"{number:04}" for number in range(1, 18))
UPDATED = {"0012", "0015", "0016", "0017"}
"""Bring up to date what an older version installs as it is today."""
NOTHING = {part: set() for part in PARTS}


async def _in_sqlalchemy(url, work):
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, timeout=10),
        poolclass=NullPool,
    )
    async with engine.begin() as connection:
        result = await connection.run_sync(work)
    await engine.dispose()
    return result


async def test_up_down_up_leaves_nothing_behind(fresh_database, migrations_folder):
    """Going down removes all that going up made, and the way up can be gone again."""
    url = await fresh_database()
    assert await contents(url) == NOTHING

    assert await migrate.upgrade(url, migrations_folder) == REVISIONS[-1]
    made = await contents(url)
    assert await migrate.downgrade(url, migrations_folder, "base") is None
    assert await contents(url) == NOTHING
    assert await migrate.current(url) is None

    await migrate.upgrade(url, migrations_folder)
    assert await contents(url) == made


async def test_every_single_step_can_be_undone(fresh_database, migrations_folder):
    """Each version's way down leads exactly to where its way up began."""
    url = await fresh_database()
    for revision in REVISIONS:
        before = await contents(url)
        assert await migrate.upgrade(url, migrations_folder, revision) == revision
        after = await contents(url)
        assert (after != before) is (revision not in UPDATED)
        await migrate.downgrade(url, migrations_folder, "-1")
        assert await contents(url) == before
        await migrate.upgrade(url, migrations_folder, revision)
        assert await contents(url) == after


async def test_models_and_migrations_make_the_same_tables(fresh_database, migrations_folder):
    """Types, columns, defaults, comments, constraints and indexes agree to the letter."""
    migrated, modelled = await fresh_database(), await fresh_database()
    await migrate.upgrade(migrated, migrations_folder)
    await _in_sqlalchemy(modelled, models.metadata.create_all)

    of_migrations, of_models = await contents(migrated), await contents(modelled)

    names = set(models.metadata.tables)
    for part in ("types", "columns", "constraints", "indexes"):
        kept = {row for row in of_migrations[part] if "top_trends_today" not in str(row)}
        assert kept == of_models[part]
    assert {name for name, kind, _ in of_models["relations"] if kind == "r"} == names


async def test_alembic_finds_nothing_to_generate(fresh_database, migrations_folder):
    """Alembic's own comparison of models and database is empty."""
    url = await fresh_database()
    await migrate.upgrade(url, migrations_folder)

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, models.metadata)

    assert await _in_sqlalchemy(url, differences) == []


async def test_the_described_view_is_the_view(fresh_database, migrations_folder):
    """`models.top_trends_today` has the view's columns, in order and of their types."""
    url = await fresh_database()
    await migrate.upgrade(url, migrations_folder)
    view = models.top_trends_today

    def columns(connection):
        found = sa.inspect(connection).get_columns(view.name)
        return [(c["name"], c["type"].compile(connection.dialect)) for c in found]

    def described(connection):
        return [(c.name, c.type.compile(connection.dialect)) for c in view.columns]

    assert await _in_sqlalchemy(url, columns) == await _in_sqlalchemy(url, described)


async def test_upgrades_at_once_take_turns(fresh_database, migrations_folder):
    """Replicas that start together do not run one version twice."""
    url = await fresh_database()
    reached = await asyncio.gather(*(migrate.upgrade(url, migrations_folder) for _ in range(4)))
    assert set(reached) == {REVISIONS[-1]}


async def test_a_failing_version_undoes_the_whole_run(fresh_database, migrations_folder, tmp_path):
    """A statement that fails leaves the database as it was, and is named by its SQLSTATE only."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations_folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_broken.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{REVISIONS[-1]}'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE soon_gone ()')\n"
        "    op.execute(\"SELECT 'hunter2'::integer\")\n"
    )
    url = await fresh_database()

    with pytest.raises(SourceRefused, match="22P02") as caught:
        await migrate.upgrade(url, folder)

    assert "hunter2" not in str(caught.value)
    assert await contents(url) == NOTHING
    assert await migrate.current(url) is None


async def test_an_unknown_revision_is_a_configuration_error(fresh_database, migrations_folder):
    """The wrong name is named, and nothing is changed."""
    url = await fresh_database()
    with pytest.raises(ConfigurationError, match="no_such_revision"):
        await migrate.upgrade(url, migrations_folder, "no_such_revision")
    assert await contents(url) == NOTHING


async def test_a_folder_without_migrations_is_a_configuration_error(fresh_database, tmp_path):
    """A folder that is not Alembic's is refused before anything is executed."""
    with pytest.raises(ConfigurationError):
        await migrate.upgrade(await fresh_database(), tmp_path / "nowhere")


async def test_connection_errors_are_typed_and_keep_the_secret(postgres_url):
    """A wrong password and a dead port give typed errors without the URL's password."""
    wrong = re.sub(r":[^:@/]+@", ":not-the-password@", postgres_url)
    with pytest.raises(SourceRefused, match="28P01") as refused:
        await migrate.current(wrong)
    with pytest.raises(SourceUnavailable) as unreachable:
        await migrate.current("postgresql://plait:hunter2@127.0.0.1:1/plait")
    assert "not-the-password" not in str(refused.value)
    assert "hunter2" not in str(unreachable.value)


async def _alembic(folder, url, *arguments):
    command = [sys.executable, "-m", "alembic", "-c", str(folder / "alembic.ini"), *arguments]
    environment = {**os.environ, "PLAIT_MIGRATIONS_URL": url}
    result = await anyio.run_process(command, env=environment, cwd=folder.parent)
    return result.stdout.decode()


async def test_alembics_own_command_line_works(fresh_database, migrations_folder):
    """A developer can upgrade, compare and print with Alembic itself, on the same driver."""
    url = (await fresh_database()).replace("postgresql://", "postgresql+asyncpg://")
    await _alembic(migrations_folder, url, "upgrade", "head")
    said = await _alembic(migrations_folder, url, "check")
    assert "No new upgrade operations detected" in said
    printed = await _alembic(migrations_folder, "", "upgrade", "head", "--sql")
    assert "CREATE TABLE trends" in printed
    assert "CREATE TRIGGER count_inserted" in printed


def test_head_is_the_last_version(migrations_folder):
    """The runner knows the newest version without a database, and there is one line of them."""
    assert migrate.head(migrations_folder) == REVISIONS[-1]
    files = sorted(path.name for path in Path(migrations_folder, "versions").glob("*.py"))
    assert [name.partition("_")[0] for name in files] == list(REVISIONS)


async def test_nulls_leave_lists_before_they_are_kept_out(fresh_database, migrations_folder):
    """Rows that have some are mended, others stay; later ones are refused."""
    url = await fresh_database()
    await migrate.upgrade(url, migrations_folder, "0013")
    new = "INSERT INTO topics (title, category, keywords) VALUES ('x', 'science', $1)"
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for words in (["a", None, "b", None], ["c"], []):
            await connection.execute(new, words)
        await migrate.upgrade(url, migrations_folder)
        found = await connection.fetch("SELECT keywords FROM topics ORDER BY id")
        assert [row["keywords"] for row in found] == [["a", "b"], ["c"], []]
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(new, ["a", None])
    finally:
        await connection.close()
