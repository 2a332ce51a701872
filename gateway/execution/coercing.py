"""Variables coerced where that holds up nobody: many of them beside the event loop.

graphql-core takes a microsecond for each field of each input object, given or not: a few kilobytes
of empty objects of a type with twenty fields cost more than any answer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.beside import Beside
    from gateway.planning.variables import VariableCoercer, Variables

_OBJECT = 32
"""Values that an object or a list counts as, beside those in it."""
_MANY = 8_192
"""Values, so counted, that take a few milliseconds."""
_CONTAINERS = frozenset({dict, list})


async def coerced(
    coercer: VariableCoercer, given: Mapping[str, Any], beside: Beside, deadline: float
) -> Variables:
    """A request's variables. Raises InputError as the coercer does, and as `Beside.made`."""
    if not given or not are_many(given):
        return coercer.coerce(given)
    return await beside.made(object(), partial(coercer.coerce, given), _for_nobody_else, deadline)


def are_many(given: Mapping[str, Any]) -> bool:
    """Whether these JSON values take milliseconds to coerce; found out in microseconds."""
    waiting: list[Any] = [given]
    left = _MANY
    while waiting:
        one = waiting.pop()
        left -= _OBJECT + len(one)
        if left < 0:
            return True
        values = one.values() if isinstance(one, dict) else one
        if not _CONTAINERS.isdisjoint(map(type, values)):
            waiting += [value for value in values if type(value) in _CONTAINERS]
    return False


def _for_nobody_else(_: Variables) -> None:
    """What one request brought is kept for no other."""
