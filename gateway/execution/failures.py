"""Errors inside spliced bytes: marked where they happened, located when the answer is whole.

A hole that could not be filled gets a marker that no source can write, as it holds a random token
of this process. Only an answer with a failure is ever parsed again: markers become null and their
paths the errors' paths. Holes are nullable by construction, so no null travels upwards.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import PlaitError
from gateway.execution.exchange import error_entry
from gateway.telemetry import log_internal

if TYPE_CHECKING:
    from gateway.schema.selection import Field

_TOKEN = secrets.token_hex(16)
_MARKER = re.compile(rb'"' + _TOKEN.encode() + rb':\d+"')

MAX_ERRORS = 100
"""Errors reported per response; more of the same kind tell nothing more."""


class Failures:
    """The failures of one execution."""

    __slots__ = ("_marked",)

    def __init__(self) -> None:
        self._marked: list[tuple[PlaitError, Field]] = []

    def __bool__(self) -> bool:
        return bool(self._marked)

    def mark(self, error: PlaitError, field: Field) -> bytes:
        """The bytes that stand for the failed value until `locate`."""
        self._marked.append((error, field))
        return f'"{_TOKEN}:{len(self._marked) - 1}"'.encode()

    def locate(self, value: bytes, path: list[str | int]) -> tuple[bytes, list[dict[str, Any]]]:
        """The value with nulls for markers, and their error entries, in document order."""
        if _TOKEN.encode() not in value:
            return value, []
        errors: list[dict[str, Any]] = []
        self._walk(orjson.loads(value), path, errors)
        return _MARKER.sub(b"null", value), errors

    def _walk(self, value: Any, path: list[str | int], errors: list[dict[str, Any]]) -> None:
        if isinstance(value, str) and value.startswith(_TOKEN):
            error, field = self._marked[int(value.rpartition(":")[2])]
            errors += error_entries(error, path, field)[: MAX_ERRORS - len(errors)]
        elif isinstance(value, dict):
            for key, part in value.items():
                self._walk(part, [*path, key], errors)
        elif isinstance(value, list):
            for place, part in enumerate(value):
                self._walk(part, [*path, place], errors)


def error_entries(error: PlaitError, path: list[str | int], field: Field) -> list[dict[str, Any]]:
    """A field error, and what else its null took, as they leave."""
    where = field.nodes[0].loc
    start = None if where is None else where.source.get_location(where.start)
    locations = () if start is None else ((start.line, start.column),)
    return [error_entry(one, path, locations) for one in (error, *error.others)]


def ours(error: BaseException) -> PlaitError:
    """The error itself where it is ours; else a masked one, logged under the id it carries."""
    if isinstance(error, PlaitError):
        return error
    identity = log_internal(error)
    return PlaitError("Internal error.", extensions={"errorId": identity})
