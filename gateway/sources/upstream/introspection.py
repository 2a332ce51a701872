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

    from gateway.sources.http import Reply

_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_MOST_SAID = 200
"""Characters of a service's own words for why it tells nothing."""

_KNOWN = """{
  type: __type(name: "__Type") { fields { name } }
  directive: __type(name: "__Directive") { fields { name } }
  input: __type(name: "__InputValue") { fields { name } }
}"""
_OPTIONS = {
    "specified_by_url": ("type", "specifiedByURL"),
    "one_of": ("type", "isOneOf"),
    "directive_is_repeatable": ("directive", "isRepeatable"),
    "input_value_deprecation": ("input", "isDeprecated"),
}
"""What later specifications added to introspection; a service of an earlier one refuses it."""


async def introspected(name: str, url: str, headers: Mapping[str, str], deadline: float) -> str:
    """The SDL of the service at `url`, its types in alphabetical order.

    It is asked for all that introspection can tell there. `deadline` is in the event loop's clock.
    Raises SourceError where it cannot be reached or does not tell its schema.
    """
    service = HttpService(name, url, headers=_HEADERS | dict(headers), max_bytes=64_000_000)
    await service.open()
    try:
        known = _answer(await _ask(service, _KNOWN, deadline))
        options: Any = {option: _knows(known, *place) for option, place in _OPTIONS.items()}
        reply = await _ask(service, get_introspection_query(**options), deadline)
    finally:
        await service.close()
    answer = _answer(reply)
    try:
        schema = build_client_schema(answer["data"])
    except (KeyError, TypeError, GraphQLError):
        raise SourceRefused(
            f"{name} does not tell its schema; is introspection turned on there? "
            f"It answered status {reply.status}{_said(answer)}."
        ) from None
    return print_schema(lexicographic_sort_schema(schema)) + "\n"


async def _ask(service: HttpService, query: str, deadline: float) -> Reply:
    body = orjson.dumps({"query": query})
    return await service.send(Outgoing("POST", body=body, repeatable=True), deadline)


def _answer(reply: Reply) -> dict[str, Any]:
    """The response, empty where it is none."""
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _knows(answer: Any, type_: str, field: str) -> bool:
    """Whether a type of introspection has a field there."""
    try:
        return any(one["name"] == field for one in answer["data"][type_]["fields"])
    except (KeyError, TypeError):
        return False


def _said(answer: Any) -> str:
    """Its own words, for whoever typed its address."""
    try:
        return f": {str(answer['errors'][0]['message'])[:_MOST_SAID]}"
    except (KeyError, TypeError, IndexError):
        return ""
