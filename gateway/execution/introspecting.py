"""Questions about the schema, answered beside the event loop: one may cost a tenth of a second.

graphql-core answers each of its thousands of fields anew, whatever the document. So they have one
thread for all of the process, which the event loop shares the interpreter with, and a bounded line.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from gateway.errors import Code, RequestError

if TYPE_CHECKING:
    from gateway.execution.cache.fields import FieldCall
    from gateway.execution.executor import WalkingExecutor

META = frozenset({"__schema", "__type"})
WAITING = 32
"""Questions under way or in line, in this process."""

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="plait-introspection")  # begins with the first
_asked: set[asyncio.Future[Any]] = set()


async def introspected(executor: WalkingExecutor, call: FieldCall) -> Any:
    """The completed value of `__schema` or `__type`. Raises as the field would.

    Raises RequestError where too many ask; the deadline is the caller's.
    """
    if len(_asked) >= WAITING:
        raise RequestError(
            "Too many questions about the schema at once; try again later.",
            code=Code.SOURCE_OVERLOADED,
        )
    twin = executor.alone()
    answer = asyncio.get_running_loop().run_in_executor(_THREAD, twin.execute_here, call)
    _asked.add(answer)
    try:
        value = await answer
    finally:
        _asked.discard(answer)
    executor.collected_errors.errors.extend(twin.collected_errors.errors)
    return value
