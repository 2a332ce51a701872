"""The schema of a running GraphQL service, as SDL to pin in a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from graphql import (
    GraphQLError,
    build_client_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    print_schema,
)

from gateway.errors import SourceRefused
from gateway.sources.http import HttpService, Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_OK = 200


async def introspected(name: str, url: str, headers: Mapping[str, str], deadline: float) -> str:
    """The SDL of the service at `url`, its types in alphabetical order.

    `deadline` is in the event loop's clock. Raises SourceError where it cannot be reached or does
    not tell its schema.
    """
    service = HttpService(name, url, headers=_HEADERS | dict(headers), max_bytes=64_000_000)
    await service.open()
    try:
        query = get_introspection_query(input_value_deprecation=True)
        request = Outgoing("POST", body=orjson.dumps({"query": query}), repeatable=True)
        reply = await service.send(request, deadline)
    finally:
        await service.close()
    if reply.status != _OK:
        raise SourceRefused(f"{name} answered introspection with status {reply.status}.")
    try:
        answer: Any = orjson.loads(reply.body)
        schema = build_client_schema(answer["data"])
    except (orjson.JSONDecodeError, KeyError, TypeError, GraphQLError):
        raise SourceRefused(
            f"{name} does not tell its schema; is introspection turned on there?"
        ) from None
    return print_schema(lexicographic_sort_schema(schema)) + "\n"
