"""The GraphQL types of stored values: what can be read of a namespace, and what writes return."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import strawberry
from strawberry.scalars import JSON

from gateway.errors import ConfigurationError
from gateway.schema.columns.scalars import BigInt
from gateway.schema.definitions import names_enum
from gateway.schema.lists.connection import PageInfo
from gateway.schema.members import argument, part


@strawberry.enum(description="What sort of value is stored under a key.")
class StateKind(enum.Enum):
    """Redis's types, by its own names."""

    STRING = strawberry.enum_value("string", description="A text, or a counter.")
    HASH = strawberry.enum_value("hash", description="Texts by field.")
    LIST = strawberry.enum_value("list", description="Texts in an order.")
    SET = strawberry.enum_value("set", description="Different texts.")
    SORTED_SET = strawberry.enum_value("zset", description="Different texts by score.")
    STREAM = strawberry.enum_value("stream", description="Entries in the order they came.")


@strawberry.enum(description="From which score a leaderboard begins.")
class StateOrder(enum.Enum):
    """The direction of ranks."""

    HIGHEST_FIRST = strawberry.enum_value("highest", description="From the highest score down.")
    LOWEST_FIRST = strawberry.enum_value("lowest", description="From the lowest score up.")


@strawberry.enum(description="When a value is stored.")
class StateCondition(enum.Enum):
    """`NX` and `XX`."""

    IF_ABSENT = strawberry.enum_value("NX", description="Only where there is none.")
    IF_PRESENT = strawberry.enum_value("XX", description="Only in place of another.")


@strawberry.enum(description="An end of a list.")
class StateEnd(enum.Enum):
    """Where values are pushed and popped."""

    LEFT = strawberry.enum_value("L", description="The beginning.")
    RIGHT = strawberry.enum_value("R", description="The end.")


_KEY = argument("key", str, "The key, relative to the namespace.")
_FIRST = "How many at most."


@strawberry.type(description="A field of a stored hash.")
class StateField:
    """A field and its value."""

    name: str | None = part("The field.")
    value: JSON | None = part("Its value; null where the hash has no such field.")


@strawberry.type(description="A member of a leaderboard.")
class StateScore:
    """A member of a sorted set."""

    member: str | None = part("The member.")
    score: float | None = part("Its score.")
    rank: int | None = part("Its place, from 0; null where the range is given by scores.")


@strawberry.type(
    description="A page of a namespace's keys. It may hold a few more than were asked for, or "
    "fewer, or none, while there are more pages; a key that is there all the time is on one."
)
class StateKeyConnection:
    """What SCAN gives, page by page."""

    nodes: list[str] = part("The keys, relative to the namespace, in no order.")
    page_info: PageInfo = part("Pass `endCursor` as `after` to go on.")


@strawberry.type(description="The values of one namespace.")
class State:
    """Everything that can be read; each field is a command of its own, all in one round trip."""

    get: JSON | None = part("The value; null where there is none.", _KEY)
    get_many: list[JSON | None] | None = part(
        "The values of several keys, in their order. A key of another kind counts as absent.",
        argument("keys", list[str], "The keys, relative to the namespace."),
    )
    exists: bool | None = part("Whether anything is stored under the key.", _KEY)
    ttl: float | None = part(
        "Seconds until the key expires; null where it does not, or is absent.", _KEY
    )
    kind: StateKind | None = part("What sort of value the key has.", _KEY)
    counter: BigInt | None = part("The counter; 0 where none was ever counted.", _KEY)
    hash: list[StateField] | None = part(
        "The fields of a hash.",
        _KEY,
        argument("fields", list[str] | None, "Only these, in this order; needed for a large one."),
    )
    hash_length: int | None = part("How many fields a hash has.", _KEY)
    list_: list[JSON | None] | None = part(
        "A part of a list.",
        _KEY,
        argument("start", int, "Where it begins, from 0; negative from the end.", 0),
        argument("first", int, _FIRST, 100),
        name="list",
    )
    list_length: int | None = part("How many values a list has.", _KEY)
    members: list[str | None] | None = part("The members of a set, in no order.", _KEY)
    is_member: bool | None = part(
        "Whether a set has the member.", _KEY, argument("member", str, "The member.")
    )
    member_count: int | None = part("How many members a set has.", _KEY)
    leaderboard: list[StateScore] | None = part(
        "Members of a sorted set, by score.",
        _KEY,
        argument("first", int, _FIRST, 10),
        argument("offset", int, "How many to leave out at the beginning.", 0),
        argument("order", StateOrder, "Which end comes first.", StateOrder.HIGHEST_FIRST),
        argument("minScore", float | None, "Leave out members with a lower score."),
        argument("maxScore", float | None, "Leave out members with a higher score."),
    )
    score: float | None = part(
        "The score of a member of a sorted set.", _KEY, argument("member", str, "The member.")
    )
    rank: int | None = part(
        "The place of a member of a sorted set, from 0.",
        _KEY,
        argument("member", str, "The member."),
        argument("order", StateOrder, "Which end comes first.", StateOrder.HIGHEST_FIRST),
    )
    leaderboard_size: int | None = part("How many members a sorted set has.", _KEY)
    keys: StateKeyConnection | None = part(
        "The keys of the namespace.",
        argument("match", str, "Only keys like this; `*` stands for any characters.", "*"),
        argument("first", int, "About how many.", 100),
        argument("after", str | None, "The `endCursor` of the page before."),
    )


@strawberry.type(description="What became of a value that was to be stored.")
class StateStored:
    """The answer to SET."""

    stored: bool = part("Whether it was stored; false where the condition did not hold.")
    previous: JSON | None = part("The value that was there before.")


@strawberry.type(description="What was deleted by a pattern.")
class StateDeletion:
    """The answer to a deletion that is cut at its limit."""

    deleted: int = part("How many keys were deleted.")
    more: bool = part("Whether there may be more.")
    end_cursor: str | None = part("Pass it as `after` to go on; null where all are gone.")


@strawberry.input(description="A key and its new value.")
class StateEntryInput:
    """One of several values to store."""

    key: str = strawberry.field(description="The key, relative to the namespace.")
    value: JSON = strawberry.field(description="The value.")


@strawberry.input(description="A field of a hash and its new value.")
class StateFieldInput:
    """One of several fields to store."""

    name: str = strawberry.field(description="The field.")
    value: JSON = strawberry.field(description="The value.")


@strawberry.input(description="A member of a leaderboard and its new score.")
class StateScoreInput:
    """One of several scores to store."""

    member: str = strawberry.field(description="The member.")
    score: float = strawberry.field(description="The score.")


STRUCTURES = frozenset(
    {"State", "StateField", "StateScore", "StateKeyConnection", "StateStored", "StateDeletion"}
)
"""Types planned as part of the field that returns them."""


def namespace_enum(names: Sequence[str]) -> type:
    """`StateNamespace`, of the names a domain lists. Raises ConfigurationError without any."""
    for name in names:
        if not (name.isascii() and name.isidentifier() and name == name.lower()):
            raise ConfigurationError(f"Domain.namespaces: {name!r} must consist of a-z, 0-9 and _.")
    if not names:
        raise ConfigurationError("The domain offers state but lists no `namespaces`.")
    says = {name: f"The namespace `{name}`." for name in names}
    return names_enum("StateNamespace", says, "The values that clients may reach, as settings say.")
