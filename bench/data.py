"""The data: the same rows on every run and every machine, drawn from a seeded generator.

10,000 trends on 1,000 topics, 50,000 items, and 100 items for each topic: each item lies in two
topics, and a topic's items are scattered over their table, as they are in life.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from resolvers.models import ItemSource, TrendCategory, TrendState

if TYPE_CHECKING:
    from collections.abc import Iterator

TRENDS = 10_000
TOPICS = 1_000
ITEMS = 50_000
ITEMS_PER_TOPIC = 100

Row: TypeAlias = tuple[Any, ...]

COLUMNS = {
    "topics": ("id", "title", "summary", "category", "language", "engagement_score"),
    "processed_items": ("id", "source", "source_id", "title", "content", "author", "language"),
    "trends": (
        "id",
        "topic_id",
        "rank",
        "title",
        "summary",
        "category",
        "state",
        "score",
        "item_count",
        "velocity",
        "first_seen",
        "last_updated",
    ),
    "topic_items": ("topic_id", "item_id", "position", "relevance"),
}
"""The tables in the order in which they are loaded, and the columns of the rows below."""

_START = datetime(2026, 1, 1, tzinfo=UTC)
_SCATTER = 7_919  # prime, so that multiples of it meet every item once before they repeat
_CATEGORIES = [category.value for category in TrendCategory]
_STATES = [state.value for state in TrendState]
_SOURCES = [source.value for source in ItemSource]
_WORDS = (  # noqa: SIM905 - a list literal would be a word to a line
    "agents market quiet sensor record orbit policy signal harvest museum battery vaccine "
    "harbour league court river memory winter engine border kernel garden budget archive "
    "island carbon bridge theatre summit protein market railway glacier station café "
    "naïve satellite union forest camera student desert village chip “open” source"
).split()


def rows(table: str) -> Iterator[Row]:
    """The rows of a table, in the order of `COLUMNS[table]`; the same on every call."""
    random = Random(table)  # noqa: S311 - repeatable, not secret
    return _ROWS[table](random)


def _text(random: Random, length: int) -> str:
    """Words up to about `length` characters."""
    words: list[str] = []
    size = 0
    while size < length:
        words.append(random.choice(_WORDS))
        size += len(words[-1]) + 1
    return " ".join(words).capitalize()


def _topics(random: Random) -> Iterator[Row]:
    for number in range(1, TOPICS + 1):
        yield (
            number,
            _text(random, 28),
            _text(random, 120),
            random.choice(_CATEGORIES),
            "en",
            round(random.uniform(0, 1000), 2),
        )


def _items(random: Random) -> Iterator[Row]:
    for number in range(1, ITEMS + 1):
        yield (
            number,
            random.choice(_SOURCES),
            f"item-{number}",
            _text(random, 38),
            _text(random, 300),
            f"author{random.randrange(5000)}",
            "en",
        )


def _trends(random: Random) -> Iterator[Row]:
    ranks = random.sample(range(1, TRENDS + 1), TRENDS)
    for number in range(1, TRENDS + 1):
        seen = _START + timedelta(minutes=random.randrange(200_000))
        yield (
            number,
            1 + number * _SCATTER % TOPICS,
            ranks[number - 1],
            _text(random, 28),
            _text(random, 76),
            random.choice(_CATEGORIES),
            random.choice(_STATES),
            round(random.uniform(0, 1000), 2),
            ITEMS_PER_TOPIC,
            round(random.uniform(-3, 3), 3),
            seen,
            seen + timedelta(minutes=random.randrange(20_000)),
        )


def _topic_items(random: Random) -> Iterator[Row]:
    for topic in range(1, TOPICS + 1):
        for position in range(1, ITEMS_PER_TOPIC + 1):
            place = (topic - 1) * ITEMS_PER_TOPIC + position
            item = 1 + place * _SCATTER % ITEMS
            yield topic, item, position, round(random.random(), 3)


_ROWS = {
    "topics": _topics,
    "processed_items": _items,
    "trends": _trends,
    "topic_items": _topic_items,
}
