"""Makes the demo's rows and vectors out of ATT&CK: read, embed, cluster, rank, describe.

Deterministic: the same package and model give the same rows in the same order, and "now" is the
day ATT&CK was released.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from resolvers.demo import attack, rank, words
from resolvers.demo.cluster import Clusters, Vectors, cluster
from resolvers.demo.texts import whole_sentences
from resolvers.models import TrendCategory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gateway.embedding.contract import Embedder

TRENDS = "trend_embeddings"
"""The collection of the trends' vectors."""

ITEMS = "item_embeddings"
"""The collection of the items' vectors."""

EMBED_SECONDS = 300.0
"""The longest that embedding all texts may take."""

_CHUNK = 1_000
_QUOTED = 3


class Progress(Protocol):
    """Whoever is told how far the preparation has come."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of `stage` are done; called from the event loop."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A cluster of techniques; `standing` is None when none of its usages is dated."""

    id: int
    title: str
    summary: str
    category: TrendCategory
    keywords: tuple[str, ...]
    techniques: tuple[attack.Technique, ...]
    users: int
    references: int
    items: tuple[tuple[int, float], ...]
    standing: rank.Standing | None


@dataclass(frozen=True, slots=True)
class Item:
    """A usage with its number, its heading and the category of its topic."""

    id: int
    title: str
    category: TrendCategory
    topic: int
    usage: attack.Usage


@dataclass(frozen=True, slots=True)
class Trend:
    """A ranked topic; its number is its rank."""

    id: int
    topic: Topic
    standing: rank.Standing


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything the demo shows; `model` is the one whose vectors the topics follow from."""

    released: datetime
    model: str
    topics: tuple[Topic, ...]
    items: tuple[Item, ...]
    trends: tuple[Trend, ...]


async def build(embedder: Embedder, progress: Progress) -> Dataset:
    """Make the data set; some seconds, most of them embedding.

    Raises `ConfigurationError` where the packages of the extra `demo` are missing, and what the
    embedder raises.
    """
    progress("read", 0, 1)
    data = await asyncio.to_thread(attack.read)
    progress("read", 1, 1)

    described = [f"{one.name}. {one.description.plain}" for one in data.techniques]
    said = [usage.text.plain for usage in data.usages]
    vectors = await _embedded(embedder, [*described, *said], progress)
    descriptions, usages = vectors[: len(described)], vectors[len(described) :]

    progress("cluster", 0, 1)
    topics, items, trends = await asyncio.to_thread(_derive, data, descriptions, usages)
    progress("cluster", 1, 1)
    return Dataset(data.released, embedder.model, topics, items, trends)


async def _embedded(embedder: Embedder, texts: Sequence[str], progress: Progress) -> Vectors:
    deadline = asyncio.get_running_loop().time() + EMBED_SECONDS
    vectors = np.empty((len(texts), embedder.dimensions), dtype=np.float32)
    for start in range(0, len(texts), _CHUNK):
        progress("embed", start, len(texts))
        chunk = texts[start : start + _CHUNK]
        vectors[start : start + len(chunk)] = await embedder.embed(chunk, deadline)
    progress("embed", len(texts), len(texts))
    return vectors


def _derive(
    data: attack.Attack, descriptions: Vectors, usages: Vectors
) -> tuple[tuple[Topic, ...], tuple[Item, ...], tuple[Trend, ...]]:
    number = {technique.code: at for at, technique in enumerate(data.techniques)}
    technique_of = np.array([number[usage.technique] for usage in data.usages])
    clusters = cluster(descriptions, usages, technique_of)
    topics = _topics(data, clusters, Counter(technique_of.tolist()))
    topic_of = {one.code: topic for topic in topics for one in topic.techniques}
    items = []
    for at, usage in enumerate(data.usages, 1):
        topic = topic_of[usage.technique]
        name = data.techniques[number[usage.technique]].name
        items.append(Item(at, f"{usage.user} uses {name}", topic.category, topic.id, usage))
    return topics, tuple(items), _trends(topics)


def _trends(topics: Sequence[Topic]) -> tuple[Trend, ...]:
    standing = {topic.id: topic.standing for topic in topics if topic.standing}
    by_score = sorted(standing, key=lambda number: (-standing[number].score, number))
    by_id = {topic.id: topic for topic in topics}
    return tuple(
        Trend(place, by_id[number], standing[number]) for place, number in enumerate(by_score, 1)
    )


def _topics(data: attack.Attack, clusters: Clusters, used: Mapping[int, int]) -> tuple[Topic, ...]:
    content: dict[int, list[tuple[int, float]]] = {}
    for topic, usage, relevance in clusters.memberships:
        content.setdefault(topic, []).append((usage, relevance))
    usages = {topic: [data.usages[at] for at, _ in found] for topic, found in content.items()}
    dated = {topic: _dated(data, found) for topic, found in content.items()}
    standing = rank.standings(dated, data.released)
    keywords = words.keywords(
        {topic: [(one.user, one.text.plain) for one in found] for topic, found in usages.items()},
        {usage.user for usage in data.usages},
    )
    members = [
        sorted(group, key=lambda at: (-used[at], data.techniques[at].code))
        for group in clusters.members
    ]
    title = _titles([data.techniques[group[0]] for group in members], data.techniques)
    return tuple(
        Topic(
            id=topic + 1,
            title=title[topic],
            summary=_summary(data.techniques[group[0]], usages[topic]),
            category=_category([data.techniques[at] for at in group], [used[at] for at in group]),
            keywords=tuple(keywords[topic]),
            techniques=tuple(data.techniques[at] for at in group),
            users=len({usage.user for usage in usages[topic]}),
            references=len({name for one in usages[topic] for name in one.text.citations}),
            items=tuple((at + 1, relevance) for at, relevance in content[topic]),
            standing=standing.get(topic),
        )
        for topic, group in enumerate(members)
    )


def _dated(data: attack.Attack, content: Sequence[tuple[int, float]]) -> list[rank.Dated]:
    found = ((data.usages[at], relevance) for at, relevance in content)
    return [
        rank.Dated(usage.published.moment, relevance, len(usage.text.citations))
        for usage, relevance in found
        if usage.published
    ]


def _titles(leads: Sequence[attack.Technique], known: Sequence[attack.Technique]) -> list[str]:
    """The names of the topics' most used techniques; a name that is not unique gets its parent."""
    names = {technique.code: technique.name for technique in known}
    times = Counter(lead.name for lead in leads)
    return [
        f"{lead.name} ({names[lead.parent]})" if times[lead.name] > 1 and lead.parent else lead.name
        for lead in leads
    ]


def _summary(lead: attack.Technique, usages: Sequence[attack.Usage]) -> str:
    """What ATT&CK says of the technique, then its most relevant whole usages by different users."""
    quoted: dict[str, str] = {}
    for usage in usages:
        if len(quoted) == _QUOTED:
            break
        if not usage.text.cut:
            quoted.setdefault(usage.user, usage.text.plain)
    return " ".join([whole_sentences(lead.description.plain), *quoted.values()])


def _category(techniques: Sequence[attack.Technique], used: Sequence[int]) -> TrendCategory:
    """The tactic that most usages serve; of equals the one that ATT&CK names first."""
    weights: Counter[str] = Counter()
    for technique, count in zip(techniques, used, strict=True):
        for tactic in technique.tactics:
            weights[tactic] += count
    return TrendCategory(max(weights, key=lambda tactic: weights[tactic]))
