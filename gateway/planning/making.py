"""The steps of an outline: which source is asked what, arguments still open. Pure."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gateway.planning.arguments import CheckedSpec, SplitSpec
from gateway.planning.hybrid import FusionSpec
from gateway.planning.item_writing import ItemWriteSpec
from gateway.planning.items import ItemSelection, ask_of, match_columns
from gateway.planning.narrowing import WhereSpec
from gateway.planning.proxying import Pushing, VariablesSpec, remote_objects
from gateway.planning.selecting import Selections, members
from gateway.planning.steps import Step, Verb
from gateway.planning.vector_parts import VectorParts
from gateway.schema import asks
from gateway.schema import bindings as b
from gateway.schema.hybrid import SIDES, may_be_narrowed
from gateway.schema.items.asks import ItemLookup, ItemWrite
from gateway.schema.items.bindings import MatchedItem
from gateway.schema.remote import (
    LocalRow,
    RemoteFields,
    RemoteObject,
    RemoteObjects,
)
from gateway.schema.state_fields import StateValue, placeholders
from gateway.schema.vector_reading import Reading
from gateway.schema.vector_writes import VectorAct

if TYPE_CHECKING:
    from gateway.schema.catalog import EntityInfo
    from gateway.schema.items.bindings import ItemWriteField
    from gateway.schema.named.statement import NamedStatement
    from gateway.schema.selection import Field
    from gateway.schema.vector_writes import VectorChange


class Making(Selections):
    """One outline in the making: its steps."""

    def rows(self, field: Field, entity: EntityInfo) -> Step:
        """Rows by key, each with what is asked below `field`."""
        first = len(self.specs)
        holes: list[Step] = []
        row = self.row(field, entity, holes)
        specs = self._own(first, holes)
        return Step(Verb.ROWS, entity.source, row, specs, tuple(holes), field)

    def page(self, field: Field) -> Step:
        """A list from the root."""
        first = len(self.specs)
        holes: list[Step] = []
        connection = self.connection(field, holes)
        source = connection.entity.source
        specs = self._own(first, holes)
        near = field.binding.near if isinstance(field.binding, b.Listing) else None
        return Step(Verb.PAGE, source, connection, specs, tuple(holes), field, near=near)

    def joined(self, field: Field, binding: LocalRow) -> Step:
        """Rows of ours below an object of an upstream: the one with a key, or a list of them."""
        entity = self.catalog.entities[binding.entity]
        if binding.column is None:
            return replace(self.rows(field, entity), foreign=True)
        first = len(self.specs)
        holes: list[Step] = []
        connection = self.connection(field, holes)
        ask = asks.Related(binding.column, connection)
        specs = self._own(first, holes)
        return Step(Verb.RELATED, entity.source, ask, specs, tuple(holes), field)

    def named(self, field: Field, statement: NamedStatement) -> tuple[Step, int]:
        """A named statement, and the reader of its arguments."""
        asked = statement.asked
        spec = self.spec(
            SplitSpec(field, lambda given: ((), tuple([one.read(given) for one in asked])))
        )
        holes: list[Step] = []
        row = self.row(field, statement.row, holes) if statement.row else None
        ask = asks.Named(statement, spec, row)
        specs = self._own(spec, holes)
        return Step(Verb.NAMED, statement.source, ask, specs, tuple(holes), field), spec

    def act(self, field: Field, binding: VectorChange) -> Step:
        """A change of a vector engine, or a look at its collections."""
        source = self.planner.sources.vector_source(binding.source)
        check = partial(source.act_arguments, binding)
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
        ask = asks.VectorRead(reading, binding.collection, type_name, parts, found.key)
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

    def _own(self, first: int, holes: list[Step]) -> tuple[int, ...]:
        """The readers added since `first`, less those that belong to the holes."""
        theirs = {spec for hole in holes for spec in _all_specs(hole)}
        return tuple(spec for spec in range(first, len(self.specs)) if spec not in theirs)

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
        holes = selection.holes
        source = ask.collection.source
        return Step(verb, source, ask, self._own(first, holes), tuple(holes), field)

    def item_write(self, field: Field, binding: ItemWriteField) -> tuple[Step, int]:
        """A write of items, and the reader of its arguments."""
        selection = ItemSelection(self)
        collection = self.catalog.collections[field.type_name]
        spec = self.spec(ItemWriteSpec(field, binding, collection, self))
        shown = ItemLookup(selection.item(field, field.type_name), collection.key.field)
        ask = ItemWrite(binding.verb, shown, spec)
        holes = selection.holes
        specs = self._own(spec, holes)
        return Step(Verb.ITEM_WRITE, collection.source, ask, specs, tuple(holes), field), spec

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


def _all_specs(step: Step) -> set[int]:
    own = set(step.specs)
    if step.ranking is not None:
        own |= {step.ranking.where, step.ranking.fusion or step.ranking.where}
    return own.union(*(_all_specs(hole) for hole in step.holes))
