"""Bindings to stored values: root fields over namespaces, and fields of entities.

A domain lists `StateQueries`, `StateMutations` or both, and the names of its namespaces.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from strawberry.scalars import JSON
from strawberry.types.arguments import StrawberryArgument

from gateway.errors import ConfigurationError
from gateway.schema.bindings import Binding, bound
from gateway.schema.columns.scalars import BigInt
from gateway.schema.members import argument
from gateway.schema.roots import mutations, queries
from gateway.schema.state.types import (
    State,
    StateCondition,
    StateDeletion,
    StateEnd,
    StateEntryInput,
    StateFieldInput,
    StateScoreInput,
    StateStored,
)


class StateRoot(Binding):
    """The root field over the values of a namespace."""


@dataclass(frozen=True, slots=True)
class StateWrite(Binding):
    """A root field that changes stored values, by the verb the store knows.

    `arguments` are those beside the namespace.
    """

    verb: str
    arguments: tuple[StrawberryArgument, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class StateValue(Binding):
    """An entity field kept under a key pattern; `kind` says how it is read."""

    kind: str
    pattern: str
    source: str = "default"


KEPT: Mapping[str, tuple[Any, str]] = {
    "counter": (int, "a number, `int | None`"),
    "value": (JSON, "what is annotated `JSON | None`"),
    "text": (str, "what is annotated `str | None`"),
    "hash": (JSON, "what is annotated `JSON | None`"),
    "list": (list[JSON | None], "what is annotated `list[JSON | None] | None`"),
    "members": (list[str | None], "what is annotated `list[str | None] | None`"),
}
"""What a field of each kind is annotated as, without its `| None`, and the same in words."""


def state_counter(
    pattern: str, *, source: str = "default", init: Literal[False] = False, **options: Any
) -> Any:
    """A counter kept outside SQL, of a field annotated `int | None`."""
    return _kept("counter", pattern, source, options)


def state_value(pattern: str, *, source: str = "default", **options: Any) -> Any:
    """A JSON value kept outside SQL, of a field annotated `JSON | None`."""
    return _kept("value", pattern, source, options)


def state_text(pattern: str, *, source: str = "default", **options: Any) -> Any:
    """Raw text kept outside SQL, of a field annotated `str | None`."""
    return _kept("text", pattern, source, options)


def state_hash(pattern: str, *, source: str = "default", **options: Any) -> Any:
    """A hash of JSON values as one object, of a field annotated `JSON | None`."""
    return _kept("hash", pattern, source, options)


def state_list(pattern: str, *, source: str = "default", **options: Any) -> Any:
    """The first 100 of a list of JSON values: annotate it `list[JSON | None] | None`."""
    return _kept("list", pattern, source, options)


def state_members(pattern: str, *, source: str = "default", **options: Any) -> Any:
    """The members of a set: annotate it `list[str | None] | None`."""
    return _kept("members", pattern, source, options)


def _kept(kind: str, pattern: str, source: str, options: dict[str, Any]) -> Any:
    try:
        placeholders(pattern)
    except ValueError as error:
        raise ConfigurationError(
            f"state_{kind}({pattern!r}): {error}; a column stands in braces, as in 'views:{{id}}'."
        ) from None
    return bound(StateValue(kind, pattern, source), options)


def placeholders(pattern: str) -> tuple[str, ...]:
    """The names in braces of a key pattern, in order of first use."""
    found = [name for _, name, _, _ in string.Formatter().parse(pattern) if name]
    return tuple(dict.fromkeys(found))


_KEY = argument("key", str, "The key, relative to the namespace.")
_LIFE = argument("ttlSeconds", int | None, "Seconds until it expires.")
_MEMBERS = argument("members", list[str], "The members.")
_END = argument("end", StateEnd, "Which end.", StateEnd.RIGHT)


def _write(verb: str, says: str, *arguments: StrawberryArgument) -> Any:
    return bound(StateWrite(verb, arguments), {"description": says})


@queries
class StateQueries:
    """Reading stored values."""

    state: State | None = bound(StateRoot(), {"description": "The values of a namespace."})


@mutations
class StateMutations:
    """Changing stored values. Nothing is tried twice."""

    set_state: StateStored | None = _write(
        "set",
        "Stores a value.",
        _KEY,
        argument("value", JSON, "The value; a string in a namespace of raw text."),
        _LIFE,
        argument("only", StateCondition | None, "Store it only under this condition."),
    )
    set_states: int | None = _write(
        "set_many",
        "Stores several values, each by itself; returns how many were stored.",
        argument("entries", list[StateEntryInput], "The values."),
        _LIFE,
    )
    delete_state: int | None = _write(
        "delete",
        "Deletes keys; returns how many there were.",
        argument("keys", list[str], "The keys, relative to the namespace."),
    )
    delete_state_matching: StateDeletion | None = _write(
        "delete_matching",
        "Deletes the keys like a pattern, up to a limit.",
        argument("match", str, "Keys like this; `*` stands for any characters."),
        argument("limit", int, "How many at most.", 1_000),
        argument("after", str | None, "The `endCursor` of a deletion that was cut."),
    )
    expire_state: bool | None = _write(
        "expire",
        "Sets or removes the life of a key; false where there is no such key.",
        _KEY,
        argument("ttlSeconds", int | None, "Seconds from now; null lets it live for ever."),
    )
    increment_state: BigInt | None = _write(
        "increment",
        "Counts up or down; returns the count.",
        _KEY,
        argument("by", BigInt, "How much; negative to count down.", 1),
    )
    set_state_fields: int | None = _write(
        "hash_set",
        "Stores fields of a hash; returns how many are new.",
        _KEY,
        argument("entries", list[StateFieldInput], "The fields."),
    )
    delete_state_fields: int | None = _write(
        "hash_delete",
        "Deletes fields of a hash; returns how many there were.",
        _KEY,
        argument("names", list[str], "The fields."),
    )
    push_state: int | None = _write(
        "push",
        "Adds to an end of a list; returns its new length.",
        _KEY,
        argument("values", list[JSON], "The values."),
        _END,
    )
    pop_state: list[JSON | None] | None = _write(
        "pop",
        "Takes from an end of a list; null where there is none.",
        _KEY,
        _END,
        argument("count", int, "How many at most.", 1),
    )
    add_state_members: int | None = _write(
        "set_add", "Adds members to a set; returns how many are new.", _KEY, _MEMBERS
    )
    remove_state_members: int | None = _write(
        "set_remove", "Removes members of a set; returns how many there were.", _KEY, _MEMBERS
    )
    set_state_scores: int | None = _write(
        "score_set",
        "Sets scores in a sorted set; returns how many members are new.",
        _KEY,
        argument("entries", list[StateScoreInput], "Members and scores."),
        argument("only", StateCondition | None, "Only new members, or only present ones."),
    )
    increment_state_score: float | None = _write(
        "score_increment",
        "Adds to a member's score; returns the new one.",
        _KEY,
        argument("member", str, "The member."),
        argument("by", float, "How much; may be negative.", 1.0),
    )
    remove_state_scores: int | None = _write(
        "score_remove",
        "Removes members of a sorted set; returns how many there were.",
        _KEY,
        _MEMBERS,
    )


def state_arguments(binding: Binding, namespaces: type) -> list[StrawberryArgument]:
    """The arguments of a root field over stored values; `namespaces` is the generated enum."""
    own = binding.arguments if isinstance(binding, StateWrite) else ()
    return [argument("namespace", namespaces, "Whose values."), *own]
