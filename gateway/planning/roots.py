"""The root fields of an outline. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.planning.arguments import KeySpec, NodeSpec
from gateway.planning.items import item_key
from gateway.planning.making import Making
from gateway.planning.outline import RootOutline
from gateway.planning.proxying import remote_fields
from gateway.planning.representations import RepresentationsSpec, keys_of
from gateway.planning.state import change_ask, read_ask
from gateway.planning.steps import Step, Verb
from gateway.planning.subscribing import event_step
from gateway.planning.writing import WriteSpec
from gateway.schema import asks
from gateway.schema import bindings as b
from gateway.schema.federation import ANY_ENTITY, Entities
from gateway.schema.items.bindings import ITEM_ROOTS, ItemWriteField
from gateway.schema.named.binding import NamedSql
from gateway.schema.state.fields import StateRoot, StateWrite
from gateway.schema.subscriptions import EventBinding
from gateway.schema.vectors.writes import READS, VectorChange
from gateway.schema.writes.mutations import WriteBinding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.caching.policy import Policy
    from gateway.planning.arguments import Spec
    from gateway.schema.selection import Field


class Roots(Making):
    """One outline in the making: its root fields."""

    def root(self, field: Field) -> RootOutline:
        """A root field and its step, or its steps where its type shows only when it is asked."""
        binding = field.binding
        if isinstance(binding, b.ByNodeId):
            spec = NodeSpec(field, self.catalog)
            return self._of_types(field, self.catalog.possible[field.type_name], spec)
        if isinstance(binding, Entities):
            return self._entities(field)
        if isinstance(binding, b.ByKey):
            entity = self.catalog.entities[field.type_name]
            key = self.spec(KeySpec(field, entity))
            return RootOutline(field, None, {"": self.rows(field, entity)}, key)
        if isinstance(binding, WriteBinding):
            entity = self.catalog.entities[field.type_name]
            spec_of_write = self.spec(WriteSpec(field, binding, entity, self.catalog))
            return RootOutline(field, None, {"": self.rows(field, entity)}, None, spec_of_write)
        if isinstance(binding, ITEM_ROOTS):
            reader = item_key(binding, field, self.catalog)
            item = None if reader is None else self.spec(reader)
            return RootOutline(field, None, {"": self.items(field, binding)}, item)
        step, writes = self._step(field, binding)
        return RootOutline(field, None, {"": step}, None, writes)

    def _of_types(self, field: Field, types: Iterable[str], spec: Spec) -> RootOutline:
        """A field whose arguments say of which type its rows are."""
        key = self.spec(spec)
        steps = {name: self.rows(field, self.catalog.entities[name]) for name in sorted(types)}
        return RootOutline(field, None, steps, key)

    def _entities(self, field: Field) -> RootOutline:
        """`_entities`, whose rows are also found by other keys than the first."""
        types = self.catalog.possible[ANY_ENTITY]
        found = self._of_types(field, types, RepresentationsSpec(field, self.catalog, types))
        found.of_entities = True
        first = dict(found.steps)
        found.steps = {
            label: replace(step, ask=replace(step.ask, by=key)) if key else step
            for name, step in first.items()
            if isinstance(step.ask, asks.Row)
            for label, key in keys_of(self.catalog.entities[name]).items()
        }
        return found

    def _step(self, field: Field, binding: b.Binding | None) -> tuple[Step, int | None]:
        """The one step of a field, and the reader of what it writes."""
        if isinstance(binding, NamedSql):
            step, spec = self.named(field, binding.settled())
            return step, None if binding.settled().read_only else spec
        if isinstance(binding, VectorChange):
            step = self.act(field, binding)
            return step, None if binding.operation in READS else step.specs[0]
        if isinstance(binding, ItemWriteField):
            return self.item_write(field, binding)
        if isinstance(binding, StateWrite):
            change, spec = change_ask(field, binding, self.reader, self.spec)
            return Step(Verb.CHANGE, "", change, (spec,), (), field), spec
        return self._read(field, binding), None

    def _read(self, field: Field, binding: b.Binding | None) -> Step:
        if isinstance(binding, b.Listing):
            return self.page(field)
        if isinstance(binding, b.Vectors):
            return self.vectors(field, binding)
        if isinstance(binding, EventBinding):
            return event_step(self, field, binding)
        if isinstance(binding, StateRoot):
            read, specs = read_ask(field, self.reader, self.spec)
            return Step(Verb.NAMESPACE, "", read, specs, (), field)
        raise TypeError(f"{field.name} is not bound to a source at the root")

    def remote(self, operation: str, roots: list[RootOutline], policy: Policy | None) -> None:
        """Let root fields of one upstream share one step; `policy`: how long it may be kept."""
        fields = [root.field for root in roots]
        source = fields[0].info.binding.source  # type: ignore[union-attr]  # a remote binding
        pushing = self.pushing(source)
        ask = remote_fields(operation, fields, pushing, self.reader)
        step = self.upstream_step(Verb.REMOTE_FIELDS, source, ask, pushing, fields[0])
        step = replace(step, policy=policy)
        for part, root in enumerate(roots):
            root.steps, root.part, root.parts = {"": step}, part, len(roots)
