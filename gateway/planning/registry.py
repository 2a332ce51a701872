"""The sources of a gateway as the planner sees them: by what can be asked of them, and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gateway.errors import ConfigurationError
from gateway.planning.steps import ITEM_READS, Verb
from gateway.planning.subscribing import PreparedEvents
from gateway.schema import asks
from gateway.schema.state.namespaces import Namespaces
from gateway.schema.subscriptions import ChangeEvents

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Hashable, Mapping, Sequence

    from gateway.planning.narrowing import Rankings
    from gateway.planning.steps import Ask
    from gateway.schema.bindings import Vectors
    from gateway.schema.catalog import EntityInfo
    from gateway.schema.items.asks import ItemAsk, ItemWrite
    from gateway.schema.items.catalog import Collection
    from gateway.schema.lists.shapes import WhereShape
    from gateway.schema.state.namespaces import Guard, Namespace
    from gateway.schema.subscriptions import MessageEvents
    from gateway.schema.upstreams.remote import RemoteFields, RemoteObjects
    from gateway.schema.vectors.reading import Reading
    from gateway.schema.vectors.writes import VectorAct, VectorChange
    from gateway.sources.changes import Changes
    from gateway.sources.contract import (
        Bound,
        Budget,
        Health,
        MatchingRows,
        Prepared,
        Source,
        Value,
    )

    class RowSource(Source, Protocol):
        """Has rows: compiles asks by key and pages.

        `primary`: the source as those see it who must see what was just written, where that is
        another one. `changes`: the feed of its changed rows, None where nobody wants it.
        """

        @property
        def changes(self) -> Changes | None:
            """The feed of its changed rows."""

        @property
        def primary(self) -> Source | None:
            """The source as writers see it."""

        async def parts(self, budget: Budget) -> Mapping[str, Health]:
            """The health of what the source can do without, by name."""

        async def verify(self, source: str, budget: Budget) -> list[str]:
            """What the live tables of entities bound to `source` contradict."""

        def transaction(self, deadline: float, isolation: str | None) -> Any:
            """An asynchronous context manager: a session that commits at its end."""

        def prepare(
            self,
            ask: asks.Row | asks.Connection | asks.Related | asks.Named,
            shapes: Mapping[int, Any],
        ) -> Bound:
            """Rows by key, a page, pages by the key their rows hold, or a named statement."""

        def prepare_marked(
            self, ask: asks.Row | asks.Connection, shapes: Mapping[int, Any]
        ) -> Any | None:
            """Rows or a page whose answers have marks (`sources.contract`); None: without any."""

        def prepare_matching(self, entity: EntityInfo, where: WhereShape | None) -> MatchingRows:
            """The keys of the rows that a `where` and the entity's rule let through."""

        def prepare_ranked_by_words(self, entity: EntityInfo, where: WhereShape | None) -> Bound:
            """The same rows by full text, best first."""

    class VectorSource(Source, Protocol):
        """Has vectors: compiles searches, neighbours, and whatever else is read of them."""

        def prepare(self, ask: asks.VectorRead | VectorAct, fields: Mapping[int, Any]) -> Prepared:
            """What is read, payload `fields` by their reader; or a change, or a look at all."""

        async def unfit(
            self, collections: Sequence[str], deadline: float
        ) -> Mapping[str, Sequence[str]]:
            """What is wrong with these, as lines by the name of what is wrong."""

        def rankings(self, hits: Any) -> Rankings:
            """The smaller requests that a search, or the search for neighbours, is made of."""

        def arguments(self, binding: Vectors | VectorChange, values: Mapping[str, Any]) -> Hashable:
            """The arguments of a field with this binding as one value; raises InputError."""

    class UpstreamSource(Source, Protocol):
        """Is a GraphQL service: compiles documents for it."""

        def prepare(self, ask: RemoteFields | RemoteObjects) -> Any:
            """Root fields that travel in one document, or objects by key; has `viewer_slots`."""

        def events(self, prepared: Any, arguments: tuple[Any, ...]) -> AsyncGenerator[Value, None]:
            """What a subscription's root field is, event for event."""

    class ItemSource(Source, Protocol):
        """Has items: compiles reads and writes, and puts coerced arguments in its terms."""

        def prepare(self, ask: ItemAsk | ItemWrite) -> Any:
            """What is read or written; the result also has `slots`."""

        def narrowing(
            self, collection: Collection, given: Mapping[str, Any], path: tuple[str, ...]
        ) -> tuple[Hashable, Hashable]:
            """The `filter` and `sort` of a list, to which `path` leads; raises InputError."""

        def written(
            self, collection: Collection, given: Mapping[str, Any], where: str
        ) -> Mapping[str, Any]:
            """What an input says of an item; raises InputError naming a member of `where`."""

    class StateSource(Source, Protocol):
        """Has values under keys: compiles look-ups."""

        def messages(self, namespace: Namespace, pattern: str, deadline: float) -> Any:
            """What is published on channels of a namespace: a context manager of an iterator.

            Of each message the `channel` within the namespace, the `value` as JSON or why it is
            none, and `gap`: messages before it may have been missed. Raises SourceError where none
            can be heard by `deadline`.
            """

        def prepare_bound(self, pattern: str, key_names: Sequence[str], kind: str) -> Prepared:
            """A value per entity; `kind` says how it is read."""

        def prepare(self, ask: asks.StateRead | asks.StateChange, guard: Guard) -> Prepared:
            """What is read of a namespace, or a write to it."""


Found = TypeVar("Found")


class Registry:
    """All sources of a gateway, by family and by the name a binding uses."""

    def __init__(  # noqa: PLR0913 - one family each
        self,
        rows: Mapping[str, RowSource],
        vectors: Mapping[str, VectorSource],
        state: Mapping[str, StateSource],
        namespaces: Namespaces | None = None,
        upstreams: Mapping[str, UpstreamSource] | None = None,
        *,
        items: Mapping[str, ItemSource] | None = None,
    ) -> None:
        self.rows = rows
        self.vectors = vectors
        self.state = state
        self.namespaces = namespaces or Namespaces()
        self.upstreams = upstreams or {}
        self.items = items or {}

    def all(self) -> list[Source]:
        """Every source once."""
        families = (self.rows, self.vectors, self.state, self.upstreams, self.items)
        return [source for family in families for source in family.values()]

    def prepare(
        self, verb: Verb | Reading, source: str, ask: Ask, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """The native request, and where its arguments come from. Pure."""
        given: Any = ask
        match verb:
            case Verb.NAMESPACE | Verb.CHANGE:
                return self._namespace(given, shapes)
            case Verb.EVENTS:
                return self._events(given, shapes)
            case Verb.STATE:
                state = _named(self.state, source, "state")
                return state.prepare_bound(given.pattern, given.names, given.kind), ()
            case Verb.ROWS | Verb.PAGE | Verb.RELATED | Verb.NAMED:
                native: Any = self.row_source(source).prepare(given, shapes)
            case _ if verb in ITEM_READS or verb is Verb.ITEM_WRITE:
                native = self.item_source(source).prepare(given)
            case Verb.REMOTE_FIELDS | Verb.REMOTE_OBJECTS:
                native = _named(self.upstreams, source, "upstream").prepare(given)
                return native, (*_first(shapes), *native.viewer_slots)
            case _:
                native = self.vector_source(source).prepare(given, shapes)
                return native, _first(shapes)
        return native, native.slots

    def marked(
        self, verb: Verb | Reading, source: str, ask: Ask, shapes: Mapping[int, Hashable]
    ) -> Prepared | None:
        """The same request with marks, where its answers have any. Pure."""
        if verb not in {Verb.ROWS, Verb.PAGE}:
            return None
        given: Any = ask
        found: Prepared | None = self.row_source(source).prepare_marked(given, shapes)
        return found

    def _namespace(
        self, ask: asks.StateRead | asks.StateChange, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """What is asked of the namespace whose name is the shape of the ask's first reader."""
        write = isinstance(ask, asks.StateChange)
        guard = self.namespaces.guard(str(shapes[ask.spec]), write=write)
        source = _named(self.state, guard.namespace.source, "state")
        specs = [ask.spec] if write else [one.spec for one in ask.parts if one.spec is not None]
        return source.prepare(ask, guard), tuple((spec, 0) for spec in specs)

    def _events(
        self, ask: ChangeEvents | MessageEvents, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """What is listened to; for a table, the key of the one row that is wanted."""
        if isinstance(ask, ChangeEvents):
            rows = self.row_source(ask.entity.source)
            key = range(len(ask.entity.key)) if shapes[ask.spec] else ()
            events = PreparedEvents(rows.name, by_key=False, ask=ask)
            return events, tuple((ask.spec, place) for place in key)
        guard = self.namespaces.guard(str(shapes[ask.spec]), write=False)
        source = _named(self.state, guard.namespace.source, "state")
        return PreparedEvents(source.name, by_key=False, ask=ask, guard=guard), ((ask.spec, 0),)

    def row_source(self, source: str) -> RowSource:
        """The source of rows with this name. Raises ConfigurationError, as the next two do."""
        return _named(self.rows, source, "SQL")

    def vector_source(self, source: str) -> VectorSource:
        """The source of vectors with this name."""
        return _named(self.vectors, source, "vector")

    def item_source(self, source: str) -> ItemSource:
        """The source of items with this name."""
        return _named(self.items, source, "items")

    def rankings(self, hits: Prepared) -> Rankings:
        """The smaller requests that a vector search is made of."""
        source = next(one for one in self.vectors.values() if one.name == hits.source)
        return source.rankings(hits)


def _first(shapes: Mapping[int, Hashable]) -> tuple[tuple[int, int], ...]:
    """The first value of the first reader."""
    return ((next(iter(shapes)), 0),)


def _named(sources: Mapping[str, Found], name: str, family: str) -> Found:
    if name not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise ConfigurationError(
            f"No {family} source named {name!r} is configured; configured: {known}."
        )
    return sources[name]
