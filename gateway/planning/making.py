"""The steps of an outline: which source is asked what, arguments still open. Pure."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.planning.aggregating import GroupSpec, computed, selected_keys
from gateway.planning.arguments import CheckedSpec, PageSpec, SplitSpec
from gateway.planning.hybrid import FusionSpec
from gateway.planning.items import ItemSelection, ItemWriteSpec, ask_of, match_columns
from gateway.planning.narrowing import WhereSpec
from gateway.planning.proxying import Pushing, VariablesSpec, remote_objects
from gateway.planning.steps import Step, Verb
from gateway.planning.vector_parts import VectorParts
from gateway.schema import asks
from gateway.schema import bindings as b
from gateway.schema.items.asks import ItemLookup, ItemWrite
from gateway.schema.items.bindings import MatchedItem
from gateway.schema.selection import TYPENAME
from gateway.schema.state.fields import StateValue, placeholders
from gateway.schema.upstreams.remote import (
    LocalRow,
    RemoteFields,
    RemoteObject,
    RemoteObjects,
)
from gateway.schema.vectors.hybrid import SIDES, may_be_narrowed
from gateway.schema.vectors.reading import Reading
from gateway.schema.vectors.writes import VectorAct

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from gateway.planning.arguments import Spec
    from gateway.planning.plan import Planner
    from gateway.planning.steps import Ask
    from gateway.schema.catalog import ColumnInfo, EntityInfo
    from gateway.schema.items.bindings import ItemWriteField
    from gateway.schema.named.statement import NamedStatement
    from gateway.schema.selection import Field, Reader
    from gateway.schema.vectors.writes import VectorChange


class Making:
    """One outline in the making: its steps, and the readers of arguments found so far."""

    def __init__(self, planner: Planner, reader: Reader) -> None:
        self.planner = planner
        self.catalog = planner.catalog
        self.reader = reader
        self.specs: list[Spec] = []

    def spec(self, spec: Spec) -> int:
        """The number of a reader that joins the others."""
        self.specs.append(spec)
        return len(self.specs) - 1

    def rows(self, field: Field, entity: EntityInfo) -> Step:
        """Rows by key, each with what is asked below `field`."""
        first = len(self.specs)
        holes: list[Step] = []
        row = self.row(field, entity, holes)
        return self._with_readers(Verb.ROWS, entity.source, row, first, holes, field)

    def page(self, field: Field) -> Step:
        """A list from the root."""
        first = len(self.specs)
        holes: list[Step] = []
        connection = self.connection(field, holes)
        step = self._with_readers(
            Verb.PAGE, connection.entity.source, connection, first, holes, field
        )
        near = field.binding.near if isinstance(field.binding, b.Listing) else None
        return step if near is None else replace(step, near=near)

    def joined(self, field: Field, binding: LocalRow) -> Step:
        """Rows of ours below an object of an upstream: the one with a key, or a list of them."""
        entity = self.catalog.entities[binding.entity]
        if binding.column is None:
            return replace(self.rows(field, entity), foreign=True)
        first = len(self.specs)
        holes: list[Step] = []
        connection = self.connection(field, holes)
        ask = asks.Related(binding.column, connection)
        return self._with_readers(Verb.RELATED, entity.source, ask, first, holes, field)

    def named(self, field: Field, statement: NamedStatement) -> tuple[Step, int]:
        """A named statement, and the reader of its arguments."""
        asked = statement.asked
        spec = self.spec(
            SplitSpec(field, lambda given: ((), tuple([one.read(given) for one in asked])))
        )
        holes: list[Step] = []
        row = self.row(field, statement.row, holes) if statement.row else None
        ask = asks.Named(statement, spec, row)
        return self._with_readers(Verb.NAMED, statement.source, ask, spec, holes, field), spec

    def act(self, field: Field, binding: VectorChange) -> Step:
        """A change of a vector engine, or a look at its collections."""
        source = self.planner.sources.vector_source(binding.source)
        check = partial(source.arguments, binding)
        spec = self.spec(CheckedSpec(field, check))
        ask = VectorAct(binding, members(self.reader, field))
        return Step(Verb.VECTOR_ACT, binding.source, ask, (spec,), (), field)

    def vectors(self, field: Field, binding: b.Vectors) -> Step:
        """What is read of a vector collection, at the root or of an entity."""
        type_name = field.type_name
        check = partial(self.planner.sources.vector_source(binding.source).arguments, binding)
        spec = self.spec(CheckedSpec(field, check))
        found = VectorParts(self)
        parts = found.below(field, type_name)
        reading = binding.reading
        specs, holes = (spec, *found.specs), tuple(found.holes)
        ask = asks.VectorRead(reading, binding.collection, parts, found.key)
        ranking = None
        if reading.is_ranking and type_name in self.catalog.hits:
            entity = self.catalog.entities[self.catalog.hits[type_name]]
            ask, ranking = self._ranking(field, entity, ask)
        return Step(reading, binding.source, ask, specs, holes, field, ranking)

    def _ranking(
        self, field: Field, entity: EntityInfo, hit: asks.VectorRead
    ) -> tuple[asks.VectorRead, asks.Ranking | None]:
        """What rows have to do with a vector search, and what its hits show without them."""
        if not may_be_narrowed(entity):
            return hit, None
        where = self.spec(WhereSpec(field, entity, self.catalog))
        fusion = None
        if hit.reading is Reading.SEARCH and entity.text is not None:
            fusion = self.spec(FusionSpec(field, entity, self.catalog))
        own = tuple(part for part in hit.parts if part.name not in SIDES)
        sides = len(own) < len(hit.parts)
        return replace(hit, parts=own), asks.Ranking(entity, where, fusion, sides, hit)

    def _with_readers(  # noqa: PLR0913, PLR0917 - what a step is made of
        self, verb: Verb, source: str, ask: Ask, first: int, holes: list[Step], field: Field
    ) -> Step:
        """A step with the readers added since `first`, less those that belong to its holes."""
        theirs = {spec for hole in holes for spec in _all_specs(hole)}
        specs = tuple(spec for spec in range(first, len(self.specs)) if spec not in theirs)
        return Step(verb, source, ask, specs, tuple(holes), field)

    def hole(self, child: Field, entity: EntityInfo, holes: list[Step]) -> asks.Hole:
        """A place for another source's value; its step joins the `holes`."""
        binding = child.binding
        slot = len(holes)
        if isinstance(binding, b.Vectors):
            holes.append(self.vectors(child, binding))
            return asks.Hole(child.key, slot, entity.key)
        if isinstance(binding, RemoteObject):
            pushing = self.pushing(binding.source)
            objects = remote_objects(binding, entity, pushing, child)
            step = self.upstream_step(Verb.REMOTE_OBJECTS, binding.source, objects, pushing, child)
            holes.append(step)
            return asks.Hole(child.key, slot, objects.key)
        if isinstance(binding, MatchedItem):
            holes.append(self.items(child, binding))
            return asks.Hole(child.key, slot, match_columns(binding, entity))
        if isinstance(binding, StateValue):
            names = placeholders(binding.pattern)
            ask = asks.State(binding.pattern, names, binding.kind)
            holes.append(Step(Verb.STATE, binding.source, ask, (), (), child))
            return asks.Hole(child.key, slot, tuple(entity.attributes[name] for name in names))
        raise TypeError(f"{entity.name}.{child.name} is not bound to a source")

    def items(self, field: Field, binding: b.Binding | None) -> Step:
        """What is asked of items, at the root or of an entity."""
        first = len(self.specs)
        selection = ItemSelection(self)
        verb, ask = ask_of(selection, field, binding)
        return self._with_readers(verb, ask.collection.source, ask, first, selection.holes, field)

    def item_write(self, field: Field, binding: ItemWriteField) -> tuple[Step, int]:
        """A write of items, and the reader of its arguments."""
        selection = ItemSelection(self)
        collection = self.catalog.collections[field.type_name]
        spec = self.spec(ItemWriteSpec(field, binding, collection, self))
        shown = ItemLookup(selection.item(field, field.type_name), collection.key.field)
        ask = ItemWrite(binding.verb, shown, spec)
        source, holes = collection.source, selection.holes
        return self._with_readers(Verb.ITEM_WRITE, source, ask, spec, holes, field), spec

    def pushing(self, source: str) -> Pushing:
        """A selection that goes to an upstream."""
        upstream = self.catalog.upstreams[source]
        return Pushing(self.catalog, self.reader, upstream, self.joined)

    def upstream_step(
        self,
        verb: Verb,
        source: str,
        ask: RemoteFields | RemoteObjects,
        pushing: Pushing,
        field: Field,
    ) -> Step:
        """What is asked of an upstream."""
        names = [name for name, _ in ask.selection.variables]
        spec = self.spec(VariablesSpec(names, self.reader.variables))
        return Step(verb, source, ask, (spec,), tuple(pushing.holes), field)

    # What is selected of an entity

    def row(self, field: Field, entity: EntityInfo, holes: list[Step]) -> asks.Row:
        """What is asked of a row; other sources' steps join the `holes`."""
        parts: list[asks.RowPart] = []
        needed: dict[str, ColumnInfo] = {}
        for child in self.reader.below(field, entity.name):
            if child.name == TYPENAME:
                parts.append(asks.Constant(child.key, entity.name))
            elif child.info is None or child.info.plain:
                needs = child.info.needs if child.info else ()
                needed.update({name: entity.attributes[name] for name in needs})
            else:
                parts.append(self._part(child, entity, holes))
        parts.extend(asks.Value(f"~{name}", info) for name, info in needed.items())
        return asks.Row(entity, tuple(parts))

    def _part(self, child: Field, entity: EntityInfo, holes: list[Step]) -> asks.RowPart:
        binding = child.binding
        if isinstance(binding, b.ColumnBinding):
            return asks.Value(child.key, entity.columns[child.name])
        if isinstance(binding, b.NodeIdBinding):
            return asks.NodeId(child.key)
        if child.name in entity.relations:
            relation = entity.relations[child.name]
            if relation.many:
                return asks.Many(child.key, relation, self.connection(child, holes))
            target = self.catalog.entities[relation.target]
            return asks.One(child.key, relation, self.row(child, target, holes))
        return self.hole(child, entity, holes)

    def connection(self, field: Field, holes: list[Step]) -> asks.Connection:
        """What is asked of a list; other sources' steps join the `holes`."""
        nodes = self.catalog.fields[field.type_name, "nodes"]
        entity = self.catalog.entities[nodes.type_name]
        spec = self.spec(
            PageSpec(field, entity, self.catalog, self.planner.limits, self._near(field))
        )

        def part(child: Field) -> asks.ConnectionPart:
            match child.name:
                case "edges":
                    return asks.Edges(child.key, self._edge(child, entity, holes))
                case "nodes":
                    return asks.Nodes(child.key, self.row(child, entity, holes))
                case "pageInfo":
                    return asks.PageFacts(child.key, self.reader.parts(child, _fact))
                case "aggregate":
                    of = computed(self.reader, child, self.catalog.aggregates[entity.name])
                    return asks.Aggregate(child.key, of)
                case "groups":
                    return self._groups(child, entity)
            return _fact(child)

        return asks.Connection(entity, spec, self.reader.parts(field, part))

    def _near(self, field: Field) -> Callable[[Mapping[str, Any]], Hashable] | None:
        """What makes one value of the vector search that narrows a list, where one may."""
        binding = field.binding
        near = binding.near if isinstance(binding, b.Listing) else None
        if near is None:
            return None
        sources = self.planner.sources
        # Found when it is used: a list that nobody narrows by vectors needs no source of them.
        return lambda values: sources.vector_source(near.source).arguments(near, values)

    def _groups(self, field: Field, entity: EntityInfo) -> asks.Groups:
        aggregates = self.catalog.aggregates[entity.name]
        parts = computed(self.reader, field, aggregates)
        keys = selected_keys(parts)
        spec = GroupSpec(field, aggregates, self.catalog, self.planner.limits, keys)
        return asks.Groups(field.key, self.spec(spec), parts)

    def _edge(
        self, field: Field, entity: EntityInfo, holes: list[Step]
    ) -> tuple[asks.Constant | asks.Fact | asks.EdgeNode, ...]:
        def part(child: Field) -> asks.Fact | asks.EdgeNode:
            if child.name != "node":
                return _fact(child)
            return asks.EdgeNode(child.key, self.row(child, entity, holes))

        return self.reader.parts(field, part)


def _all_specs(step: Step) -> set[int]:
    own = set(step.specs)
    if step.ranking is not None:
        own |= {step.ranking.where, step.ranking.fusion or step.ranking.where}
    return own.union(*(_all_specs(hole) for hole in step.holes))


def _fact(field: Field) -> asks.Fact:
    return asks.Fact(field.key, field.name)


def members(reader: Reader, field: Field) -> tuple[asks.Part, ...]:
    """The parts of a value that its source gives whole: no argument and no hole stands in it."""
    if field.info is None or field.info.leaf:
        return ()
    return tuple(
        asks.Part(child.key, TYPENAME, text=field.type_name)
        if child.name == TYPENAME
        else asks.Part(child.key, child.name, parts=members(reader, child))
        for child in reader.below(field, field.type_name)
    )
