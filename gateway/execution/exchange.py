"""What transport and execution hand each other: a request, and its answer as finished JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from gateway.documents.refusal import InvalidDocument
from gateway.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.errors import Code, PlaitError


class GraphQLRequest(
    msgspec.Struct,
    frozen=True,
    rename={"document": "query", "operation_name": "operationName"},
):
    """A GraphQL request as it came in; decoded from JSON straight into this shape.

    `variables` are raw JSON values (integers of any size stay exact), not yet coerced.
    """

    document: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class Answer(msgspec.Struct, frozen=True):
    """A complete response body. `executed` is False for a refusal, whose first error has `code`."""

    body: bytes
    executed: bool = True
    code: Code | None = None


def refusal(error: PlaitError) -> Answer:
    """The answer to a request of which nothing was executed, because of `error`."""
    errors = error.errors if isinstance(error, InvalidDocument) else (error,)
    return Answer(error_body(errors), executed=False, code=error.code)


def error_body(errors: Sequence[PlaitError]) -> bytes:
    """`{"errors": […]}` without `data`: what a request is told of which nothing was executed."""
    return orjson.dumps({"errors": [_entry(error) for error in errors]})


def _entry(error: PlaitError) -> dict[str, Any]:
    entry: dict[str, Any] = {"message": error.message}
    if isinstance(error, RequestError) and error.locations:
        entry["locations"] = [{"line": line, "column": column} for line, column in error.locations]
    entry["extensions"] = error.extensions
    return entry
