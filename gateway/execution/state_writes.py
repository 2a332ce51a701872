"""Writes of stored values: each once, never tried again, when the viewer may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.schema.rules import VIEWER_SPEC
from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.execution.waves import Waves
    from gateway.planning.steps import Fetch
    from gateway.sources.contract import Value


async def changed(writers: Mapping[str, Any], waves: Waves, fetch: Fetch) -> Value:
    """The value of a field that changes what a namespace holds.

    Raises PlaitError (FORBIDDEN) before anything is asked, and what the source raises.
    """
    if fetch.guard is not None:
        fetch.guard(waves.values[VIEWER_SPEC])
    writer = writers[fetch.prepared.source]
    (arguments,) = fetch.arguments(waves.values)
    value = await writer.write(fetch.prepared, arguments, Budget(waves.deadline))
    return waves.whole(value, fetch)
