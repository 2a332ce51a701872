"""Finds the words that single a topic out among all topics. Pure, deterministic.

The weight of a word in a topic is its frequency there times the logarithm of how rare it is
everywhere (class-based tf-idf). Words of names (of groups, campaigns, malware, tools) are left
out, and so is a word that fewer than two of them share: it would tell who, not what.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORD = re.compile(r"[a-z][a-z0-9]+(?:[-'][a-z0-9]+)*")
_COMMON_WORDS = """
    able about access across actors adversaries adversary after all also among and any are
    as associated attempt attempted attempts based be been before between both but by can
    capability command commands compromised contains could data different during each either
    execute executed execution feature file files first following for from function
    functions gain gather general had has have host if in including into is it its large
    later leverage leveraged made make malicious malware many may module more multiple name
    new not numerous of on once one only operation operations or order other over perform
    performed previously process provide recorded run running several similar specific
    specified such system systems target targeted targets than that the their them then
    these they this those threat through to tool tools two under upon use used uses using
    utilize utilized utilizes variant various version via victim victim's victims was well
    were when where which while will with within without would
"""
_COMMON = frozenset(_COMMON_WORDS.split())

Sentence = tuple[str, str]
"""Who, and what is said of them."""


def keywords(
    topics: Mapping[int, Sequence[Sentence]], names: Iterable[str], limit: int = 8
) -> dict[int, list[str]]:
    """The strongest words of each topic, at most `limit`; `names` are the names to leave out."""
    left_out = _COMMON | {word for name in names for word in words(name)}
    counts = {topic: _counts(sentences, left_out) for topic, sentences in topics.items()}
    everywhere: Counter[str] = Counter()
    for found in counts.values():
        everywhere.update(found)
    average = sum(everywhere.values()) / max(1, len(counts))
    return {topic: _strongest(found, everywhere, average, limit) for topic, found in counts.items()}


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order."""
    return _WORD.findall(text.lower())


def _counts(sentences: Sequence[Sentence], left_out: frozenset[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    users: dict[str, set[str]] = defaultdict(set)
    for user, text in sentences:
        for word in words(text):
            if word not in left_out:
                counts[word] += 1
                users[word].add(user)
    return Counter({word: count for word, count in counts.items() if len(users[word]) > 1})


def _strongest(
    found: Counter[str], everywhere: Counter[str], average: float, limit: int
) -> list[str]:
    def weight(word: str) -> float:
        return found[word] * math.log(1 + average / everywhere[word])

    return sorted(found, key=lambda word: (-weight(word), word))[:limit]
