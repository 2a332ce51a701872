"""A document that was refused, with everything that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import Code, RequestError
from gateway.planning.wording import of_null

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import GraphQLError, Node


class InvalidDocument(RequestError):  # noqa: N818 - named for its condition, as all of ours
    """The document cannot run: it is malformed, beyond a limit, or invalid against the schema.

    `errors` holds every finding, at least one; the exception's own message, code and locations
    are those of the first.
    """

    def __init__(self, errors: Sequence[RequestError]) -> None:
        first = errors[0]
        super().__init__(
            first.message, code=first.code, extensions=first.details, locations=first.locations
        )
        self.errors: tuple[RequestError, ...] = tuple(errors)


def reported(error: GraphQLError, code: Code, advice: str = "") -> RequestError:
    """Turn a finding of graphql-core into ours, keeping what it says and its locations."""
    locations = tuple((place.line, place.column) for place in error.locations or ())
    return RequestError(of_null(error.message) + advice, code=code, locations=locations)


def beyond_limit(message: str, *, node: Node | None = None) -> InvalidDocument:
    """The refusal of a document that is too large in some way; `node` says where."""
    return InvalidDocument(
        [RequestError(message, code=Code.DOCUMENT_LIMIT_EXCEEDED, locations=location(node))]
    )


def location(node: Node | None) -> tuple[tuple[int, int], ...]:
    """Line and column at which a node begins, as the one-element tuple that errors carry."""
    if node is None or node.loc is None:
        return ()
    start = node.loc.start_token
    return ((start.line, start.column),)
