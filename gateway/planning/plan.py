"""From a selection to a plan: which source is asked what, in which wave. Pure.

`Outline` holds what depends on the document and on its `@skip`/`@include` alone: steps and
argument readers. `Outline.plan` adds the shapes of the arguments and caches what it compiles.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from gateway.planning.aggregating import GroupSpec, computed, selected_keys
from gateway.planning.arguments import (
    KeySpec,
    NodeSpec,
    PageLimits,
    PageSpec,
    PayloadSpec,
    SearchSpec,
    Spec,
)
from gateway.planning.naming import NamedSpec
from gateway.planning.steps import Fetch, Plan, Root, Step, Verb
from gateway.planning.writing import WriteSpec
from gateway.schema import asks
from gateway.schema import bindings as b
from gateway.schema.kinds import INT, INT_ID, TEXT, TEXT_ID, UUID, UUID_ID
from gateway.schema.mutations import WriteBinding
from gateway.schema.named.binding import NamedSql
from gateway.schema.selection import TYPENAME, Field, Reader

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from graphql import OperationDefinitionNode

    from gateway.planning.steps import Preparer
    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.schema.named.statement import NamedStatement

MAX_PLANS = 64
"""Plans kept per document and set of conditions: `where` shapes have no end."""

_READY_KEYS = {INT, INT_ID, TEXT, TEXT_ID, UUID, UUID_ID}


class RootOutline:
    """A root field before its arguments are known: a constant, or one step (by type, for nodes)."""

    __slots__ = ("constant", "field", "key_spec", "steps", "write_spec")

    def __init__(
        self,
        field: Field,
        constant: bytes | None,
        steps: Mapping[str, Step],
        key_spec: int | None,
        write_spec: int | None = None,
    ) -> None:
        self.field = field
        self.constant = constant
        self.steps = steps
        self.key_spec = key_spec
        self.write_spec = write_spec


class Outline:
    """A document's operation under one set of conditions.

    `whole` says that every root field is planned and nothing below is walked, so that the
    operation need not enter graphql-core. `walked` holds the syntax nodes (by identity) whose
    value graphql-core must walk.
    """

    def __init__(
        self,
        roots: tuple[RootOutline, ...],
        specs: tuple[Spec, ...],
        preparer: Preparer,
        walked: frozenset[int],
        *,
        whole: bool,
    ) -> None:
        self.roots = roots
        self.specs = specs
        self.walked = walked
        self.whole = whole
        self._preparer = preparer
        self._plans: OrderedDict[tuple[Hashable, ...], Plan] = OrderedDict()

    def plan(self, shapes: tuple[Hashable, ...]) -> Plan:
        """The plan for these shapes of the readers' arguments, compiled at its first use."""
        plan = self._plans.get(shapes)
        if plan is None:
            plan = self._compile(shapes)
            self._plans[shapes] = plan
            if len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        return plan

    def _compile(self, shapes: tuple[Hashable, ...]) -> Plan:
        prepared: dict[Hashable, Any] = {}
        return Plan(tuple(self._root(root, shapes, prepared) for root in self.roots))

    def _root(
        self, root: RootOutline, shapes: tuple[Hashable, ...], prepared: dict[Hashable, Any]
    ) -> Root:
        prefix = f'"{root.field.key}":'.encode()
        info = root.field.info
        nullable = info is not None and info.nullable
        if root.constant is not None:
            return Root(root.field, prefix, nullable=False, constant=root.constant)
        kind = shapes[root.key_spec] if root.key_spec is not None else ()
        step = root.steps[kind if isinstance(kind, str) else ""]
        fetch = self._fetch(step, shapes, prepared)
        binding = info.binding if info else None
        many = isinstance(binding, WriteBinding) and binding.many
        return Root(root.field, prefix, nullable, None, fetch, root.key_spec, root.write_spec, many)

    def _fetch(
        self, step: Step, shapes: tuple[Hashable, ...], prepared: dict[Hashable, Any]
    ) -> Fetch:
        own = {spec: shapes[spec] for spec in step.specs}
        identity = (step.verb, step.source, step.ask, tuple(own.items()))
        if identity not in prepared:
            prepared[identity] = self._preparer.prepare(step.verb, step.source, step.ask, own)
        native, slots = prepared[identity]
        holes = tuple(self._fetch(hole, shapes, prepared) for hole in step.holes)
        convert, entity = None, None
        if isinstance(step.ask, asks.Row):
            entity = step.ask.entity.name
            if not all(info.kind in _READY_KEYS for info in step.ask.entity.key):
                convert = tuple(info.kind.bind for info in step.ask.entity.key)
        constants = getattr(native, "constants", ())
        return Fetch(
            step.verb, step.source, native, slots, holes, step.field, constants, convert, entity
        )


class Planner:
    """Makes outlines; holds nothing but the catalog, the sources' compilers and the page limits."""

    def __init__(self, catalog: Catalog, preparer: Preparer, limits: PageLimits) -> None:
        self.catalog = catalog
        self.preparer = preparer
        self.limits = limits

    def outline(self, operation: OperationDefinitionNode, reader: Reader, root: str) -> Outline:
        """The outline of an operation on the type `root`. Raises InputError for bad literals."""
        making = _Making(self, reader)
        roots: list[RootOutline] = []
        walked: set[int] = set()
        whole = self.catalog.short
        for field in reader.root(root, operation.selection_set):
            if field.name == TYPENAME:
                roots.append(RootOutline(field, f'"{root}"'.encode(), {}, None))
                continue
            if field.info is None or field.info.plain or field.info.binding is None:
                whole = False
                continue
            roots.append(making.root(field))
            if making.walks(field, walked):
                whole = False
        return Outline(
            tuple(roots), tuple(making.specs), self.preparer, frozenset(walked), whole=whole
        )

    def outline_entity(self, field: Field, entity: EntityInfo, reader: Reader) -> Outline:
        """The outline of one entity's selection, for a reference a plain resolver returned."""
        making = _Making(self, reader)
        step = making.rows(field, entity)
        walked: set[int] = set()
        making.walks_below(field, walked)
        root = RootOutline(field, None, {"": step}, None)
        return Outline((root,), tuple(making.specs), self.preparer, frozenset(walked), whole=False)


class _Making:
    """One outline in the making: the readers found so far."""

    def __init__(self, planner: Planner, reader: Reader) -> None:
        self.planner = planner
        self.catalog = planner.catalog
        self.reader = reader
        self.specs: list[Spec] = []

    def _spec(self, spec: Spec) -> int:
        self.specs.append(spec)
        return len(self.specs) - 1

    # Roots -----------------------------------------------------------------------------------

    def root(self, field: Field) -> RootOutline:
        info = field.info
        binding = info.binding if info else None
        if isinstance(binding, b.ByNodeId):
            key = self._spec(NodeSpec(field, self.catalog))
            possible = sorted(self.catalog.possible[info.type_name]) if info else ()
            steps = {name: self.rows(field, self.catalog.entities[name]) for name in possible}
            return RootOutline(field, None, steps, key)
        if isinstance(binding, b.ByKey) and info is not None:
            entity = self.catalog.entities[info.type_name]
            key = self._spec(KeySpec(field, entity))
            return RootOutline(field, None, {"": self.rows(field, entity)}, key)
        if isinstance(binding, WriteBinding) and info is not None:
            entity = self.catalog.entities[info.type_name]
            spec = self._spec(WriteSpec(field, binding, entity, self.catalog))
            return RootOutline(field, None, {"": self.rows(field, entity)}, None, spec)
        if isinstance(binding, NamedSql):
            step, spec = self.named(field, binding.settled())
            writes = None if binding.settled().read_only else spec
            return RootOutline(field, None, {"": step}, None, writes)
        if isinstance(binding, b.Listing):
            return RootOutline(field, None, {"": self.page(field)}, None)
        if isinstance(binding, b.Search):
            step = self.hits(Verb.SEARCH, field, binding)
            return RootOutline(field, None, {"": step}, None)
        raise TypeError(f"{field.name} is not bound to a source at the root")

    # Steps -----------------------------------------------------------------------------------

    def rows(self, field: Field, entity: EntityInfo) -> Step:
        """Rows by key, each with what is asked below `field`."""
        first = len(self.specs)
        holes: list[Step] = []
        row = self._row(field, entity, holes)
        specs = self._own(first, holes)
        return Step(Verb.ROWS, entity.source, row, specs, tuple(holes), field)

    def page(self, field: Field) -> Step:
        """A list from the root."""
        first = len(self.specs)
        holes: list[Step] = []
        connection = self._connection(field, holes)
        source = connection.entity.source
        specs = self._own(first, holes)
        return Step(Verb.PAGE, source, connection, specs, tuple(holes), field)

    def named(self, field: Field, statement: NamedStatement) -> tuple[Step, int]:
        """A named statement, and the reader of its arguments."""
        spec = self._spec(NamedSpec(field, statement))
        holes: list[Step] = []
        row = self._row(field, statement.row, holes) if statement.row else None
        ask = asks.Named(statement, spec, row)
        specs = self._own(spec, holes)
        return Step(Verb.NAMED, statement.source, ask, specs, tuple(holes), field), spec

    def hits(self, verb: Verb, field: Field, binding: b.Search | b.Nearest) -> Step:
        """Vector hits, at the root or of an entity."""
        type_name = field.info.type_name if field.info else ""
        entity = self.catalog.entities[self.catalog.hits[type_name]]
        preparer = self.planner.preparer
        spec = self._spec(SearchSpec(field, lambda given: preparer.arguments(binding, given)))
        specs = [spec]
        holes: list[Step] = []
        parts: list[asks.HitPart] = []
        for child in self.reader.below(field, type_name):
            if child.name == TYPENAME:
                parts.append(asks.HitPart(child.key, TYPENAME, text=type_name))
            elif child.name == "payload":
                wanted = self._spec(PayloadSpec(child))
                specs.append(wanted)
                parts.append(asks.HitPart(child.key, child.name, spec=wanted))
            elif child.info is not None and child.info.leaf:
                parts.append(asks.HitPart(child.key, child.name))
            else:
                parts.append(asks.HitPart(child.key, "entity", slot=len(holes)))
                holes.append(self.rows(child, entity))
        ask = asks.Hits(binding.collection, type_name, tuple(parts))
        return Step(verb, binding.source, ask, tuple(specs), tuple(holes), field)

    def _own(self, first: int, holes: list[Step]) -> tuple[int, ...]:
        """The readers added since `first`, less those that belong to the holes."""
        theirs = {spec for hole in holes for spec in _all_specs(hole)}
        return tuple(spec for spec in range(first, len(self.specs)) if spec not in theirs)

    # Asks ------------------------------------------------------------------------------------

    def _row(self, field: Field, entity: EntityInfo, holes: list[Step]) -> asks.Row:
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
        binding = child.info.binding if child.info else None
        if isinstance(binding, b.ColumnBinding):
            return asks.Value(child.key, entity.columns[child.name])
        if isinstance(binding, b.NodeIdBinding):
            return asks.NodeId(child.key)
        if child.name in entity.relations:
            relation = entity.relations[child.name]
            if relation.many:
                return asks.Many(child.key, relation, self._connection(child, holes))
            target = self.catalog.entities[relation.target]
            return asks.One(child.key, relation, self._row(child, target, holes))
        slot = len(holes)
        if isinstance(binding, b.Nearest):
            holes.append(self.hits(Verb.NEAREST, child, binding))
            return asks.Hole(child.key, slot, entity.key)
        if isinstance(binding, b.Counter):
            names = b.placeholders(binding.pattern)
            ask = asks.State(binding.pattern, names)
            holes.append(Step(Verb.STATE, binding.source, ask, (), (), child))
            return asks.Hole(child.key, slot, tuple(entity.attributes[name] for name in names))
        raise TypeError(f"{entity.name}.{child.name} is not bound to a source")

    def _connection(self, field: Field, holes: list[Step]) -> asks.Connection:
        type_name = field.info.type_name if field.info else ""
        nodes = self.catalog.fields[type_name, "nodes"]
        entity = self.catalog.entities[nodes.type_name]
        spec = self._spec(PageSpec(field, entity, self.catalog, self.planner.limits))
        parts: list[asks.ConnectionPart] = []
        for child in self.reader.below(field, type_name):
            if child.name == TYPENAME:
                parts.append(asks.Constant(child.key, type_name))
            elif child.name == "edges":
                parts.append(self._edges(child, entity, holes))
            elif child.name == "nodes":
                parts.append(asks.Nodes(child.key, self._row(child, entity, holes)))
            elif child.name == "pageInfo":
                facts = tuple(
                    asks.Constant(fact.key, "PageInfo")
                    if fact.name == TYPENAME
                    else asks.PageFact(fact.key, fact.name)
                    for fact in self.reader.below(child, "PageInfo")
                )
                parts.append(asks.PageFacts(child.key, facts))
            elif child.name == "aggregate":
                of = computed(self.reader, child, self.catalog.aggregates[entity.name])
                parts.append(asks.Aggregate(child.key, of))
            elif child.name == "groups":
                parts.append(self._groups(child, entity))
            else:
                parts.append(asks.TotalCount(child.key))
        return asks.Connection(entity, spec, tuple(parts))

    def _groups(self, field: Field, entity: EntityInfo) -> asks.Groups:
        aggregates = self.catalog.aggregates[entity.name]
        parts = computed(self.reader, field, aggregates)
        keys = selected_keys(parts)
        spec = GroupSpec(field, aggregates, self.catalog, self.planner.limits, keys)
        return asks.Groups(field.key, self._spec(spec), parts)

    def _edges(self, field: Field, entity: EntityInfo, holes: list[Step]) -> asks.Edges:
        type_name = field.info.type_name if field.info else ""
        parts: list[asks.Constant | asks.Cursor | asks.EdgeNode | asks.Found] = []
        for child in self.reader.below(field, type_name):
            if child.name == TYPENAME:
                parts.append(asks.Constant(child.key, type_name))
            elif child.name == "cursor":
                parts.append(asks.Cursor(child.key))
            elif child.name in {"rank", "headline"}:
                parts.append(asks.Found(child.key, child.name))
            else:
                parts.append(asks.EdgeNode(child.key, self._row(child, entity, holes)))
        return asks.Edges(field.key, tuple(parts))

    # Walking ---------------------------------------------------------------------------------

    def walks(self, field: Field, walked: set[int]) -> bool:
        """Whether graphql-core must walk this field's value or run it; notes each such node."""
        if field.info is None:
            return False
        below = not field.info.plain and self.walks_below(field, walked)
        return below or field.info.walked

    def walks_below(self, field: Field, walked: set[int]) -> bool:
        """Whether graphql-core must walk into this field's value, whoever gives it."""
        below = False
        if field.info is not None and not field.info.leaf:
            named = field.info.type_name
            for type_name in self.catalog.possible.get(named, (named,)):
                for child in self.reader.below(field, type_name):
                    below |= self.walks(child, walked)
        if below:
            walked.update(id(node) for node in field.nodes)
        return below


def _all_specs(step: Step) -> set[int]:
    return set(step.specs).union(*(_all_specs(hole) for hole in step.holes))
