"""How good a ranking is, against judged queries. Pure.

The measures are the usual ones of information retrieval (Manning, Raghavan, Schütze:
Introduction to Information Retrieval, chapter 8), with the gain `2^grade - 1` in nDCG.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind: TypeAlias = Literal["plain", "named"]

JUDGED = Path(__file__).with_name("quality_judged.toml")
DEPTH = 10
"""How far into a ranking all measures look."""

EXACT, RELATED = 2, 1


@dataclass(frozen=True, slots=True)
class Judged:
    """A query and what a person would want to find: grades by the code of an ATT&CK technique."""

    text: str
    kind: Kind
    grades: Mapping[str, int]

    def of_trends(self, techniques: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Grades by trend; `techniques` are the codes that went into each trend.

        A trend has the best grade of its techniques; one without a grade is left out.
        """
        graded = {
            trend: max((self.grades.get(code, 0) for code in codes), default=0)
            for trend, codes in techniques.items()
        }
        return {trend: grade for trend, grade in graded.items() if grade}


@dataclass(frozen=True, slots=True)
class Score:
    """How good one ranking is, or several on average: each from 0 to 1, more is better.

    `recall`: of the graded ones (at most ten of them) how many are among the first ten; `mrr`: one
    over the rank of the first exact one; `ndcg`: gain by grade, discounted by rank, as a share of
    the best order there is.
    """

    recall: float
    mrr: float
    ndcg: float


def judged(path: Path = JUDGED) -> tuple[Judged, ...]:
    """The judged queries, as they stand in the file."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Judged(
            one["text"],
            cast("Kind", one["kind"]),
            {
                **dict.fromkeys(one["related"], RELATED),
                **dict.fromkeys(one["exact"], EXACT),
            },
        )
        for one in content["query"]
    )


def score(ranking: Sequence[str], grades: Mapping[str, int]) -> Score:
    """Measure one ranking, best first. Raises `ValueError` where nothing is graded `EXACT`."""
    if EXACT not in grades.values():
        raise ValueError("a query needs something that is exactly what it asks for")
    first = [grades.get(one, 0) for one in ranking[:DEPTH]]
    found = sum(1 for grade in first if grade)
    rank = next((rank for rank, grade in enumerate(first, 1) if grade == EXACT), None)
    ideal = sorted(grades.values(), reverse=True)[:DEPTH]
    return Score(
        recall=found / len(ideal),
        mrr=0.0 if rank is None else 1 / rank,
        ndcg=_gain(first) / _gain(ideal),
    )


def mean(scores: Sequence[Score]) -> Score:
    """The average of several, each query counting alike."""
    return Score(
        recall=fmean(one.recall for one in scores),
        mrr=fmean(one.mrr for one in scores),
        ndcg=fmean(one.ndcg for one in scores),
    )


def agreement(
    exact: Sequence[tuple[int, float]], found: Sequence[tuple[int, float]], tolerance: float = 1e-6
) -> float:
    """Which share of an exact ranking an approximate one found; both (id, score), best first.

    What scores as well as the last of the exact ones, within `tolerance`, counts as found: which
    of several equal ones is shown is chance.
    """
    ids, least = {one for one, _ in exact}, exact[-1][1] - tolerance
    right = sum(1 for one, scored in found if one in ids or scored >= least)
    return min(right, len(exact)) / len(exact)


def _gain(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))
