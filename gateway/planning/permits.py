"""What the arguments of an operation demand of its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from gateway.planning.arguments import Spec
    from gateway.schema.demands import Demand


class DemandingSpec(Protocol):
    """A reader whose arguments may name what is not open to everybody."""

    def demands(self, shape: Any) -> Iterator[Demand]:
        """What arguments of this shape ask for."""


class DemandingValues(Protocol):
    """A reader of a write, which has no shape: its demands are in what it read."""

    def demands_of(self, values: tuple[Any, ...]) -> Iterator[Demand]:
        """What these values ask for."""


def demanded(specs: Iterable[Spec], shapes: Iterable[Hashable]) -> tuple[Demand, ...]:
    """What arguments of these shapes ask for, each once."""
    found: dict[Demand, None] = {}
    for spec, shape in zip(specs, shapes, strict=True):
        if hasattr(spec, "demands"):
            found.update(dict.fromkeys(cast("DemandingSpec", spec).demands(shape)))
    return tuple(found)


def demanded_by_values(
    specs: Iterable[Spec], values: Iterable[tuple[Any, ...]]
) -> Iterator[Demand]:
    """What the writes of a mutation ask for."""
    for spec, given in zip(specs, values, strict=True):
        if hasattr(spec, "demands_of"):
            yield from cast("DemandingValues", spec).demands_of(given)
