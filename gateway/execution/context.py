"""What a resolver finds in `info.context`, and what it may return instead of an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gateway.errors import InputError

if TYPE_CHECKING:
    from gateway.context.datasource import Datasource
    from gateway.context.registry import Datasources
    from gateway.execution.walk import Walk
    from gateway.viewer import Viewer

T = TypeVar("T")


@dataclass(slots=True)
class RequestContext:
    """One request's context: who asks, until when (in the event loop's clock, seconds)."""

    viewer: Viewer
    deadline: float
    walk: Walk
    datasources: Datasources | None = None
    workflows: object | None = None

    def readable(self, name: str) -> Datasource:
        """A key-value source the viewer may read. Raises InputError that lists those."""
        if self.datasources is None:
            raise InputError("There is no such datasource for you; available: none.")
        return self.datasources.readable(name, self.viewer)

    async def datasource(self, name: str, key: str) -> Any:
        """The value under a key of a source the viewer may read, None where there is none.

        Raises InputError for another source or a wrong key, SourceError where it does not answer.
        """
        return await self.readable(name).within(self.deadline).load(key)


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
