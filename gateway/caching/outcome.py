"""What the cache answers, and where it came from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

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


def own_copy(value: Any) -> Any:
    """An error that several get, as one's own: raising one object twice tangles its traces."""
    if not isinstance(value, SourceError):
        return value
    own = type(value)(value.message, code=value.code, extensions=value.details)
    own.__cause__ = value
    return own
