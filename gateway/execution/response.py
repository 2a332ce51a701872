"""The body of a response: the values of root fields joined, and what was traced beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import PlaitError, SourceDataError
from gateway.execution.exchange import codes_of
from gateway.execution.failures import error_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.execution.waves import Waves
    from gateway.planning.steps import Plan
    from gateway.sources.contract import Value


def spliced(plan: Plan, answers: Sequence[Value], waves: Waves) -> tuple[bytes, tuple[str, ...]]:
    """The response of an operation that is planned as a whole, and the codes of its errors."""
    # Joined once: a body of many kilobytes is not copied for each brace around it.
    parts: list[bytes] = [b'{"data":{']
    errors: list[dict[str, Any]] = []
    nulled = False
    for root, value in zip(plan.roots, answers, strict=True):
        if type(value) is bytes:
            if waves.failures:
                value, found = waves.failures.locate(value, [root.field.key])  # noqa: PLW2901 - the same value, located
                errors += found
            parts += (root.prefix, value, b",")
            continue
        if isinstance(value, PlaitError):
            errors += error_entries(value, [root.field.key], root.field)
        elif not root.nullable:
            missing = SourceDataError("There is no value for this non-null field.")
            errors += error_entries(missing, [root.field.key], root.field)
        nulled = nulled or not root.nullable
        parts += (root.prefix, b"null,")
    if nulled:
        parts = [b'{"data":null']
    else:
        parts[-1] = parts[-1].removesuffix(b",") + b"}"
    if not errors:
        return b"".join([*parts, b"}"]), ()
    return b"".join([*parts, b',"errors":', orjson.dumps(errors), b"}"]), codes_of(errors)


def traced(body: bytes, waves: Waves) -> bytes:
    """The body, with what was traced where the request asked for it."""
    told: dict[str, Any] = {}
    if waves.trace.wanted:
        told["trace"] = waves.trace.lines
    if waves.cache is not None and waves.cache.told is not None:
        told["cache"] = waves.cache.told
    return body[:-1] + b',"extensions":' + orjson.dumps(told) + b"}" if told else body
