"""Clusters techniques into topics by what is said of their use. Pure numpy, deterministic.

1. A technique's vector is the mean of its own description's vector and the mean vector of its
   usages, both of length 1.
2. All vectors are *centred*: the mean of all techniques is taken away and the length set to 1
   again. What every text here has in common ("has used … to …") no longer counts as likeness.
3. Techniques are merged by agglomerative clustering with average linkage: the two clusters whose
   members are most alike on average become one, until no pair reaches `MERGE_AT`.
4. A topic's vector is the mean of its usages' centred vectors. A usage belongs to the topic of its
   technique; it belongs to a second one too where that topic's vector is nearer to it by
   `SECOND_MARGIN`. Its relevance is the cosine of the two vectors, never below 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Numbers: TypeAlias = NDArray[np.int64]

MERGE_AT = 0.65
SECOND_AT = 0.6
SECOND_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class Clusters:
    """`members[t]` are the techniques of topic t; a usage's topics are rows of `memberships`.

    A membership is (topic, usage, relevance); those of one topic stand together, the most relevant
    first.
    """

    members: tuple[tuple[int, ...], ...]
    memberships: tuple[tuple[int, int, float], ...]


def cluster(descriptions: Vectors, usages: Vectors, technique_of: Numbers) -> Clusters:
    """Make topics of the techniques that have usages.

    `descriptions` holds a vector per technique, `usages` one per usage, `technique_of` the number
    of each usage's technique.
    """
    used = np.unique(technique_of)
    slot = np.full(len(descriptions), -1)
    slot[used] = np.arange(len(used))
    means = _unit(_sums(usages, slot[technique_of], len(used)))
    vectors = _unit(means + _unit(descriptions[used]))
    centre = vectors.mean(axis=0)

    groups = agglomerate(_unit(vectors - centre), MERGE_AT)
    topic_of_slot = np.empty(len(used), dtype=np.int64)
    for topic, group in enumerate(groups):
        topic_of_slot[list(group)] = topic
    members = tuple(tuple(int(used[one]) for one in group) for group in groups)
    own = topic_of_slot[slot[technique_of]]
    return Clusters(members, _memberships(_unit(usages - centre), own, len(groups)))


def agglomerate(vectors: Vectors, threshold: float) -> tuple[tuple[int, ...], ...]:
    """Merge vectors of length 1 by average linkage while two clusters reach `threshold`.

    Gives the clusters in the order of their first members, the members ascending.
    """
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    groups: dict[int, list[int]] = {number: [number] for number in range(len(vectors))}
    while len(groups) > 1:
        keep, gone = sorted(int(at) for at in np.unravel_index(likeness.argmax(), likeness.shape))
        if likeness[keep, gone] < threshold:
            break
        mine, theirs = len(groups[keep]), len(groups[gone])
        merged = (likeness[keep] * mine + likeness[gone] * theirs) / (mine + theirs)
        merged[keep] = -np.inf
        likeness[keep], likeness[:, keep] = merged, merged
        likeness[gone], likeness[:, gone] = -np.inf, -np.inf
        groups[keep] += groups.pop(gone)
    return tuple(tuple(sorted(group)) for _, group in sorted(groups.items()))


def _memberships(usages: Vectors, own: Numbers, topics: int) -> tuple[tuple[int, int, float], ...]:
    centroids = _unit(_sums(usages, own, topics))
    likeness = usages @ centroids.T
    every = np.arange(len(usages))
    mine = likeness[every, own]
    others = likeness.copy()
    others[every, own] = -np.inf
    second = others.argmax(axis=1)
    theirs = others[every, second]
    nearer = (theirs >= SECOND_AT) & (theirs >= mine + SECOND_MARGIN)
    found = [(int(own[n]), int(n), _relevance(mine[n])) for n in every]
    found += [(int(second[n]), int(n), _relevance(theirs[n])) for n in every[nearer]]
    return tuple(sorted(found, key=lambda one: (one[0], -one[2], one[1])))


def _relevance(cosine: float) -> float:
    # Rounded, so that the last bits of a sum, which depend on the processor, do not show.
    return round(min(max(float(cosine), 0.0), 1.0), 4)


def _sums(vectors: Vectors, labels: Numbers, count: int) -> Vectors:
    sums = np.zeros((count, vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, labels, vectors)
    return sums.astype(np.float32)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return unit
