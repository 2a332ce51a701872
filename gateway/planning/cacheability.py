"""Which answers may be kept, and how long: what the schema declares, merged over what is asked.

A fetch's answer is kept where every object in it is declared: its field or, failing that, its type.
Scalars go with their object unless they are declared themselves. What fills a hole is an answer of
its own. The whole response lives as long as the shortest of its parts, for caches in front of us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from gateway.caching.policy import NEVER, Policy, declared, merged
from gateway.planning.steps import ITEM_READS, Verb
from gateway.schema import asks
from gateway.schema.caching import declared_cache
from gateway.schema.items.asks import (
    Item,
    ItemGroupsAsk,
    ItemList,
    ItemLookup,
    ItemMany,
    ItemOne,
    ItemValue,
    SingleItem,
)
from gateway.schema.selection import TYPENAME
from gateway.schema.upstreams.caching import inherits
from gateway.schema.upstreams.remote import LocalRow, RemoteNamespace
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gateway.planning.steps import Fetch, Root, Step
    from gateway.schema.catalog import Catalog, EntityInfo, FieldInfo
    from gateway.schema.items.catalog import Collection
    from gateway.schema.selection import Field, Reader
    from gateway.sources.contract import Prepared

T = TypeVar("T")

_READS = {
    Verb.ROWS,
    Verb.PAGE,
    Verb.NAMED,
    Verb.STATE,
    Verb.REMOTE_FIELDS,
    Verb.REMOTE_OBJECTS,
    *Reading,
    *ITEM_READS,
}


class Caching:
    """That a fetch's answers may be kept. `known`: what the execution found out about it once.

    `marked`: the request that is made where they are kept, if its answers say what rows they show.
    """

    __slots__ = ("known", "marked", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.marked: Prepared | None = None
        self.known: Any = None


class CachePolicies:
    """The declarations of a schema, by field and by type."""

    def __init__(self, catalog: Catalog) -> None:
        fields = {place: info.definition for place, info in catalog.fields.items()}
        self._fields, self._inheriting = _declarations(fields)
        self._types, self._inheriting_types = _declarations(catalog.schema.type_map)
        self.plain = frozenset(
            place
            for place, info in catalog.fields.items()
            if info.plain and self.of_plain(info).cacheable
        )
        """Plain resolvers whose values may be kept, if all that is asked below them may be."""

    def __bool__(self) -> bool:
        return bool(self._fields or self._types)

    def caching(self, step: Step) -> Caching | None:
        """Whether and how long the answers to one step may be kept."""
        if not self or step.verb not in _READS:
            return None
        if isinstance(step.ask, asks.Row) and step.ask.by:
            return None  # entries are tagged by the first key
        own = step.policy
        if own is None and step.verb is Verb.REMOTE_FIELDS:
            return None
        policy = own or merged((self._of_step(step), *self._below(step.ask)))
        return Caching(policy) if policy.cacheable else None

    def of_response(self, roots: Iterable[Root], walked: Iterable[Policy]) -> Policy | None:
        """How long a whole response may be kept; None where a part of it is not declared.

        `walked`: the policies of what its plain resolvers give.
        """
        fetches = [fetch for root in roots for fetch in root.fetches]
        parts = [policy for fetch in fetches for policy in _of_fetches(fetch)]
        whole = merged((*parts, *walked))
        return whole if whole.cacheable else None

    def of_plain(self, info: FieldInfo) -> Policy:
        """The policy of a plain resolver's value."""
        return self._of_place((info.parent, info.name), info.type_name)

    def of_walked(
        self, reader: Reader, fields: Iterable[Field], *, inside: bool = False
    ) -> Iterator[Policy]:
        """The policies of all plain resolvers among these fields and below, and of what they give.

        `inside`: the fields are a plain resolver's; what is planned has its policies elsewhere.
        """
        for field in fields:
            info = field.info
            if info is None:
                if field.name != TYPENAME:
                    yield NEVER  # introspection
                continue
            structure = info.type_name in reader.catalog.structures
            own = self._fields.get((info.parent, info.name))
            if own is not None and (inside or info.plain):
                yield own
            elif (info.plain and not inside) or (inside and not info.leaf and not structure):
                yield self.of_plain(info)
            if not info.leaf:
                within = inside or info.plain
                for name in reader.catalog.types_of(info):
                    yield from self.of_walked(reader, reader.below(field, name), inside=within)

    def of_upstream(self, reader: Reader, root: Field) -> Policy:
        """The policy of an upstream's root field with all that is selected below it."""
        return merged(self._of_upstream(reader, root, inside=False)) if self else NEVER

    def _of_upstream(self, reader: Reader, field: Field, *, inside: bool) -> Iterator[Policy]:
        info = field.info
        if info is None or isinstance(info.binding, LocalRow):
            return  # a type's name; rows of ours, which are read, and kept, on their own
        place = info.parent, info.name
        holder = isinstance(info.binding, RemoteNamespace)
        own = self._fields.get(place)
        if own is not None:
            yield own
        elif not (holder or (inside and info.leaf) or (inside and self._inherits(place, info))):
            yield self._types.get(info.type_name, NEVER)
        if not info.leaf:
            for name in reader.catalog.types_of(info):
                for below in reader.below(field, name):
                    yield from self._of_upstream(reader, below, inside=not holder)

    def _inherits(self, place: tuple[str, str], info: FieldInfo) -> bool:
        """Whether an object is kept as long as the one it is in."""
        return place in self._inheriting or info.type_name in self._inheriting_types

    def _of_step(self, step: Step) -> Policy:
        ask = step.ask
        entity: EntityInfo | Collection | None = None
        if isinstance(ask, asks.Row | asks.Connection):
            entity = ask.entity
        elif isinstance(ask, asks.Named) and ask.row is not None:
            entity = ask.row.entity
        elif isinstance(ask, ItemList | ItemLookup | SingleItem | ItemGroupsAsk):
            entity = ask.collection
        return self._of_field(step.field, entity)

    def _of_field(self, field: Field, entity: EntityInfo | Collection | None) -> Policy:
        info = field.info
        if info is None:
            return NEVER
        return self._of_place((info.parent, info.name), entity.name if entity else info.type_name)

    def _of_place(self, place: tuple[str, str], type_name: str) -> Policy:
        own = self._fields.get(place)
        return own if own is not None else self._types.get(type_name, NEVER)

    def _below(self, ask: Any) -> Iterator[Policy]:
        """The policies of what is inside the answer."""
        match ask:
            case asks.Row():
                yield from self._of_row(ask)
            case asks.Connection():
                yield from self._of_connection(ask)
            case asks.Named(row=asks.Row() as row):
                yield from self._of_row(row)
            case ItemList() | ItemLookup() | SingleItem():
                for item in ask.items():
                    yield from self._of_item(item)

    def _of_connection(self, connection: asks.Connection) -> Iterator[Policy]:
        for part in connection.parts:
            if isinstance(part, asks.Nodes):
                yield from self._of_row(part.row)
            elif isinstance(part, asks.Edges):
                for member in part.parts:
                    if isinstance(member, asks.EdgeNode):
                        yield from self._of_row(member.row)

    def _of_item(self, item: Item) -> Iterator[Policy]:
        """Of an item itself; what it leads to has its own."""
        name = item.collection.name
        for part in item.parts:
            if isinstance(part, ItemOne | ItemMany):
                for target in part.relation.targets:
                    yield self._of_place((name, part.relation.name), target)
            elif isinstance(part, ItemValue):
                own = self._fields.get((name, part.column.name))
                if own is not None:
                    yield own

    def _of_row(self, row: asks.Row) -> Iterator[Policy]:
        name = row.entity.name
        for part in row.parts:
            if isinstance(part, asks.One):
                yield self._of_place((name, part.relation.name), part.row.entity.name)
                yield from self._of_row(part.row)
            elif isinstance(part, asks.Many):
                target = part.connection.entity.name
                yield self._of_place((name, part.relation.name), target)
                yield from self._of_connection(part.connection)
            elif isinstance(part, asks.Value):
                own = self._fields.get((name, part.column.name))
                if own is not None:
                    yield own


def _declarations(elements: Mapping[T, Any]) -> tuple[dict[T, Policy], frozenset[T]]:
    """What is declared of fields or types, and those that are kept as long as what they are in."""
    caches = {name: declared_cache(element) for name, element in elements.items()}
    policies = {name: declared(cache) for name, cache in caches.items() if cache is not None}
    return policies, frozenset(name for name, element in elements.items() if inherits(element))


def _of_fetches(fetch: Fetch) -> Iterator[Policy]:
    yield NEVER if fetch.caching is None else fetch.caching.policy
    for hole in fetch.holes:
        yield from _of_fetches(hole)


def invalidated_by(field: Field) -> tuple[str, ...]:
    """The tags that a field of Mutation declares: what it invalidates."""
    cache = declared_cache(field.info.definition) if field.info else None
    return () if cache is None else cache.tags
