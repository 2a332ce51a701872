"""Runs the root fields that change a vector engine: each by itself, in its place among the writes.

There is no transaction over a vector engine: what such a field did stays, whatever comes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.execution.waves import Waves
    from gateway.planning.steps import Fetch, Root
    from gateway.sources.contract import Value


async def acted(writers: Mapping[str, Any], waves: Waves, root: Root, fetch: Fetch) -> Value:
    """The value of one such field. Raises what its source raises."""
    if root.write_spec is None:
        raise TypeError(f"{root.field.name} is no write")
    (change,) = waves.values[root.write_spec]
    value: Value = await writers[fetch.prepared.source].act(fetch.prepared, change, waves.deadline)
    return value
