"""The sources of a gateway as the planner sees them: by what can be asked of them, and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gateway.errors import ConfigurationError
from gateway.planning.steps import ITEM_READS, Verb
from gateway.planning.subscribing import PreparedEvents
from gateway.schema.state import Namespaces
from gateway.schema.state_asks import StateChange
from gateway.schema.subscriptions import ChangeEvents

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Hashable, Mapping, Sequence

    from gateway.planning.narrowing import Bound, MatchingRows, Rankings
    from gateway.planning.steps import Ask
    from gateway.schema import asks
    from gateway.schema.bindings import Vectors
    from gateway.schema.catalog import EntityInfo
    from gateway.schema.items.asks import ItemAsk, ItemWrite
    from gateway.schema.items.catalog import Collection
    from gateway.schema.remote import RemoteFields, RemoteObjects
    from gateway.schema.shapes import WhereShape
    from gateway.schema.state import Guard, Namespace
    from gateway.schema.state_asks import StateRead
    from gateway.schema.subscriptions import MessageEvents
    from gateway.schema.vector_writes import VectorAct, VectorChange
    from gateway.sources.changes import Changes
    from gateway.sources.contract import Budget, Health, Prepared, Source, Value

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

        def prepare_rows(self, row: asks.Row, shapes: Mapping[int, Any]) -> Any:
            """Rows by key; the result also has `slots`."""

        def prepare_page(self, connection: asks.Connection, shapes: Mapping[int, Any]) -> Any:
            """A connection; the result also has `slots`."""

        def prepare_marked(
            self, ask: asks.Row | asks.Connection, shapes: Mapping[int, Any]
        ) -> Any | None:
            """Rows or a page whose answers have marks (`sources.contract`); None: without any."""

        def prepare_related(self, related: asks.Related, shapes: Mapping[int, Any]) -> Any:
            """Connections by the key their rows hold; the result also has `slots`."""

        def prepare_matching(self, entity: EntityInfo, where: WhereShape | None) -> MatchingRows:
            """The keys of the rows that a `where` and the entity's rule let through."""

        def prepare_ranked_by_words(self, entity: EntityInfo, where: WhereShape | None) -> Bound:
            """The same rows by full text, best first."""

        def prepare_named(self, named: asks.Named, shapes: Mapping[int, Any]) -> Any:
            """A named statement; the result also has `slots`."""

    class VectorSource(Source, Protocol):
        """Has vectors: compiles searches, neighbours, and whatever else is read of them."""

        def prepare_read(self, ask: asks.VectorRead, fields: Mapping[int, Any]) -> Prepared:
            """Searches, neighbours, groups and so on; payload `fields` by their reader."""

        def prepare_act(self, act: VectorAct) -> Prepared:
            """A change of points or collections, or a look at collections."""

        def act_arguments(self, binding: VectorChange, values: Mapping[str, Any]) -> Any:
            """The arguments of a field with this binding as one value; raises InputError."""

        async def act(self, prepared: Any, change: Any, deadline: float) -> bytes | None:
            """Do it; the field's value."""

        async def foreign(self, collections: Sequence[str], deadline: float) -> list[str]:
            """Of these, those whose vectors another embedding model made: why, for each."""

        def rankings(self, hits: Any) -> Rankings:
            """The smaller requests that a search, or the search for neighbours, is made of."""

        def arguments(self, binding: Vectors, values: Mapping[str, Any]) -> Hashable:
            """The arguments of a field with this binding as one value; raises InputError."""

    class UpstreamSource(Source, Protocol):
        """Is a GraphQL service: compiles documents for it."""

        def prepare_fields(self, ask: RemoteFields) -> Any:
            """Root fields that travel in one document; the result also has `viewer_slots`."""

        def events(self, prepared: Any, arguments: tuple[Any, ...]) -> AsyncGenerator[Value, None]:
            """What a subscription's root field is, event for event."""

        def prepare_objects(self, ask: RemoteObjects) -> Any:
            """Objects by key; the result also has `viewer_slots`."""

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
            """What is published on channels of a namespace."""

        def prepare_bound(self, pattern: str, key_names: Sequence[str], kind: str) -> Prepared:
            """A value per entity; `kind` says how it is read."""

        def prepare_read(self, ask: StateRead, guard: Guard) -> Prepared:
            """What is read of a namespace."""

        def prepare_change(self, ask: StateChange, guard: Guard) -> Prepared:
            """A write to a namespace."""


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
        self, verb: Verb, source: str, ask: Ask, shapes: Mapping[int, Hashable]
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
                native = self._rows(verb, _named(self.rows, source, "SQL"), given, shapes)
            case _ if verb in ITEM_READS or verb is Verb.ITEM_WRITE:
                native = _named(self.items, source, "items").prepare(given)
            case Verb.REMOTE_FIELDS | Verb.REMOTE_OBJECTS:
                upstream = _named(self.upstreams, source, "upstream")
                fields = verb is Verb.REMOTE_FIELDS
                remote = upstream.prepare_fields if fields else upstream.prepare_objects
                prepared = remote(given)
                return prepared, (*_first(shapes), *prepared.viewer_slots)
            case _:
                vectors = _named(self.vectors, source, "vector")
                acts = verb is Verb.VECTOR_ACT
                native = vectors.prepare_act(given) if acts else vectors.prepare_read(given, shapes)
                return native, _first(shapes)
        return native, native.slots

    def marked(
        self, verb: Verb, source: str, ask: Ask, shapes: Mapping[int, Hashable]
    ) -> Prepared | None:
        """The same request with marks, where its answers have any. Pure."""
        if verb not in {Verb.ROWS, Verb.PAGE}:
            return None
        given: Any = ask
        found: Prepared | None = _named(self.rows, source, "SQL").prepare_marked(given, shapes)
        return found

    def _rows(self, verb: Verb, source: RowSource, ask: Any, shapes: Mapping[int, Hashable]) -> Any:
        if verb is Verb.NAMED:
            return source.prepare_named(ask, shapes)
        if verb is Verb.RELATED:
            return source.prepare_related(ask, shapes)
        compiled = source.prepare_rows if verb is Verb.ROWS else source.prepare_page
        return compiled(ask, shapes)

    def act_arguments(self, binding: VectorChange, values: Mapping[str, Any]) -> Any:
        """The arguments of a vector operation as the source's one value."""
        return _named(self.vectors, binding.source, "vector").act_arguments(binding, values)

    def _namespace(
        self, ask: StateRead | StateChange, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """What is asked of the namespace whose name is the shape of the ask's first reader."""
        write = isinstance(ask, StateChange)
        guard = self.namespaces.guard(str(shapes[ask.spec]), write=write)
        source = _named(self.state, guard.namespace.source, "state")
        if isinstance(ask, StateChange):
            return source.prepare_change(ask, guard), ((ask.spec, 0),)
        slots = tuple((part.spec, 0) for part in ask.parts if part.spec is not None)
        return source.prepare_read(ask, guard), slots

    def _events(
        self, ask: ChangeEvents | MessageEvents, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """What is listened to; for a table, the key of the one row that is wanted."""
        if isinstance(ask, ChangeEvents):
            rows = _named(self.rows, ask.entity.source, "SQL")
            key = range(len(ask.entity.key)) if shapes[ask.spec] else ()
            events = PreparedEvents(rows.name, by_key=False, ask=ask)
            return events, tuple((ask.spec, place) for place in key)
        guard = self.namespaces.guard(str(shapes[ask.spec]), write=False)
        source = _named(self.state, guard.namespace.source, "state")
        return PreparedEvents(source.name, by_key=False, ask=ask, guard=guard), ((ask.spec, 0),)

    def item_source(self, source: str) -> ItemSource:
        """The source of items with this name."""
        return _named(self.items, source, "items")

    def rankings(self, hits: Prepared) -> Rankings:
        """The smaller requests that a vector search is made of."""
        source = next(one for one in self.vectors.values() if one.name == hits.source)
        return source.rankings(hits)

    def matching(self, entity: EntityInfo, where: WhereShape | None) -> MatchingRows:
        """The rows that a `where` and the entity's rule let through."""
        return _named(self.rows, entity.source, "SQL").prepare_matching(entity, where)

    def ranked_by_words(self, entity: EntityInfo, where: WhereShape | None) -> Bound:
        """The same rows by full text, best first."""
        return _named(self.rows, entity.source, "SQL").prepare_ranked_by_words(entity, where)

    def arguments(self, binding: Vectors, values: Mapping[str, Any]) -> Hashable:
        """The arguments of a vector reading as the source's one value."""
        return _named(self.vectors, binding.source, "vector").arguments(binding, values)


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
