"""Ranks topics as trends by when their usages were reported. Pure, without a clock of its own.

"Now" is the day the data set was released. Only dated usages count.

*Score*: each usage weighs its relevance, halved for every two years of its age; the score is their
sum. *Velocity*: the topic's share of all usages in the latest two years against its share in the
two years before, in doublings: +1 is twice the share, -1 half of it. Because the share is
compared, and not the count, a year in which little was recorded at all makes nothing decline. Both
shares are drawn towards the topic's share of all times by `CALM` usages, so that few reports do not
make a storm. *State*: see `_state`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from resolvers.models import TrendState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HALF_LIFE = timedelta(days=730)
PERIOD = timedelta(days=730)
CALM = 4.0
DEAD_AFTER = timedelta(days=3 * 365)
NEW_WITHIN = timedelta(days=4 * 365)
FAST = 0.6
MANY = 10


@dataclass(frozen=True, slots=True)
class Dated:
    """One usage of a topic: when it was reported, how relevant it is, in how many reports."""

    published: datetime
    relevance: float
    references: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a topic stands; `engagement` weighs its reports as the score weighs its usages."""

    score: float
    engagement: float
    velocity: float
    state: TrendState
    first_seen: datetime
    last_updated: datetime


def standings(topics: Mapping[int, Sequence[Dated]], now: datetime) -> dict[int, Standing]:
    """The standing of each topic that has a dated usage, by the topic's number."""
    totals: Counter[int] = Counter()
    for usages in topics.values():
        totals += _per_period(usages, now)
    everything = sum(len(usages) for usages in topics.values())
    return {
        topic: _standing(usages, totals, everything, now)
        for topic, usages in topics.items()
        if usages
    }


def _standing(
    usages: Sequence[Dated], totals: Counter[int], everything: int, now: datetime
) -> Standing:
    weights = [0.5 ** ((now - usage.published) / HALF_LIFE) for usage in usages]
    score = sum(w * usage.relevance for w, usage in zip(weights, usages, strict=True))
    engagement = sum(w * usage.references for w, usage in zip(weights, usages, strict=True))
    velocity = _velocity(_per_period(usages, now), totals, len(usages) / everything)
    first = min(usage.published for usage in usages)
    last = max(usage.published for usage in usages)
    recent = sum(1 for usage in usages if now - usage.published <= PERIOD)
    state = _state(now - first, now - last, recent, velocity)
    return Standing(round(score, 4), round(engagement, 4), round(velocity, 4), state, first, last)


def _per_period(usages: Sequence[Dated], now: datetime) -> Counter[int]:
    """How many usages fall into the latest period (0), the one before (1), and so on."""
    return Counter((now - usage.published) // PERIOD for usage in usages)


def _velocity(counts: Counter[int], totals: Counter[int], share: float) -> float:
    def ratio(period: int) -> float:
        return (counts[period] + CALM) / (totals[period] * share + CALM)

    return math.log2(ratio(0) / ratio(1))


def _state(age: timedelta, silence: timedelta, recent: int, velocity: float) -> TrendState:
    """Dead: no report for three years. Emerging: the first report is at most four years old.

    Viral: its share grows fast and rests on ten recent reports. Declining: its share falls as
    fast. Sustained: everything else.
    """
    if silence > DEAD_AFTER:
        return TrendState.DEAD
    if age <= NEW_WITHIN:
        return TrendState.EMERGING
    if velocity >= FAST and recent >= MANY:
        return TrendState.VIRAL
    if velocity <= -FAST:
        return TrendState.DECLINING
    return TrendState.SUSTAINED
