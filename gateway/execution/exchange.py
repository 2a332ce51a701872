"""What transport and execution hand each other: a request, and its answer as finished JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from gateway.documents.refusal import InvalidDocument
from gateway.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.caching.policy import Policy
    from gateway.documents.store import Operation
    from gateway.errors import Code, PlaitError


class GraphQLRequest(
    msgspec.Struct,
    frozen=True,
    rename={
        "document": "query",
        "operation_name": "operationName",
        "document_id": "documentId",
    },
):
    """A GraphQL request as it came in; decoded from JSON straight into this shape.

    `variables` are raw JSON values (integers of any size stay exact), not yet coerced. A document
    may be empty where `document_id` or `extensions` name one (`gateway.documents.persisted`).
    """

    document: str = ""
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None


class Freshness(msgspec.Struct, frozen=True):
    """How long caches in front of us may keep an answer to a query.

    `policy` is that of all its parts together, `age` of the oldest of them in seconds. `shared`:
    whether it is what anybody gets who says nothing of who they are.
    """

    policy: Policy
    shared: bool
    age: float


class Answer(msgspec.Struct, frozen=True):
    """A complete response body. `executed` is False for a refusal, whose first error has `code`.

    `freshness` is None for what must not be kept: errors, partial answers, mutations, and whatever
    has a part that is not declared. `operation` is what ran, where that is known; `codes` are those
    of all errors in the body. `more`: whether further parts of the same answer follow.
    """

    body: bytes
    executed: bool = True
    code: Code | None = None
    freshness: Freshness | None = None
    operation: Operation | None = None
    codes: tuple[str, ...] = ()
    more: bool = False


def refusal(error: PlaitError) -> Answer:
    """The answer to a request of which nothing was executed, because of `error`."""
    errors = error.errors if isinstance(error, InvalidDocument) else (error,)
    codes = tuple([each.code.value for each in errors])
    return Answer(error_body(errors), executed=False, code=error.code, codes=codes)


def codes_of(errors: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The codes of errors as they leave."""
    return tuple([error["extensions"]["code"] for error in errors])


def error_body(errors: Sequence[PlaitError]) -> bytes:
    """`{"errors": […]}` without `data`: what a request is told of which nothing was executed."""
    entries = [
        error_entry(error, locations=error.locations if isinstance(error, RequestError) else ())
        for error in errors
    ]
    return orjson.dumps({"errors": entries})


def error_entry(
    error: PlaitError,
    path: Sequence[str | int] | None = None,
    locations: Iterable[tuple[int, int]] = (),
) -> dict[str, Any]:
    """An error as it leaves: specification, 7.1.2. `path`: of the field that failed, if one did."""
    made: dict[str, Any] = {"message": error.message}
    if places := [{"line": line, "column": column} for line, column in locations]:
        made["locations"] = places
    if path is not None:
        made["path"] = [*path, *error.below]
    made["extensions"] = error.extensions
    return made
