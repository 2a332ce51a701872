"""The demo's data set as a whole: what it finds, how it is written, and that it is written once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from gateway.embedding.local import LocalEmbedder
from gateway.errors import ConfigurationError
from gateway.sources.postgres import migrate
from gateway.sources.qdrant import QdrantSource
from resolvers import demo
from resolvers.demo import people, rows
from resolvers.items import ITEM_SYNC
from resolvers.models import TrendState
from resolvers.trends import TREND_SYNC

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class Told(list):
    """A progress callback that keeps what it is told."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.append((stage, done, total))


class Remembering:
    """The local embedder; what it embedded once it knows by heart."""

    def __init__(self) -> None:
        self._local = LocalEmbedder()
        self._known: dict[str, list[float]] = {}
        self.model = self._local.model
        self.dimensions = self._local.dimensions
        self.max_chars = self._local.max_chars
        self.asked = 0

    async def embed(self, texts, deadline):
        self.asked += len(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, await self._local.embed(new, deadline), strict=True))
        return [self._known[text] for text in texts]

    def close(self) -> None:
        self._local.close()


@pytest.fixture(scope="module")
def embedder():
    embedder = Remembering()
    yield embedder
    embedder.close()


@pytest.fixture(scope="module")
async def dataset(embedder) -> demo.Dataset:
    return await demo.build(embedder, Told())


@pytest.fixture
async def database(fresh_database) -> str:
    url = await fresh_database()
    await migrate.upgrade(url, MIGRATIONS)
    return url


@pytest.fixture
async def connection(database):
    connection = await asyncpg.connect(database, timeout=10, command_timeout=60)
    yield connection
    await connection.close(timeout=10)


@pytest.fixture
async def store(qdrant_engines):
    urls = qdrant_engines.urls
    source = QdrantSource("vectors", urls.qdrant, grpc_port=urls.qdrant_grpc_port)
    await source.open()
    for each in (ITEM_SYNC, TREND_SYNC):  # other tests share the engine, and the names
        await source.administration.delete_collection(each.collection.name)
    yield source
    await source.close()


async def _nearest(embedder, texts, text, limit):
    *vectors, query = await embedder.embed([*texts, text], asyncio.get_running_loop().time() + 60)
    return np.argsort(-(np.array(vectors) @ np.array(query)), kind="stable")[:limit]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("steal passwords saved in a browser", "T1555.003"),
        ("encrypt files and demand a ransom", "T1486"),
        ("send an email with a malicious attachment", "T1566.001"),
        ("take pictures of the screen", "T1113"),
        ("mine cryptocurrency on somebody else's servers", "T1496.001"),
        ("delete backups so that nothing can be restored", "T1490"),
        ("guess passwords by trying many of them", "T1110"),
        ("listen through the microphone", "T1123"),
        ("spread through a USB stick", "T1091"),
    ],
)
async def test_plain_words_find_the_trend_and_its_items(dataset, embedder, text, code):
    """The expected technique's trend is among the first three, its usages among the first five."""
    texts = [f"{one.topic.title}. {one.topic.summary}" for one in dataset.trends]
    nearest = await _nearest(embedder, texts, text, 3)
    found = [one.code for at in nearest for one in dataset.trends[at].topic.techniques]
    assert code in found

    nearest = await _nearest(embedder, [one.usage.text.plain for one in dataset.items], text, 5)
    assert code in [dataset.items[at].usage.technique for at in nearest]


def test_there_is_enough_to_look_at(dataset):
    """Thousands of dated items with text, hundreds of trends, every state among them."""
    assert len(dataset.items) >= 5_000
    assert sum(item.usage.published is not None for item in dataset.items) >= 5_000
    assert len(dataset.trends) >= 300
    assert {trend.standing.state for trend in dataset.trends} == set(TrendState)
    assert min(len(item.usage.text.plain) for item in dataset.items) > 10
    assert all(topic.summary and topic.title for topic in dataset.topics)
    assert len({topic.title for topic in dataset.topics}) == len(dataset.topics)


def test_every_technique_and_item_has_one_home(dataset):
    """A technique is in one topic, an item in its technique's topic and at most one more."""
    techniques = Counter(one.code for topic in dataset.topics for one in topic.techniques)
    assert set(techniques.values()) == {1}
    homes = Counter(item for topic in dataset.topics for item, _ in topic.items)
    assert set(homes) == {item.id for item in dataset.items}
    assert set(homes.values()) == {1, 2}
    members = {topic.id: {item for item, _ in topic.items} for topic in dataset.topics}
    assert all(item.id in members[item.topic] for item in dataset.items)


def test_the_ranking_is_by_score(dataset):
    """Ranks run from one without a gap, the highest score first."""
    scores = [trend.standing.score for trend in dataset.trends]
    assert scores == sorted(scores, reverse=True)
    assert [trend.id for trend in dataset.trends] == list(range(1, len(scores) + 1))


def test_no_markup_is_left(dataset):
    """What people read has no links, citations or tags."""
    texts = [item.usage.text.plain for item in dataset.items]
    texts += [topic.summary for topic in dataset.topics]
    for mark in ("](", "(Citation", "<code>", "  "):
        assert not [text for text in texts if mark in text]


async def test_the_same_data_come_out_twice(dataset, embedder):
    """No clock and no chance take part."""
    again = await demo.build(embedder, Told())
    assert again.topics == dataset.topics
    assert again.items == dataset.items
    assert again.trends == dataset.trends


async def test_loading_writes_everything_once(connection, dataset):
    """All rows arrive, counts agree with the triggers', a second load does nothing."""
    told = Told()
    assert await demo.load(connection, dataset, told)
    counts = await rows.count(connection)
    assert (counts.items, counts.topics) == (len(dataset.items), len(dataset.topics))
    assert counts.trends == len(dataset.trends)
    total = counts.items + counts.topics + counts.trends + counts.memberships
    assert told[-1] == ("load", total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    owners = await connection.fetch("SELECT DISTINCT owner_id FROM trends")
    assert {row["owner_id"] for row in owners} == {desk.id for desk in people.DESKS}

    wrong = await connection.fetchval(
        "SELECT count(*) FROM trends JOIN topics ON topics.id = topic_id "
        "WHERE trends.item_count <> topics.item_count OR topics.item_count <> "
        "(SELECT count(*) FROM topic_items WHERE topic_items.topic_id = topics.id)"
    )
    assert wrong == 0
    assert await connection.fetchval("SELECT count(*) FROM top_trends_today") == 100

    before = await connection.fetchval("SELECT max(xmin::text::bigint) FROM processed_items")
    assert not await demo.load(connection, dataset, Told())
    after = await connection.fetchval("SELECT max(xmin::text::bigint) FROM processed_items")
    assert before == after
    runs = await connection.fetch("SELECT status, items_processed FROM pipeline_runs")
    assert [tuple(run) for run in runs] == [("succeeded", len(dataset.items))]


async def test_new_rows_follow_the_loaded_ones(connection, dataset):
    """The identity columns go on where the data set ends."""
    await demo.load(connection, dataset, Told())
    new = await connection.fetchval(
        "INSERT INTO processed_items (source, source_id, title) VALUES ('rss', '1', 'a') "
        "RETURNING id"
    )
    assert new == len(dataset.items) + 1


async def test_an_older_version_is_replaced(connection, dataset):
    """Rows of another version go, those of this one come, in one step."""
    await demo.load(connection, dataset, Told())
    await connection.execute(
        "UPDATE pipeline_runs SET metadata = jsonb_set(metadata, '{version}', '\"older\"')"
    )
    await connection.execute("DELETE FROM processed_items WHERE id > 100")
    assert await demo.load(connection, dataset, Told())
    assert (await rows.count(connection)).items == len(dataset.items)


async def test_a_load_that_fails_leaves_nothing_but_its_record(connection, dataset):
    """The rows are taken back; run and collector say what happened; the next load succeeds."""
    await connection.execute(
        "ALTER TABLE trends ADD CONSTRAINT in_the_way CHECK (rank < 50) NOT VALID"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await demo.load(connection, dataset, Told())
    assert await rows.count(connection) == rows.Counts(0, 0, 0, 0)
    run = await connection.fetchrow("SELECT status, errors FROM pipeline_runs")
    assert tuple(run) == ("failed", '["CheckViolationError"]')
    health = "SELECT status, error_count, consecutive_errors, success_count FROM plugin_health"
    assert tuple(await connection.fetchrow(health)) == ("failing", 1, 1, 0)

    await connection.execute("ALTER TABLE trends DROP CONSTRAINT in_the_way")
    assert await demo.load(connection, dataset, Told())
    assert tuple(await connection.fetchrow(health)) == ("healthy", 1, 0, 1)


async def test_somebody_elses_rows_are_not_touched(connection, dataset):
    """A database with rows of its own is refused, and keeps them."""
    await connection.execute("INSERT INTO topics (title, category) VALUES ('mine', 'science')")
    with pytest.raises(ConfigurationError, match="database of its own"):
        await demo.load(connection, dataset, Told())
    assert await connection.fetchval("SELECT title FROM topics") == "mine"


async def test_prepare_does_everything_and_then_nothing(fresh_database, embedder, dataset, store):
    """From an empty database to rows and points; the second time nothing is embedded or written."""
    url, told = await fresh_database(), Told()
    summary = await demo.prepare(url, embedder, store, told)
    assert summary.wrote_rows
    assert summary.wrote_vectors
    assert await store.administration.count(demo.ITEMS) == len(dataset.items)
    assert await store.administration.count(demo.TRENDS) == len(dataset.trends)
    ends = {stage: (done, total) for stage, done, total in told}
    assert all(done == total for done, total in ends.values())

    asked = embedder.asked
    again = await demo.prepare(url, embedder, store, Told())
    assert (again.wrote_rows, again.wrote_vectors) == (False, False)
    assert (again.counts, again.version) == (summary.counts, summary.version)
    assert embedder.asked == asked

    connection = await asyncpg.connect(url, timeout=10)
    known = await connection.fetch("SELECT name, status, point_count FROM collections ORDER BY id")
    recorded = await connection.fetchval(
        "SELECT count(*) FROM vector_metadata JOIN processed_items "
        "ON entity_type = 'processed_items' AND entity_id = processed_items.id::text "
        "AND content_hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')"
    )
    await connection.close()
    assert [tuple(row) for row in known] == [
        (demo.TRENDS, "ready", len(dataset.trends)),
        (demo.ITEMS, "ready", len(dataset.items)),
    ]
    assert recorded == len(dataset.items)
    ids = [one.id for one in dataset.items if one.usage.published][:5]
    found = await store.administration.run(lambda client: client.retrieve(demo.ITEMS, ids), None)
    assert all(set(ITEM_SYNC.payload) == set(one.payload) for one in found)

    await store.administration.delete_collection(demo.TRENDS)
    healed = await demo.prepare(url, embedder, store, Told())
    assert (healed.wrote_rows, healed.wrote_vectors) == (False, True)
    assert await store.administration.count(demo.TRENDS) == len(dataset.trends)
