"""What a resolver finds in `info.context`, and what it may return instead of an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from gateway.execution.walk import Walk
    from gateway.viewer import Viewer

T = TypeVar("T")


@dataclass(slots=True)
class RequestContext:
    """One request's context: who asks, until when (in the event loop's clock, seconds)."""

    viewer: Viewer
    deadline: float
    walk: Walk


@dataclass(frozen=True, slots=True)
class Reference:
    """An entity by its key: the gateway fetches just what the query asks of it, in batches."""

    cls: type
    key: tuple[Any, ...]


def reference(entity: type[T], *key: Any) -> T:
    """What a Python resolver returns for an entity it knows the key of.

    `return reference(Trend, 7)`: to a type checker it is a `Trend`. Where no row has the key the
    field is null.
    """
    return cast("T", Reference(entity, key))
