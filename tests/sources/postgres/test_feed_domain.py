"""The migration that brings the feed to the bundled domain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from feeding import connected, following, listening

from gateway.sources.contract import Budget
from gateway.sources.postgres import migrate

if TYPE_CHECKING:
    from conftest import FreshDatabase

MIGRATIONS = Path(__file__).parents[3] / "migrations"
TABLES = """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p') AND relname <> 'alembic_version'"""
FORMER = """CREATE OR REPLACE FUNCTION plait_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_notify(TG_ARGV[0], format(
        '{"table":["public","%s"],"operation":"%s","columns":[],"keys":null,"number":1,'
        '"transaction":1}', TG_TABLE_NAME, TG_OP));
    RETURN NULL;
END $$;
""" + "".join(
    f"CREATE OR REPLACE TRIGGER plait_{kind} AFTER {statement} ON topics"
    " FOR EACH STATEMENT EXECUTE FUNCTION plait_changed('plait_changes', '[]', 'NULL::text');"
    for kind, statement in {
        "inserted": "INSERT",
        "updated": "UPDATE",
        "deleted": "DELETE",
        "truncated": "TRUNCATE",
    }.items()
)
"""One function for all tables, as before migration `0016`, that tells no columns, as before `0012`."""
LEFT = "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname ~ '^plait_')"


async def test_every_table_of_the_domain_is_watched(fresh_database: FreshDatabase) -> None:
    """Up watches all tables, also those of later versions; down removes it from any table."""
    url = await fresh_database()
    await migrate.upgrade(url, MIGRATIONS)
    async with connected(url) as writer, listening(url) as feed:
        tables = {row["relname"] for row in await writer.fetch(TABLES)}
        assert len(tables) >= 10
        budget = Budget(asyncio.get_running_loop().time() + 10)
        assert await feed.watched(budget) == tables | {"plait_engine.workflow_runs"}

        with feed.subscribe(["topic_items", "topics"]) as events:
            await writer.execute(
                "WITH topic AS (INSERT INTO topics (id, title, category) VALUES (5, 't', 'other')),"
                " item AS (INSERT INTO processed_items (id, source, source_id, title)"
                " VALUES (7, 'rss', '1', 'i')) SELECT"
            )
            assert (await following(events)).keys == ((5,),)
            await writer.execute("INSERT INTO topic_items VALUES (5, 7, 1, 0.5)")
            # The trigger that counts a topic's items changes the topic.
            found = {(await following(events)) for _ in range(2)}
        assert {(change.table, change.keys) for change in found} == {
            ("topic_items", ((5, 7),)),
            ("topics", ((5,),)),
        }
        await writer.execute("CREATE TABLE later (id int PRIMARY KEY)")
        await writer.execute("SELECT plait_watch('later')")
    await migrate.downgrade(url, MIGRATIONS, "0006")
    async with connected(url) as writer:
        assert await writer.fetchval(LEFT) == 0


async def test_what_is_watched_tells_columns_after_the_upgrade(
    fresh_database: FreshDatabase,
) -> None:
    """Without watching anew, and by sessions and listeners from before it."""
    url = await fresh_database()
    await migrate.upgrade(url, MIGRATIONS, "0011")
    async with connected(url) as writer, listening(url) as feed:
        await writer.execute(FORMER)
        with feed.subscribe(["topics"]) as events:
            await writer.execute(
                "INSERT INTO topics (id, title, category) VALUES (5, 't', 'other')"
            )
            former = await following(events)
            assert (former.table, former.keys, former.changed) == ("topics", None, None)
            await migrate.upgrade(url, MIGRATIONS)
            await writer.execute("SET plait.messages = 1; UPDATE topics SET title = 'new'")
            change = await following(events)
        assert change.keys == ((5,),)
        assert "title" in change.changed
        assert "category" not in change.changed
        assert await writer.fetchval("SELECT to_regproc('plait_changed')") is None
