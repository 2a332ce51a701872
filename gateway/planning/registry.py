"""The sources of a gateway as the planner sees them: by what can be asked of them, and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gateway.errors import ConfigurationError, InputError
from gateway.planning.steps import Verb
from gateway.schema.bindings import Nearest, Search

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from gateway.planning.steps import Ask
    from gateway.schema import asks
    from gateway.sources.contract import Budget, Prepared, Source

    class RowSource(Source, Protocol):
        """Has rows: compiles asks by key and pages."""

        async def verify(self, source: str, budget: Budget) -> list[str]:
            """What the live tables of entities bound to `source` contradict."""

        def transaction(self, deadline: float, isolation: str | None) -> Any:
            """An asynchronous context manager: a session that commits at its end."""

        def prepare_rows(self, row: asks.Row, shapes: Mapping[int, Any]) -> Any:
            """Rows by key; the result also has `slots`."""

        def prepare_page(self, connection: asks.Connection, shapes: Mapping[int, Any]) -> Any:
            """A connection; the result also has `slots`."""

        def prepare_named(self, named: asks.Named, shapes: Mapping[int, Any]) -> Any:
            """A named statement; the result also has `slots`."""

    class VectorSource(Source, Protocol):
        """Has vectors: compiles searches and neighbours."""

        def prepare_hits(
            self, hits: asks.Hits, *, by_key: bool, fields: tuple[str, ...] | None
        ) -> Prepared:
            """A search, or the neighbours of stored points; `fields` of the payload, or all."""

        def search_arguments(self, values: Mapping[str, Any], *, size: int | None) -> Hashable:
            """A search's arguments as one value; `size` of the vectors, where it is declared."""

        def nearest_arguments(self, values: Mapping[str, Any]) -> Hashable:
            """The neighbours' arguments as one value; raises InputError."""

    class StateSource(Source, Protocol):
        """Has values under keys: compiles look-ups."""

        def prepare_counter(self, pattern: str, key_names: Sequence[str]) -> Prepared:
            """A counter per entity."""


Found = TypeVar("Found")


class Registry:
    """All sources of a gateway, by family and by the name a binding uses."""

    def __init__(
        self,
        rows: Mapping[str, RowSource],
        vectors: Mapping[str, VectorSource],
        state: Mapping[str, StateSource],
    ) -> None:
        self.rows = rows
        self.vectors = vectors
        self.state = state

    def all(self) -> list[Source]:
        """Every source once."""
        return [*self.rows.values(), *self.vectors.values(), *self.state.values()]

    def prepare(
        self, verb: Verb, source: str, ask: Ask, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """The native request, and where its arguments come from. Pure."""
        given: Any = ask
        match verb:
            case Verb.ROWS:
                rows = _named(self.rows, source, "SQL").prepare_rows(given, shapes)
                return rows, rows.slots
            case Verb.PAGE:
                page = _named(self.rows, source, "SQL").prepare_page(given, shapes)
                return page, page.slots
            case Verb.SEARCH | Verb.NEAREST:
                vectors = _named(self.vectors, source, "vector")
                by_key = verb is Verb.NEAREST
                search, *payloads = shapes
                wanted = {shapes[spec] for spec in payloads}
                if len(wanted) > 1:
                    raise InputError("Ask for the same `fields` wherever a hit's `payload` is.")
                fields: Any = wanted.pop() if wanted else None
                prepared = vectors.prepare_hits(given, by_key=by_key, fields=fields)
                return prepared, ((search, 0),)
            case Verb.STATE:
                state = _named(self.state, source, "state")
                return state.prepare_counter(given.pattern, given.names), ()
            case Verb.NAMED:
                named = _named(self.rows, source, "SQL").prepare_named(given, shapes)
                return named, named.slots

    def arguments(self, binding: Search | Nearest, values: Mapping[str, Any]) -> Hashable:
        """The arguments of a search or of neighbours as the source's one value."""
        vectors = _named(self.vectors, binding.source, "vector")
        if isinstance(binding, Search):
            return vectors.search_arguments(values, size=binding.size)
        return vectors.nearest_arguments(values)


def _named(sources: Mapping[str, Found], name: str, family: str) -> Found:
    if name not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise ConfigurationError(
            f"No {family} source named {name!r} is configured; there is {known}."
        )
    return sources[name]
