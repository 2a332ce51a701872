"""How a vector search is fused with full text: the arguments, and which of the two is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import ArgumentsSpec
from gateway.schema.access.demands import demanded_by_page
from gateway.schema.columns.kinds import TEXT
from gateway.schema.lists.fulltext import MAX_WORDS
from gateway.schema.lists.shapes import PageShape

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from gateway.planning.variables import Variables
    from gateway.schema.access.demands import Demand
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.selection import Field

MAX_CANDIDATES = 1_000
MAX_K = 1_000
MAX_WEIGHT = 1_000.0


class Mode(StrEnum):
    """What a search goes by where it does not go by vectors alone."""

    TEXT = "TEXT"
    HYBRID = "HYBRID"

    @property
    def share(self) -> float:
        """The share of the words that a row must have more of.

        Beside vectors, which find what has none of the words, a row with few of them is noise.
        """
        return 0.5 if self is Mode.HYBRID else 0.0


@dataclass(frozen=True, slots=True)
class Fusion:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).

    A hit's score is the sum of `weight / (k + rank)` over the rankings it is in, ranks from 1, of
    which the first `candidates` count. `words` are what the full text is asked.
    """

    words: str
    vector: float
    text: float
    k: int
    candidates: int


class FusionSpec(ArgumentsSpec):
    """The mode of a search, and how its two rankings are fused."""

    def __init__(self, field: Field, entity: EntityInfo, catalog: Catalog) -> None:
        super().__init__(field)
        self._entity = entity
        self._catalog = catalog
        literal = self._arguments.literal
        self._plain = "mode" in literal and _mode(self._arguments.constant("mode")) is None

    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """See `Spec`; without a look at the arguments where the document says vectors alone."""
        return (None, ()) if self._plain else super().read(variables)

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """The mode as the shape, None for vectors alone; the fusion."""
        mode = _mode(values.get("mode"))
        if mode is None:
            return None, ()
        _check_company(mode, values)
        return mode, (_fusion(values),)

    def demands(self, shape: Mode | None) -> Iterator[Demand]:
        """What looking for words asks of the viewer: what a list's `search` asks."""
        if shape is not None:
            yield from demanded_by_page(self._catalog, self._entity, _WORDS_ALONE)


_WORDS_ALONE = PageShape(
    limit=1, bound=1, backward=False, after=None, before=None, where=None, order=(), search=True
)


def _mode(given: Any) -> Mode | None:
    """The mode, None for vectors alone."""
    name = getattr(given, "value", given)
    return Mode(name) if name in {mode.value for mode in Mode} else None


def _check_company(mode: Mode, values: Mapping[str, Any]) -> None:
    """Refuse what a ranking by words cannot do, rather than leave it out."""
    if values.get("text") is None:
        raise InputError.about("text", f"must be given with mode {mode}, which looks for its words")
    if values.get("sparse") is not None:
        raise InputError.about("sparse", f"is fused with vectors and does not go with mode {mode}")
    if values.get("filter") is not None:
        raise InputError.about(
            "filter", f"is on points alone and does not go with mode {mode}; use `where`"
        )
    if mode is Mode.TEXT and values.get("scoreThreshold") is not None:
        raise InputError.about(
            "scoreThreshold", "is for the scores of vectors, and mode TEXT has none"
        )


def _fusion(values: Mapping[str, Any]) -> Fusion:
    words = str(TEXT.bind(values["text"], "text"))
    if len(words) > MAX_WORDS:
        raise InputError.about(
            "text", f"must have at most {MAX_WORDS} characters where words are looked for"
        )
    weights = values.get("weights") or {}
    vector, text = (_weight(weights, name) for name in ("vector", "text"))
    if not vector + text:
        raise InputError.about("weights", "must not both be zero")
    candidates = _whole(values, "candidates", MAX_CANDIDATES)
    window = int(values.get("limit") or 0) + int(values.get("offset") or 0)
    if window > MAX_CANDIDATES:
        raise InputError.about("offset", f"and `limit` must be at most {MAX_CANDIDATES} together")
    k = _whole(values, "rrfK", MAX_K)
    return Fusion(words, vector, text, k, max(candidates, window))


def _weight(weights: Mapping[str, Any], name: str) -> float:
    value = weights.get(name)
    number = 1.0 if value is None else float(value)
    if not (math.isfinite(number) and 0 <= number <= MAX_WEIGHT):
        raise InputError.about(f"weights.{name}", f"must be from 0 to {MAX_WEIGHT:g}")
    return number


def _whole(values: Mapping[str, Any], name: str, most: int) -> int:
    value = int(values[name])
    if not 1 <= value <= most:
        raise InputError.about(name, f"must be from 1 to {most}")
    return value
