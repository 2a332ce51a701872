"""Subscription fields in a plan: a step that waits for events, and below it what each one needs.

An event arrives in response shape, with holes where rows belong. So whatever follows is planned
and read like the rest of any answer. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import SplitSpec
from gateway.planning.narrowing import WhereSpec
from gateway.planning.steps import Step, Verb
from gateway.schema import asks
from gateway.schema.selection import Field
from gateway.schema.state.keys import glob
from gateway.schema.subscriptions import (
    ChangeEvents,
    EventBinding,
    EventPart,
    MessageEvents,
    Messages,
)
from gateway.sources.contract import Prepared

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from gateway.planning.making import Making
    from gateway.schema.catalog import EntityInfo
    from gateway.schema.state.namespaces import Guard

VISIBLE = "visible"
"""How the fetch that finds which rows may be told of is called in explanations."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedEvents(Prepared):
    """What is listened to; never executed. `guard` refuses viewers who may not listen."""

    ask: ChangeEvents | MessageEvents
    guard: Guard | None = None

    def described(self) -> Mapping[str, Any]:
        """For `explain`."""
        if isinstance(self.ask, ChangeEvents):
            return {"changes": self.ask.entity.table.fullname}
        return {"channels": self.guard.namespace.prefix if self.guard else ""}


def event_step(making: Making, field: Field, binding: EventBinding) -> Step:
    """The step of a subscription field."""
    if isinstance(binding, Messages):
        spec = making.spec(SplitSpec(field, _channel))
        facts = making.reader.parts(field, lambda child: asks.Fact(child.key, child.name))
        return Step(Verb.EVENTS, "", MessageEvents(facts, spec), (spec,), (), field)
    entity = _entity_of(making, field.type_name)
    spec = making.spec(SplitSpec(field, partial(_changed_key, entity)))
    holes: list[Step] = []
    guarded = entity.rule is not None or _has_where(field)
    if guarded:
        where = making.spec(WhereSpec(field, entity, making.catalog))
        probe = Field(VISIBLE, VISIBLE, None, field.nodes)
        row = asks.Row(entity, (), where)
        holes.append(Step(Verb.ROWS, entity.source, row, (where,), (), probe))
    parts = _changed(making, field, entity, holes)
    ask = ChangeEvents(entity, parts, spec, guarded)
    return Step(Verb.EVENTS, entity.source, ask, (spec,), tuple(holes), field)


def _changed(
    making: Making, field: Field, entity: EntityInfo, holes: list[Step]
) -> tuple[EventPart, ...]:
    """The members of a change; the steps of its rows join the `holes`."""

    def part(child: Field) -> asks.Hole | asks.Fact:
        if child.type_name != entity.name:
            return asks.Fact(child.key, child.name)
        # The feed gives keys as JSON scalars, whatever the columns' types.
        holes.append(replace(making.rows(child, entity), foreign=True))
        return asks.Hole(child.key, len(holes) - 1, entity.key)

    return making.reader.parts(field, part)


def _entity_of(making: Making, type_name: str) -> EntityInfo:
    """The entity whose changes a type tells: that of its one member that is an entity."""
    for (parent, _), info in making.catalog.fields.items():
        if parent == type_name and info.type_name in making.catalog.entities:
            return making.catalog.entities[info.type_name]
    raise TypeError(f"{type_name} tells of no entity")


def _has_where(field: Field) -> bool:
    return any(argument.name.value == "where" for argument in field.nodes[0].arguments or ())


def _changed_key(entity: EntityInfo, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
    """Whether only one row's changes are wanted, and its key. Raises InputError."""
    given = [info for info in entity.key if values.get(info.name) is not None]
    if not given:
        return False, ()
    if len(given) < len(entity.key):
        names = ", ".join(f"`{info.name}`" for info in entity.key)
        raise InputError(f"Give all of {names}, or none.")
    return True, tuple(info.kind.bind(values[info.name], info.name) for info in given)


def _channel(values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
    """The namespace's name as the shape; the channels' pattern as it stands behind the prefix."""
    if not values["channel"]:
        raise InputError.about("channel", "must not be empty")
    namespace = values["namespace"]
    return getattr(namespace, "value", namespace), (glob(values["channel"], "channel"),)
