"""What is asked of the cache, and what it answers."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.errors import SourceError

if TYPE_CHECKING:
    from gateway.sources.contract import Value


class Want(NamedTuple):
    """One answer that is asked for: its key, and the tags that invalidate it.

    `guards`: what would tell that one of the tags which only its answer names was invalidated
    while it was on its way.
    """

    key: bytes
    tags: tuple[str, ...]
    guards: tuple[str, ...] = ()


class Loaded(NamedTuple):
    """JSON of a source, and the tags of what it shows: such as only the answer says.

    Each of them is bumped only together with one of the guards that the answer was wanted with.
    """

    value: bytes | None
    tags: tuple[str, ...]


class State(StrEnum):
    """Where an answer came from."""

    MEMORY = "memory"
    SHARED = "shared"
    STALE = "stale"
    JOINED = "joined"
    MISS = "miss"
    BYPASS = "bypass"


class Answer(NamedTuple):
    """A value, where it came from, and its age in seconds; a failure is the value it is for."""

    value: Value | Exception
    state: State
    age: float = 0.0


def joined(answer: Answer) -> Answer:
    """The answer of another's call, as somebody's own."""
    state = State.JOINED if answer.state in {State.MISS, State.BYPASS} else answer.state
    value = answer.value
    if isinstance(value, SourceError):
        value = value.as_own()
    return Answer(value, state, answer.age)
