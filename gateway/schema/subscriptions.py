"""Subscription fields: what they are bound to, and what is asked of each event.

A subscription is a query that is answered again and again: its field names where events come from,
and what is selected below it is planned and read anew for each of them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry
from strawberry.directive import DirectiveLocation, DirectiveValue
from strawberry.scalars import JSON

from gateway.errors import ConfigurationError
from gateway.schema.bindings import Binding, bound
from gateway.schema.members import Member, argument, make_type, part
from gateway.schema.roots import subscriptions

if TYPE_CHECKING:
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema import asks
    from gateway.schema.catalog import EntityInfo

T = TypeVar("T")

MESSAGE = "StateMessage"
LIVE = "live"


@strawberry.directive(
    name=LIVE,
    locations=[DirectiveLocation.QUERY],
    description="Answers the query again whenever what it reads has changed, for clients that take "
    "several answers: over WebSocket, as an event stream or in parts. Others get the first.",
)
def live(
    value: DirectiveValue[object],
    *,
    if_: Annotated[bool, strawberry.argument(name="if", description="Whether it does.")] = True,
    throttle: Annotated[
        int, strawberry.argument(description="Milliseconds: answers come at multiples of them.")
    ] = 100,
    poll: Annotated[
        int | None,
        strawberry.argument(
            description="Milliseconds after which it looks though no change was told of. Needed "
            "where something is read that does not tell: only watched tables do."
        ),
    ] = None,
) -> object:
    """Read by the engine from the operation; as a field directive it does nothing."""
    del if_, throttle, poll
    return value


class Change(Generic[T]):
    """The annotation of a field that tells of changed rows.

    `Change[Trend]` becomes `TrendChange`, with `operation`, the key's fields and the row as it is
    now under the entity's own name, `trend`.
    """


class EventBinding(Binding):
    """A subscription field; one subclass for each sort of event."""


class Changes(EventBinding):
    """Rows of an entity that were inserted, updated or deleted, by whomever."""


class Messages(EventBinding):
    """What is published on the channels of a namespace."""


def changes(**options: Any) -> Any:
    """A subscription that tells of changed rows.

    `trend_changed: Change[Trend] | None = changes()`. The entity's table must be watched by the
    change feed (docs/change-feed.md).
    """
    return bound(Changes(), options)


@strawberry.enum(description="What became of a row.")
class ChangeOperation(enum.Enum):
    """As the change feed tells it."""

    INSERT = strawberry.enum_value("INSERT", description="It is new.")
    UPDATE = strawberry.enum_value("UPDATE", description="It was changed.")
    DELETE = strawberry.enum_value("DELETE", description="It is gone.")
    REFRESH = strawberry.enum_value(
        "REFRESH",
        description="Any row may have changed, and which ones is not known: read anew what you "
        "show. Told after a bulk change or a lost connection, and where this subscriber was slow.",
    )


@strawberry.type(name=MESSAGE, description="What was published on a channel.")
class StateMessage:
    """A message of Redis pub/sub."""

    channel: str = part("The channel, relative to the namespace.")
    value: JSON | None = part("What was published; a string in a namespace of raw text.")
    missed: bool = part("Whether messages before this one may have been missed.")


@subscriptions
class StateSubscriptions:
    """Listening to channels."""

    state_messages: StateMessage | None = bound(
        Messages(), {"description": "What is published on channels of a namespace from now on."}
    )


def message_arguments(namespaces: type) -> list[StrawberryArgument]:
    """The arguments of a field that listens to channels."""
    says = "The channel, relative to the namespace; `*` stands for any characters."
    return [
        argument("namespace", namespaces, "Whose channels."),
        argument("channel", str, says),
    ]


def change_arguments(entity: EntityInfo, where: type) -> list[StrawberryArgument]:
    """The arguments of a field that tells of an entity's changes."""
    keys = [
        argument(info.name, info.kind.annotation | None, f"Only the row with this `{info.name}`.")
        for info in entity.key
    ]
    says = "Only rows that are like this after the change. A deletion is told whatever it was like."
    return [*keys, argument("where", where | None, says)]


def change_type(entity: EntityInfo) -> type:
    """`<Entity>Change`. Raises ConfigurationError where the feed cannot tell the entity's keys."""
    primary = {column.name for column in entity.table.primary_key.columns}
    if {info.column.name for info in entity.key} != primary:
        raise ConfigurationError(
            f"{entity.name}: changes are told by the primary key of {entity.table.name}, "
            "so the entity's key must be the same columns."
        )
    row = row_member(entity)
    members: dict[str, Member] = {
        "operation": Member(ChangeOperation, "What happened."),
        **{
            info.name: Member(
                info.kind.annotation | None,
                f"The row's `{info.name}`; null where it is not known which row changed.",
            )
            for info in entity.key
        },
    }
    if row in members:
        raise ConfigurationError(f"{entity.name}: a change has a member {row} already.")
    members[row] = Member(
        entity.cls | None,
        "The row as it is now; null where it is gone, or not known.",
    )
    return make_type(f"{entity.name}Change", members, "What became of a row.")


def row_member(entity: EntityInfo) -> str:
    """How a change calls its row."""
    return entity.name[:1].lower() + entity.name[1:]


# What is asked -----------------------------------------------------------------------------------


EventPart: TypeAlias = "asks.Constant | asks.Hole | asks.Fact"


@dataclass(frozen=True, slots=True)
class ChangeEvents:
    """Changes of an entity's rows, in response order.

    The reader `spec` gives the key of the only row that is wanted, or nothing. `guarded`: the fetch
    in slot 0 finds which rows may be told of.
    """

    entity: EntityInfo
    parts: tuple[EventPart, ...]
    spec: int
    guarded: bool


@dataclass(frozen=True, slots=True)
class MessageEvents:
    """Messages of a namespace; the reader `spec` gives it as shape, and the channels' pattern."""

    parts: tuple[asks.Constant | asks.Fact, ...]
    spec: int
