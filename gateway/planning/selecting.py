"""From what is selected of an entity to what its source is asked. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from gateway.planning.aggregating import GroupSpec, computed, selected_keys
from gateway.planning.arguments import PageSpec, Spec
from gateway.schema import asks
from gateway.schema import bindings as b
from gateway.schema.selection import TYPENAME, Field, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from gateway.planning.plan import Planner
    from gateway.planning.steps import Step
    from gateway.schema.catalog import ColumnInfo, EntityInfo


class Selections(ABC):
    """The selections of one outline in the making: the readers found so far."""

    def __init__(self, planner: Planner, reader: Reader) -> None:
        self.planner = planner
        self.catalog = planner.catalog
        self.reader = reader
        self.specs: list[Spec] = []

    def spec(self, spec: Spec) -> int:
        """The number of a reader that joins the others."""
        self.specs.append(spec)
        return len(self.specs) - 1

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

    @abstractmethod
    def hole(self, child: Field, entity: EntityInfo, holes: list[Step]) -> asks.Hole:
        """A place for another source's value; its step joins the `holes`."""

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
