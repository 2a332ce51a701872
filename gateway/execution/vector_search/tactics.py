"""Which way a narrowed vector search goes, and why. Holds estimates; asks nobody itself.

Rows first costs about the rows that may be hits, vectors first about the vectors that must be
looked at until enough of them may be: as many as are wanted, divided by the share of such rows.
Where both cost the same lies the threshold, `√(RATIO · wanted · all rows)`. The figures that RATIO
was measured by are in `docs/decisions/narrowing.md`.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gateway.execution.groups.identity import identity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator

RATIO = 50.0
"""What looking at a vector costs, in terms of looking at a row."""
FARTHEST = 4_096
"""How far into a ranking vectors first goes."""
GROWTH = 8
"""By how much an attempt goes further than the one before it."""
FEWEST = 32
"""Hits that the first attempt asks for at least."""
SMALL = 20_000
"""Vectors that are quicker compared one by one than found by a graph."""
MOST_NAMED = 20_000
"""Points that the questions of one engine call name together."""
REMEMBERED = 1_024
"""Estimates kept."""
SECONDS = 30.0
"""How long an estimate is kept: a wrong one costs time, and never changes an answer."""


class Way(StrEnum):
    """How a narrowed search is run."""

    ROWS_FIRST = "rows first"
    VECTORS_FIRST = "vectors first"


@dataclass(frozen=True, slots=True)
class Choice:
    """The way to begin with, and the figures it hangs on: rows that may be hits, of all rows."""

    way: Way
    rows: float = 0.0
    whole: float = 0.0
    threshold: float = 0.0
    estimated: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far into the ranking, and whether by every vector's true distance."""

    count: int
    exact: bool


class Tactics:
    """The choices of all requests of a process.

    `forced` is a way that every search begins with, whatever the estimates; `farthest` is as the
    constant.
    """

    def __init__(self, *, forced: Way | None = None, farthest: int = FARTHEST) -> None:
        self.forced = forced
        self.farthest = farthest
        self._estimates: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def choose(self, rows: float, whole: float, wanted: int, portion: int) -> Choice:
        """The cheaper way to `wanted` hits, where `rows` of `whole` may be hits.

        More than a `portion` of rows is never the first way.
        """
        even = math.sqrt(RATIO * max(1, wanted) * max(whole, 1.0))
        threshold = min(even, float(portion))
        way = Way.ROWS_FIRST if rows <= threshold else Way.VECTORS_FIRST
        return Choice(way, rows, max(whole, rows), threshold)

    def settled(self) -> Choice:
        """The choice of `forced`."""
        return Choice(self.forced or Way.ROWS_FIRST, estimated=False)

    def attempts(self, choice: Choice, wanted: int) -> Iterator[Attempt]:
        """How far vectors first goes, attempt by attempt.

        The first is meant to be enough where rows and vectors have nothing to do with each other.
        """
        share = choice.rows / choice.whole if choice.rows and choice.whole else 1.0
        count = max(FEWEST, math.ceil(1.5 * wanted / share) + 8)
        exact = choice.whole <= SMALL
        while count < self.farthest:
            yield Attempt(count, exact)
            count, exact = count * GROWTH, True
        yield Attempt(max(self.farthest, wanted), exact=True)

    async def remembered(
        self, of: Any, arguments: tuple[Any, ...], ask: Callable[[], Awaitable[float]]
    ) -> float:
        """The estimate of a statement with these arguments: as it was a moment ago, or asked."""
        key = (of, identity(arguments))
        now = time.monotonic()
        known = self._estimates.get(key)
        if known is not None and now - known[1] < SECONDS:
            return known[0]
        value = await ask()
        self._estimates[key] = (value, now)
        self._estimates.move_to_end(key)
        if len(self._estimates) > REMEMBERED:
            self._estimates.popitem(last=False)
        return value


class Trace:
    """What narrowed searches of one request did: a line of figures for each, where `wanted`."""

    __slots__ = ("lines", "wanted")

    def __init__(self, *, wanted: bool = True) -> None:
        self.lines: list[dict[str, Any]] = []
        self.wanted = wanted

    def record(self, path: str, choice: Choice, way: Way, **figures: int) -> None:
        """Note the way a search took in the end; `figures` count what was looked at."""
        if not self.wanted:
            return
        line: dict[str, Any] = {"path": path, "way": way.value}
        if choice.estimated:
            line |= {
                "estimatedRows": round(choice.rows),
                "wholeRows": round(choice.whole),
                "threshold": round(choice.threshold),
            }
        self.lines.append(line | figures)


NO_TRACE = Trace(wanted=False)
