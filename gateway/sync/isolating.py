"""Does something for many at once, and finds those that alone make it fail, by halving."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gateway.errors import InputError, SourceDataError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    Culprit: TypeAlias = InputError | SourceDataError

T = TypeVar("T")
R = TypeVar("R")


async def isolated(
    items: Sequence[T], work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
) -> tuple[list[tuple[T, R]], list[tuple[T, Culprit]]]:
    """Each item with its result, and each that cannot be worked on with its error.

    `work` gives a result for each item, or raises for all. What it raises beside `InputError` and
    `SourceDataError` is no item's fault, and raised on.
    """
    if not items:
        return [], []
    try:
        return list(zip(items, await work(items), strict=True)), []
    except (InputError, SourceDataError) as error:
        if len(items) == 1:
            return [], [(items[0], error)]
    middle = len(items) // 2
    done, failed = await isolated(items[:middle], work)
    more, others = await isolated(items[middle:], work)
    return done + more, failed + others
