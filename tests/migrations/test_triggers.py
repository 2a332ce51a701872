"""What the database keeps by itself: counts, times, versions, ranges, the view."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

ITEMS = """
    INSERT INTO processed_items (source, source_id, title)
    SELECT 'rss', n::text, 'item ' || n FROM generate_series(1, $1::int) n RETURNING id
"""
LINK = """
    INSERT INTO topic_items (topic_id, item_id, position, relevance)
    SELECT $1, item, row_number() OVER (), 0.5 FROM unnest($2::bigint[]) item
"""
TREND = """
    INSERT INTO trends (topic_id, rank, title, category, state, score, first_seen, last_updated)
    VALUES ($1, $2, 'a trend', 'science', $3, $4, '2025-01-01Z', '2025-02-01Z') RETURNING id
"""


async def _topic(connection, title="a topic"):
    return await connection.fetchval(
        "INSERT INTO topics (title, category) VALUES ($1, 'science') RETURNING id", title
    )


async def _items(connection, count):
    return [row["id"] for row in await connection.fetch(ITEMS, count)]


async def _counts(connection):
    rows = await connection.fetch("SELECT item_count FROM topics ORDER BY id")
    return [row["item_count"] for row in rows]


async def test_item_count_follows_every_change(connection):
    """Insert, move, delete, cascade and truncate are all counted."""
    one, two = await _topic(connection), await _topic(connection)
    items = await _items(connection, 5)
    await connection.execute(LINK, one, items)
    await connection.execute(LINK, two, items[:2])
    assert await _counts(connection) == [5, 2]

    await connection.execute(
        "UPDATE topic_items SET topic_id = $2 WHERE topic_id = $1 AND item_id = $3",
        one,
        two,
        items[4],
    )
    assert await _counts(connection) == [4, 3]

    await connection.execute("UPDATE topic_items SET relevance = 0.9")
    assert await _counts(connection) == [4, 3]

    await connection.execute("DELETE FROM topic_items WHERE item_id = $1", items[4])
    assert await _counts(connection) == [4, 2]

    await connection.execute("DELETE FROM processed_items WHERE id = $1", items[0])
    assert await _counts(connection) == [3, 1]

    await connection.execute("DELETE FROM topics WHERE id = $1", two)
    assert await _counts(connection) == [3]

    await connection.execute("TRUNCATE topic_items")
    assert await _counts(connection) == [0]


async def test_writers_of_the_same_topics_do_not_deadlock(connection, migrated_url):
    """Statements that touch the same topics in opposite orders wait for one another."""
    topics = [await _topic(connection) for _ in range(40)]
    items = await _items(connection, 60)

    async def write(number):
        mine = topics if number % 2 else topics[::-1]
        other = await asyncpg.connect(migrated_url, timeout=10)
        try:
            for item in items[number::6]:
                rows = [(topic, item, 1, 0.5) for topic in mine]
                await other.copy_records_to_table("topic_items", records=rows)
        finally:
            await other.close(timeout=10)

    await asyncio.gather(*(write(number) for number in range(6)))
    assert await _counts(connection) == [60] * 40


async def test_updated_at_and_version_are_kept(connection):
    """A change moves `updated_at` and adds one to `version`, whatever the writer says."""
    trend = await connection.fetchval(TREND, await _topic(connection), 1, "viral", 1.0)
    read = "SELECT updated_at, version FROM trends WHERE id = $1"
    before = await connection.fetchrow(read, trend)
    await connection.execute("UPDATE trends SET title = 'b', version = 99 WHERE id = $1", trend)
    after = await connection.fetchrow(read, trend)
    assert after["updated_at"] > before["updated_at"]
    assert (before["version"], after["version"]) == (1, 2)


async def test_top_trends_are_refreshed_on_demand(connection):
    """The view holds living trends by score as of the last refresh, ranked per category."""
    topic = await _topic(connection)
    weak = await connection.fetchval(TREND, topic, 2, "sustained", 1.0)
    await connection.fetchval(TREND, topic, 3, "dead", 9.0)
    strong = await connection.fetchval(TREND, topic, 1, "emerging", 5.0)
    read = "SELECT id, category_rank FROM top_trends_today ORDER BY score DESC"
    assert await connection.fetch(read) == []

    await connection.fetchval("SELECT refresh_top_trends_today()")

    assert [tuple(row) for row in await connection.fetch(read)] == [(strong, 1), (weak, 2)]


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity", "-1"])
async def test_scores_are_numbers(connection, score):
    """NaN, the infinities and negative values do not get into a score."""
    topic = await _topic(connection)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(TREND, topic, 1, "viral", float(score))


@pytest.mark.parametrize("relevance", ["NaN", "1.01", "-0.1", "Infinity"])
async def test_relevance_lies_between_zero_and_one(connection, relevance):
    """A relevance outside its range is refused."""
    topic, (item,) = await _topic(connection), await _items(connection, 1)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "INSERT INTO topic_items VALUES ($1, $2, 1, $3)", topic, item, float(relevance)
        )


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            """INSERT INTO processed_items (source, source_id, title)
            VALUES ('rss', '1', 'a'), ('rss', '1', 'b')""",
            asyncpg.UniqueViolationError,
        ),
        (
            "INSERT INTO users (email, password_hash) VALUES ('a@b.example', 'secret')",
            asyncpg.CheckViolationError,
        ),
        (
            "INSERT INTO users (email, password_hash) VALUES ('A@b.example', '$argon2id$x')",
            asyncpg.CheckViolationError,
        ),
        (
            """INSERT INTO topics (title, category, last_updated, first_seen)
            VALUES ('a', 'science', 'infinity', '2025-01-01')""",
            asyncpg.CheckViolationError,
        ),
        (
            "INSERT INTO pipeline_runs (pipeline, errors) VALUES ('p', '{}')",
            asyncpg.CheckViolationError,
        ),
        (
            "INSERT INTO topics (title, category) VALUES ('a', 'cooking')",
            asyncpg.InvalidTextRepresentationError,
        ),
    ],
)
async def test_rows_that_make_no_sense_are_refused(connection, statement, error):
    """A repeated item, a plain password, an address in capitals, an endless time, a wrong label."""
    with pytest.raises(error):
        await connection.execute(statement)


async def test_search_finds_stems_with_the_title_first(connection):
    """`search` knows other forms of a word and ranks a title above a text."""
    await connection.execute(
        "INSERT INTO processed_items (source, source_id, title, content) VALUES "
        "('rss', '1', 'Weather', 'Someone was stealing passwords'), "
        "('rss', '2', 'Stolen passwords', 'Nothing else'), ('rss', '3', 'Weather', 'Rain')"
    )
    rows = await connection.fetch(
        "SELECT source_id FROM processed_items, to_tsquery('english', 'password') query "
        "WHERE search @@ query ORDER BY ts_rank(search, query) DESC"
    )
    assert [row["source_id"] for row in rows] == ["2", "1"]
