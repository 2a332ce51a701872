"""What is planned of an operation before its arguments are known, and plans once they are. Pure.

`Outline` holds what depends on the document and on its `@skip`/`@include` alone: steps and
argument readers. `Outline.plan` adds the shapes of the arguments and caches what it compiles.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.narrowing import branches_of
from gateway.planning.steps import Fetch, Plan, Root, Step
from gateway.schema import asks
from gateway.schema.columns.kinds import INT, INT_ID, TEXT, TEXT_ID, UUID, UUID_ID
from gateway.schema.items.bindings import ItemWriteField
from gateway.schema.writes.mutations import WriteBinding

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from gateway.caching.policy import Policy
    from gateway.planning.arguments import Spec
    from gateway.planning.cacheability import CachePolicies
    from gateway.planning.cacheable_fields import Places
    from gateway.planning.registry import Registry
    from gateway.planning.variables import Variables
    from gateway.schema.access.demands import Demand
    from gateway.schema.selection import Field

MAX_PLANS = 64
"""Plans kept per document and set of conditions: `where` shapes have no end."""

_READY_KEYS = {INT, INT_ID, TEXT, TEXT_ID, UUID, UUID_ID}


@dataclass(slots=True, eq=False)
class RootOutline:
    """A root field before its arguments are known: a constant, or one step (by type, for nodes).

    What its members mean is told of `gateway.planning.steps.Root`.
    """

    field: Field
    constant: bytes | None
    steps: Mapping[str, Step]
    key_spec: int | None
    write_spec: int | None = None
    part: int | None = None
    parts: int = 0
    of_entities: bool = False
    believes: bool = False


class Outline:
    """A document's operation under one set of conditions.

    `whole` says that every root field is planned and nothing below is walked, so that the
    operation need not enter graphql-core. `walked` holds the syntax nodes (by identity) whose
    value graphql-core must walk. `plain` are the cache policies of what plain resolvers give,
    `places` what was found out about keeping that.
    """

    def __init__(  # noqa: PLR0913 - one part each
        self,
        roots: tuple[RootOutline, ...],
        specs: tuple[Spec, ...],
        sources: Registry,
        walked: frozenset[int],
        policies: CachePolicies,
        *,
        whole: bool,
        plain: tuple[Policy, ...] = (),
    ) -> None:
        self.roots = roots
        self.specs = specs
        self.walked = walked
        self.whole = whole
        self._sources = sources
        self._policies = policies
        self.plain = plain
        self._marks = False
        self.places: Places = {}
        self._plans: OrderedDict[tuple[Hashable, ...], Plan] = OrderedDict()

    @cached_property
    def marked(self) -> Outline:
        """The same, for plans whose answers say which rows they show (`Registry.marked`)."""
        twin = copy(self)
        twin.__dict__.update(_marks=True, _plans=OrderedDict())
        return twin

    def read(
        self, variables: Variables
    ) -> tuple[tuple[Hashable, ...], tuple[tuple[Any, ...], ...]]:
        """What each of the readers gives: their shapes, and their values.

        Raises InputError with the place in the document of the argument that is wrong.
        """
        shapes, values = [], []
        for spec in self.specs:
            try:
                shape, given = spec.read(variables)
            except InputError as error:
                raise spec.located(error) from None
            shapes.append(shape)
            values.append(given)
        return tuple(shapes), tuple(values)

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
        roots = tuple(self._root(root, shapes, prepared) for root in self.roots)
        policy = self._policies.of_response(roots, self.plain) if self._policies else None
        demands = dict.fromkeys(
            demand
            for spec, shape in zip(self.specs, shapes, strict=True)
            for demand in spec.demands(shape)
        )
        return Plan(roots, tuple(demands), policy)

    def demanded(self, values: Iterable[tuple[Any, ...]]) -> Iterator[Demand]:
        """What the writes of a mutation ask of the viewer, by the values of their arguments."""
        for spec, given in zip(self.specs, values, strict=True):
            yield from spec.demands_of(given)

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
        many = isinstance(binding, WriteBinding | ItemWriteField) and binding.many
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
            prepared[identity] = self._sources.prepare(step.verb, step.source, step.ask, own)
        native, slots = prepared[identity]
        if (native, step.ranking) not in prepared:
            prepared[native, step.ranking] = branches_of(self._sources, step, native, shapes)
        holes = tuple(self._fetch(hole, shapes, prepared) for hole in step.holes)
        entity = None
        convert: tuple[Callable[[Any, str], Any], ...] | None = None
        if isinstance(step.ask, asks.Row):
            entity = step.ask.entity.name
            key = step.ask.by or step.ask.entity.key
            ready = all(info.kind in _READY_KEYS for info in key)
            if step.foreign:
                convert = tuple(partial(_foreign, info.kind.bind) for info in key)
            elif not ready:
                convert = tuple(info.kind.bind for info in key)
        elif isinstance(step.ask, asks.Related):
            convert = (partial(_foreign, step.ask.column.kind.bind),)
        constants = getattr(native, "constants", ())
        ranked = prepared[native, step.ranking]
        caching, marked = self._policies.caching(step), None
        if ranked is None and (caching is not None or self._marks):
            marked = self._sources.marked(step.verb, step.source, step.ask, own)
        if caching is not None:
            caching.marked = marked
        return Fetch(
            step.verb,
            step.source,
            marked if self._marks and marked is not None else native,
            slots,
            holes,
            step.field,
            constants,
            convert,
            entity,
            ranked,
            getattr(native, "guard", None),
            caching,
        )


def _foreign(bind: Callable[[Any, str], Any], value: Any, name: str) -> Any:
    """A key that another service holds, whose integer may be our text. Raises InputError."""
    try:
        return bind(value, name)
    except InputError:
        if type(value) is not int:
            raise
        return bind(str(value), name)
