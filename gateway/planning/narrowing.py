"""Vector searches that rows take part in: narrowed by a `where` or a row rule, fused with words.

A `Ranked` carries every branch such a search may take; which one is taken hangs on values, so the
execution asks the source for an estimate. A list may in turn be narrowed to a search's hits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gateway.planning.arguments import ArgumentsSpec
from gateway.planning.hybrid import Mode
from gateway.schema import asks
from gateway.schema.access.demands import demanded_by_where
from gateway.schema.access.rules import CONSTANT_SPEC, VIEWER_SPEC
from gateway.schema.lists.shapes import Conditions
from gateway.schema.vectors.keys import KEYS
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from gateway.errors import PlaitError
    from gateway.planning.hybrid import Fusion
    from gateway.planning.registry import Registry
    from gateway.planning.steps import Step
    from gateway.schema.access.demands import Demand
    from gateway.schema.bindings import Vectors
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.lists.shapes import WhereShape
    from gateway.schema.selection import Field
    from gateway.sources.contract import Bound, MatchingRows, Prepared

    class Rankings(Protocol):
        """The requests a vector search is made of, and the arguments of each.

        `ranking` and `details` give hits as rows `[id, score, key, shown]`; what they show of
        payload and vectors is in `details` alone, where anything of it is `shown`. `hits` is the
        whole as one request, `target` gives the vector of a search by text, `stored` the rows of
        points by their ids. A wish is the source's one value of a field's arguments.
        """

        hits: Prepared
        ranking: Prepared
        details: Prepared
        target: Prepared
        stored: Prepared
        shown: bool

        def window(self, wish: Any) -> tuple[int, int]:
            """How many hits to leave out at the beginning, and how many are wanted then."""

        def by_text(self, wish: Any) -> str | None:
            """The text of a search, None where it is by something else."""

        def named(self, wish: Any) -> Any | None:
            """The argument of `stored` for the points that a search is near to; None without."""

        def absent(self, wish: Any) -> PlaitError:
            """What a search near to a point that is not stored is answered."""

        def sides(self, wish: Any) -> Sequence[tuple[Any, int]]:
            """The rankings that a search near a vector fuses, and how far; none where it is one."""

        def at(self, wish: Any, vector: bytes) -> Any:
            """The same search by the vector that `target` gave."""

        def first(self, wish: Any, count: int, *, exact: bool) -> Any:
            """The first `count` hits; `exact`: by every vector's true distance."""

        def among(
            self, wish: Any, keys: Sequence[Any], ids: Sequence[Any] = (), count: int | None = None
        ) -> Any:
            """Hits among the rows with these keys and the points with these ids, exactly.

            The field's window of them, or the first `count`.
            """


class WhereSpec(ArgumentsSpec):
    """The `where` of a vector search; its shape is None where there is none."""

    def __init__(self, field: Field, entity: EntityInfo, catalog: Catalog) -> None:
        super().__init__(field, only=("where",))
        self._entity = entity
        self._catalog = catalog

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """The shape, and the values in its order."""
        where = values.get("where")
        if not where:
            return None, ()
        conditions = Conditions(self._catalog)
        shape = conditions.where(self._entity, where)
        return shape, tuple(conditions.values)

    def demands(self, shape: WhereShape | None) -> Iterator[Demand]:
        """What the condition asks of the viewer."""
        if shape is not None:
            yield from demanded_by_where(self._catalog, self._entity, shape, "where")


@dataclass(frozen=True, slots=True, eq=False)
class RowSide:
    """The rows that may be among the hits.

    `spec` is the reader of their `where`, None where there can be none. `visible` says which rows
    of given keys the entity's row rule shows, None where it has no rule.
    """

    rows: MatchingRows
    spec: int | None
    visible: Bound | None = None

    @property
    def source(self) -> str:
        """The source that has the rows."""
        return self.rows.keys.source

    def arguments(self, of: Bound, values: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
        """The arguments of one of the statements, less what the execution gives."""
        where = () if self.spec is None else values[self.spec]
        return bound(of, {1: where, VIEWER_SPEC: values[VIEWER_SPEC]})


@dataclass(frozen=True, slots=True, eq=False)
class WordSide:
    """The full-text ranking of a search in a `mode` with words, which the reader `fusion` gives."""

    ranking: Bound
    spec: int
    mode: Mode
    fusion: int

    def asked(self, values: tuple[tuple[Any, ...], ...]) -> Fusion:
        """The words, and how what they find is fused."""
        found: Fusion = values[self.fusion][0]
        return found

    def arguments(self, values: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
        """The arguments of the ranking."""
        asked = self.asked(values)
        given = (asked.words, self.mode.share, asked.candidates)
        readers = {0: given, 1: values[self.spec], VIEWER_SPEC: values[VIEWER_SPEC]}
        return bound(self.ranking, readers)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A vector search that takes more than its one request.

    `rows` narrow it, `words` are fused with it; `hit` is what the hits show, `sides` whether that
    tells how they were found. `key` names the kind of the rows' key. `narrows` says that a list
    takes the rows of its hits.
    """

    rankings: Rankings
    hit: asks.VectorRead
    key: str
    sides: bool = False
    rows: RowSide | None = None
    words: WordSide | None = None
    narrows: bool = False

    def native(self, key: Any) -> Any:
        """What a row's key, as JSON has it, is bound as; None for one that no row can have."""
        return KEYS[self.key](key)


def branches_of(
    sources: Registry, step: Step, native: Any, shapes: tuple[Hashable, ...]
) -> Ranked | None:
    """The vector search behind a step, where it is more than its one request `native`."""
    if step.ranking is not None:
        return ranked(sources, step.ranking, native, shapes)
    if step.near is not None and isinstance(step.ask, asks.Connection):
        shape: Any = shapes[step.ask.spec]
        return near(sources, step.near, step.ask.entity) if shape.near else None
    return None


def near(sources: Registry, binding: Vectors, entity: EntityInfo) -> Ranked:
    """The vector search that narrows a list to the rows of its hits.

    Of an entity with a row rule only rows that the viewer sees are searched.
    """
    hits = asks.VectorRead(Reading.SEARCH, binding.collection, ())
    native, _ = sources.prepare(Reading.SEARCH, binding.source, hits, {0: ()})
    rows = None
    if entity.rule is not None:
        seen = sources.row_source(entity.source).prepare_matching(entity, None)
        rows = RowSide(seen, None, seen.which)
    key = entity.key[0].kind.name
    return Ranked(sources.rankings(native), hits, key, rows=rows, narrows=True)


def bound(of: Bound, readers: Mapping[int, tuple[Any, ...]]) -> tuple[Any, ...]:
    """The arguments of a request from what its readers gave, and its own constants."""
    return tuple(
        [
            of.constants[index] if spec == CONSTANT_SPEC else readers[spec][index]
            for spec, index in of.slots
        ]
    )


def branches(
    ranked: Ranked, describe: Callable[[Any], Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The ways a search may go, for people: what rows are asked on each, by its name."""
    shown: dict[str, dict[str, Any]] = {}
    if ranked.narrows:
        search = ranked.rankings.ranking
        shown["near"] = {"source": search.source, **describe(search)}
    if ranked.rows is not None:
        rows = ranked.rows.rows
        shown |= {
            "estimate": {"source": rows.keys.source, **describe(rows.estimate)},
            "rows first": {"source": rows.keys.source, **describe(rows.keys)},
            "vectors first": {"source": rows.keys.source, **describe(rows.which)},
        }
    if ranked.words is not None:
        words = ranked.words.ranking
        shown["by words"] = {"source": words.source, **describe(words)}
    return shown


def ranking_identity(
    ranked: Ranked, describe: Callable[[Any], Mapping[str, Any]]
) -> tuple[Any, ...]:
    """What tells a search from others with the same one request, beside its arguments."""
    mode = None if ranked.words is None else ranked.words.mode
    return branches(ranked, describe), mode, ranked.sides, repr(ranked.hit)


def ranked(
    sources: Registry, wish: asks.Ranking, native: Any, shapes: tuple[Hashable, ...]
) -> Ranked | None:
    """The branches of a vector search, whose one request is `native`; None for that alone.

    A row rule narrows every search of the entity: a hidden row takes no place among the hits.
    """
    where: WhereShape | None = shapes[wish.where]  # type: ignore[assignment]  # a WhereSpec's shape
    mode: Any = None if wish.fusion is None else shapes[wish.fusion]
    narrows = where is not None or wish.entity.rule is not None
    if not (narrows or mode or wish.sides):
        return None
    rows = words = None
    source = sources.row_source(wish.entity.source)
    if narrows and mode is not Mode.TEXT:
        ruled = wish.entity.rule is not None
        visible = source.prepare_matching(wish.entity, None).which if ruled else None
        rows = RowSide(source.prepare_matching(wish.entity, where), wish.where, visible)
    if mode is not None and wish.fusion is not None:
        ranking = source.prepare_ranked_by_words(wish.entity, where)
        words = WordSide(ranking, wish.where, mode, wish.fusion)
    rankings, key = sources.rankings(native), wish.entity.key[0].kind.name
    return Ranked(rankings, wish.hit, key, wish.sides, rows, words)
