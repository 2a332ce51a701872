"""From a selection to a plan: which source is asked what, in which wave. Pure.

`Outline` holds what depends on the document and on its `@skip`/`@include` alone: steps and
argument readers. `Outline.plan` adds the shapes of the arguments and caches what it compiles.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.planning.aggregating import GroupSpec, computed, selected_keys
from gateway.planning.arguments import (
    KeySpec,
    NodeSpec,
    PageLimits,
    PageSpec,
    SearchSpec,
    Spec,
)
from gateway.planning.cacheability import CachePolicies
from gateway.planning.hybrid import FusionSpec
from gateway.planning.naming import NamedSpec
from gateway.planning.narrowing import WhereSpec, branches_of
from gateway.planning.permits import demanded
from gateway.planning.proxying import Pushing, VariablesSpec, remote_fields, remote_objects
from gateway.planning.state import change_ask, read_ask
from gateway.planning.representations import RepresentationsSpec
from gateway.planning.steps import Fetch, Plan, Root, Step, Verb
from gateway.planning.vector_parts import VectorParts
from gateway.planning.vector_writing import act_of, is_write
from gateway.planning.writing import WriteSpec
from gateway.schema import asks
from gateway.schema import bindings as b
from gateway.schema.hybrid import SIDE_NAMES, may_be_narrowed
from gateway.schema.federation import ANY_ENTITY, Entities
from gateway.schema.kinds import INT, INT_ID, TEXT, TEXT_ID, UUID, UUID_ID
from gateway.schema.mutations import WriteBinding
from gateway.schema.named.binding import NamedSql
from gateway.schema.remote import (
    RemoteFields,
    RemoteNamespace,
    RemoteObject,
    RemoteObjects,
    RemoteRoot,
)
from gateway.schema.selection import TYPENAME, Field, Reader
from gateway.schema.state_fields import StateRoot, StateValue, StateWrite
from gateway.schema.vector_writes import VectorChange

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from graphql import OperationDefinitionNode

    from gateway.planning.steps import Preparer
    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.schema.named.statement import NamedStatement

MAX_PLANS = 64
"""Plans kept per document and set of conditions: `where` shapes have no end."""

_RANKED = {Verb.SEARCH, Verb.NEAREST, Verb.RECOMMEND}
"""Readings that rows may take part in."""

_TREES = {
    Verb.SEARCH_GROUPS,
    Verb.FACET,
    Verb.POINTS,
    Verb.POINT_COUNT,
    Verb.POINT_PAGE,
}
"""Readings that are no lists of hits."""

_READY_KEYS = {INT, INT_ID, TEXT, TEXT_ID, UUID, UUID_ID}


class RootOutline:
    """A root field before its arguments are known: a constant, or one step (by type, for nodes)."""

    __slots__ = (
        "believes",
        "constant",
        "field",
        "key_spec",
        "of_entities",
        "part",
        "parts",
        "steps",
        "write_spec",
    )

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
        self.part: int | None = None
        self.parts = 0
        self.of_entities = self.believes = False


class Outline:
    """A document's operation under one set of conditions.

    `whole` says that every root field is planned and nothing below is walked, so that the
    operation need not enter graphql-core. `walked` holds the syntax nodes (by identity) whose
    value graphql-core must walk.
    """

    def __init__(  # noqa: PLR0913 - one part each
        self,
        roots: tuple[RootOutline, ...],
        specs: tuple[Spec, ...],
        preparer: Preparer,
        walked: frozenset[int],
        policies: CachePolicies,
        *,
        whole: bool,
    ) -> None:
        self.roots = roots
        self.specs = specs
        self.walked = walked
        self.whole = whole
        self._preparer = preparer
        self._policies = policies
        self._plans: OrderedDict[tuple[Hashable, ...], Plan] = OrderedDict()

    def plan(self, shapes: tuple[Hashable, ...]) -> Plan:
        """The plan for these shapes of the readers' arguments, compiled at its first use."""
        plan = self.known(shapes)
        if plan is None:
            plan = self.compiled(shapes)
            self.keep(shapes, plan)
        return plan

    def known(self, shapes: tuple[Hashable, ...]) -> Plan | None:
        """The plan for these shapes, if it was compiled lately."""
        return self._plans.get(shapes)

    def keep(self, shapes: tuple[Hashable, ...], plan: Plan) -> None:
        """Remember a plan, and forget the oldest of too many."""
        self._plans[shapes] = plan
        if len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)

    def compiled(self, shapes: tuple[Hashable, ...]) -> Plan:
        """A new plan for these shapes; changes nothing here, so that any thread may compile."""
        prepared: dict[Hashable, Any] = {}
        return Plan(
            tuple(self._root(root, shapes, prepared) for root in self.roots),
            demanded(self.specs, shapes),
        )

    def _root(
        self, root: RootOutline, shapes: tuple[Hashable, ...], prepared: dict[Hashable, Any]
    ) -> Root:
        prefix = f'"{root.field.key}":'.encode()
        info = root.field.info
        nullable = info is not None and info.nullable
        if root.constant is not None:
            return Root(root.field, prefix, nullable=False, constant=root.constant)
        if root.of_entities and root.key_spec is not None:
            return self._entities(root, root.key_spec, prefix, shapes, prepared)
        kind = shapes[root.key_spec] if root.key_spec is not None else ()
        step = root.steps[kind if isinstance(kind, str) else ""]
        fetch = self._fetch(step, shapes, prepared)
        binding = info.binding if info else None
        many = isinstance(binding, WriteBinding) and binding.many
        return Root(
            root.field,
            prefix,
            nullable,
            None,
            fetch,
            root.key_spec,
            root.write_spec,
            many,
            root.part,
            root.parts,
        )

    def _entities(
        self,
        root: RootOutline,
        key_spec: int,
        prefix: bytes,
        shapes: tuple[Hashable, ...],
        prepared: dict[Hashable, Any],
    ) -> Root:
        names: Any = shapes[key_spec]
        fetches = {name: self._fetch(root.steps[name], shapes, prepared) for name in names}
        return Root(
            root.field,
            prefix,
            nullable=False,
            key_spec=key_spec,
            entities=fetches,
            believes=root.believes,
        )

    def _fetch(
        self, step: Step, shapes: tuple[Hashable, ...], prepared: dict[Hashable, Any]
    ) -> Fetch:
        own = {spec: shapes[spec] for spec in step.specs}
        identity = (step.verb, step.source, step.ask, tuple(own.items()))
        if identity not in prepared:
            prepared[identity] = self._preparer.prepare(step.verb, step.source, step.ask, own)
        native, slots = prepared[identity]
        if (native, step.ranking) not in prepared:
            prepared[native, step.ranking] = branches_of(self._preparer, step, native, shapes)
        holes = tuple(self._fetch(hole, shapes, prepared) for hole in step.holes)
        convert, entity = None, None
        if isinstance(step.ask, asks.Row):
            entity = step.ask.entity.name
            ready = all(info.kind in _READY_KEYS for info in step.ask.entity.key)
            if step.foreign or not ready:
                convert = tuple(info.kind.bind for info in step.ask.entity.key)
        constants = getattr(native, "constants", ())
        return Fetch(
            step.verb,
            step.source,
            native,
            slots,
            holes,
            step.field,
            constants,
            convert,
            entity,
            prepared[native, step.ranking],
            getattr(native, "guard", None),
            self._policies.caching(step),
        )


class Planner:
    """Makes outlines; holds nothing but the catalog, the sources' compilers and the page limits."""

    def __init__(self, catalog: Catalog, preparer: Preparer, limits: PageLimits) -> None:
        self.catalog = catalog
        self.preparer = preparer
        self.limits = limits
        self.policies = CachePolicies(catalog)

    def outline(self, operation: OperationDefinitionNode, reader: Reader, root: str) -> Outline:
        """The outline of an operation on the type `root`. Raises InputError for bad literals."""
        making = _Making(self, reader)
        roots: list[RootOutline] = []
        walked: set[int] = set()
        remote: dict[str, list[RootOutline]] = {}
        whole = self.catalog.short and not reader.cuts_root(root, operation.selection_set)
        for field in reader.root(root, operation.selection_set):
            if field.name == TYPENAME:
                roots.append(RootOutline(field, f'"{root}"'.encode(), {}, None))
                continue
            if field.info is None or field.info.plain or field.info.binding is None:
                whole = False
                continue
            binding = field.info.binding
            if isinstance(binding, RemoteRoot | RemoteNamespace):
                roots.append(RootOutline(field, None, {}, None))
                # Writes go one after the other, each in a document of its own.
                group = binding.source if operation.operation.value == "query" else field.key
                remote.setdefault(group, []).append(roots[-1])
            else:
                roots.append(making.root(field))
            if making.walks(field, walked):
                whole = False
                roots[-1].believes = roots[-1].of_entities
        for together in remote.values():
            making.remote(operation.operation.value, together)
        return Outline(
            tuple(roots),
            tuple(making.specs),
            self.preparer,
            frozenset(walked),
            self.policies,
            whole=whole,
        )

    def outline_entity(self, field: Field, entity: EntityInfo, reader: Reader) -> Outline:
        """The outline of one entity's selection, for a reference a plain resolver returned."""
        making = _Making(self, reader)
        step = making.rows(field, entity)
        walked: set[int] = set()
        making.walks_below(field, walked)
        root = RootOutline(field, None, {"": step}, None)
        specs, below = tuple(making.specs), frozenset(walked)
        return Outline((root,), specs, self.preparer, below, self.policies, whole=False)


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
        if isinstance(binding, Entities):
            types = self.catalog.possible[ANY_ENTITY]
            key = self._spec(RepresentationsSpec(field, self.catalog, types))
            steps = {name: self.rows(field, self.catalog.entities[name]) for name in sorted(types)}
            found = RootOutline(field, None, steps, key)
            found.of_entities = True
            return found
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
        if isinstance(binding, VectorChange):
            step = self.act(field, binding)
            writes = step.specs[0] if is_write(binding) else None
            return RootOutline(field, None, {"": step}, None, writes)
        if isinstance(binding, b.Vectors):
            return RootOutline(field, None, {"": self.vectors(field, binding)}, None)
        if isinstance(binding, StateRoot):
            read, specs = read_ask(field, self.reader, self._spec)
            step = Step(Verb.NAMESPACE, "", read, specs, (), field)
            return RootOutline(field, None, {"": step}, None)
        if isinstance(binding, StateWrite):
            change, spec = change_ask(field, binding, self.reader, self._spec)
            step = Step(Verb.CHANGE, "", change, (spec,), (), field)
            return RootOutline(field, None, {"": step}, None, spec)
        raise TypeError(f"{field.name} is not bound to a source at the root")

    def remote(self, operation: str, roots: list[RootOutline]) -> None:
        """Let root fields of one upstream share one step."""
        fields = [root.field for root in roots]
        source = fields[0].info.binding.source  # type: ignore[union-attr]  # a remote binding
        pushing = self._pushing(source)
        ask = remote_fields(operation, fields, pushing, self.reader)
        step = self._remote(Verb.REMOTE_FIELDS, source, ask, pushing, fields[0])
        for part, root in enumerate(roots):
            root.steps, root.part, root.parts = {"": step}, part, len(roots)

    def _pushing(self, source: str) -> Pushing:
        upstream = self.catalog.upstreams[source]
        return Pushing(self.catalog, self.reader, upstream, self.rows)

    def _remote(
        self,
        verb: Verb,
        source: str,
        ask: RemoteFields | RemoteObjects,
        pushing: Pushing,
        field: Field,
    ) -> Step:
        names = [name for name, _ in ask.selection.variables]
        spec = self._spec(VariablesSpec(names, self.reader.variables))
        return Step(verb, source, ask, (spec,), tuple(pushing.holes), field)

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
        binding = field.info.binding if field.info else None
        near = binding.near if isinstance(binding, b.Listing) else None
        return Step(Verb.PAGE, source, connection, specs, tuple(holes), field, near=near)

    def named(self, field: Field, statement: NamedStatement) -> tuple[Step, int]:
        """A named statement, and the reader of its arguments."""
        spec = self._spec(NamedSpec(field, statement))
        holes: list[Step] = []
        row = self._row(field, statement.row, holes) if statement.row else None
        ask = asks.Named(statement, spec, row)
        specs = self._own(spec, holes)
        return Step(Verb.NAMED, statement.source, ask, specs, tuple(holes), field), spec

    def act(self, field: Field, binding: VectorChange) -> Step:
        """A change of a vector engine, or a look at its collections."""
        preparer = self.planner.preparer
        spec = self._spec(SearchSpec(field, lambda given: preparer.act_arguments(binding, given)))
        ask = act_of(self.reader, field, binding)
        return Step(Verb.VECTOR_ACT, binding.source, ask, (spec,), (), field)

    def vectors(self, field: Field, binding: b.Vectors) -> Step:
        """What is read of a vector collection, at the root or of an entity."""
        type_name = field.info.type_name if field.info else ""
        preparer = self.planner.preparer
        spec = self._spec(SearchSpec(field, lambda given: preparer.arguments(binding, given)))
        found = VectorParts(self.reader, self.catalog, self._spec, self.rows)
        parts = found.below(field, type_name)
        verb, collection = Verb(binding.reading.value), binding.collection
        specs, holes = (spec, *found.specs), tuple(found.holes)
        if verb in _TREES:
            tree = asks.VectorTree(binding.reading, collection, type_name, parts, found.key)
            return Step(verb, binding.source, tree, specs, holes, field)
        ask, ranking = asks.Hits(collection, type_name, parts, found.key), None
        if verb in _RANKED and type_name in self.catalog.hits:
            entity = self.catalog.entities[self.catalog.hits[type_name]]
            ask, ranking = self._ranking(verb, field, entity, ask)
        return Step(verb, binding.source, ask, specs, holes, field, ranking)

    def _ranking(
        self, verb: Verb, field: Field, entity: EntityInfo, hit: asks.Hits
    ) -> tuple[asks.Hits, asks.Ranking | None]:
        """What rows have to do with a vector search, and what its hits show without them."""
        if not may_be_narrowed(entity):
            return hit, None
        where = self._spec(WhereSpec(field, entity, self.catalog))
        fusion = None
        if verb is Verb.SEARCH and entity.text is not None:
            fusion = self._spec(FusionSpec(field, entity, self.catalog))
        own = tuple(part for part in hit.parts if part.name not in SIDE_NAMES)
        sides = len(own) < len(hit.parts)
        return replace(hit, parts=own), asks.Ranking(entity, where, fusion, sides, hit)

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
            holes.append(self.vectors(child, binding))
            return asks.Hole(child.key, slot, entity.key)
        if isinstance(binding, RemoteObject):
            pushing = self._pushing(binding.source)
            objects = remote_objects(binding, entity, pushing, child)
            step = self._remote(Verb.REMOTE_OBJECTS, binding.source, objects, pushing, child)
            holes.append(step)
            return asks.Hole(child.key, slot, objects.key)
        if isinstance(binding, b.Counter | StateValue):
            names = b.placeholders(binding.pattern)
            kind = binding.kind if isinstance(binding, StateValue) else "counter"
            ask = asks.State(binding.pattern, names, kind)
            holes.append(Step(Verb.STATE, binding.source, ask, (), (), child))
            return asks.Hole(child.key, slot, tuple(entity.attributes[name] for name in names))
        raise TypeError(f"{entity.name}.{child.name} is not bound to a source")

    def _connection(self, field: Field, holes: list[Step]) -> asks.Connection:
        type_name = field.info.type_name if field.info else ""
        nodes = self.catalog.fields[type_name, "nodes"]
        entity = self.catalog.entities[nodes.type_name]
        spec = self._spec(
            PageSpec(field, entity, self.catalog, self.planner.limits, self._near(field))
        )
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

    def _near(self, field: Field) -> Callable[[Mapping[str, Any]], Hashable] | None:
        """What makes one value of the vector search that narrows a list, where one may."""
        binding = field.info.binding if field.info else None
        near = binding.near if isinstance(binding, b.Listing) else None
        return None if near is None else partial(self.planner.preparer.arguments, near)

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
                below |= self.reader.cuts_below(field, type_name)
                for child in self.reader.below(field, type_name):
                    below |= self.walks(child, walked)
        if below:
            walked.update(id(node) for node in field.nodes)
        return below


def _all_specs(step: Step) -> set[int]:
    own = set(step.specs)
    if step.ranking is not None:
        own |= {step.ranking.where, step.ranking.fusion or step.ranking.where}
    return own.union(*(_all_specs(hole) for hole in step.holes))
