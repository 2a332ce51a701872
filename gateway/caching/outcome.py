"""What the cache answers, and where it came from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.errors import SourceError

if TYPE_CHECKING:
    from gateway.sources.contract import Value


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
    """The answer of another's call, as somebody's own.

    Errors are copied: raising one object twice tangles its traces.
    """
    state = State.JOINED if answer.state in {State.MISS, State.BYPASS} else answer.state
    value = answer.value
    if isinstance(value, SourceError):
        own = type(value)(value.message, code=value.code, extensions=value.details)
        own.__cause__ = value
        value = own
    return Answer(value, state, answer.age)
