"""What Python asks of a gateway without HTTP, and who asks as the application around it says.

A request takes the form of a POST's body, so that what bounds the one bounds the other.
"""

from __future__ import annotations

import asyncio
import json
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from graphql import ExecutionResult, GraphQLError, SourceLocation
from starlette.requests import HTTPConnection

from gateway.errors import Code, ConfigurationError, InputError, RequestError
from gateway.execution.failures import ours
from gateway.transport.request import decode_body
from gateway.transport.streaming import Caller
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Scope

    from gateway.execution.exchange import Answer, GraphQLRequest
    from gateway.transport.http import Identify, RawHeaders
    from gateway.transport.limits import HttpLimits

AppIdentify: TypeAlias = "Callable[[HTTPConnection], Viewer | Awaitable[Viewer | None] | None]"
"""Tells who asks, by the connection as the application around the gateway sees it.

None leaves it to the tokens and API keys of the settings. A `PlaitError` refuses the request.
"""

_RIGHT = 'Viewer("ann", roles=frozenset({"editor"}), claims=(("team", 7),))'


def asked(limits: HttpLimits, **given: Any) -> GraphQLRequest:
    """A request by the members of its body; dates, UUIDs and the like go as their texts.

    Raises RequestError where it is larger than `limits` allow, or has no form in JSON.
    """
    try:
        body = json.dumps(given, allow_nan=False, default=msgspec.to_builtins).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"The request has no form in JSON: {error}.") from None
    if len(body) > limits.max_body_bytes:
        says = f"The request is longer than {limits.max_body_bytes} bytes."
        raise RequestError(says, code=Code.PAYLOAD_TOO_LARGE)
    request: Any = decode_body(body, limits, "The request")
    return request  # type: ignore[no-any-return]  # one object is one request


def result_of(answer: Answer) -> ExecutionResult:
    """An answer as graphql-core has it."""
    told: Mapping[str, Any] = msgspec.json.decode(answer.body)
    errors = [_error(**each) for each in told.get("errors", ())]
    return ExecutionResult(told.get("data"), errors or None, told.get("extensions"))


def _error(message: str, locations: Any = (), **told: Any) -> GraphQLError:
    error = GraphQLError(message, **told)
    error.locations = [SourceLocation(**place) for place in locations] or None
    return error


def required(viewer: object) -> Viewer:
    """The viewer that Python code gave. Raises ConfigurationError where it is none."""
    if not isinstance(viewer, Viewer):
        found = type(viewer).__name__
        raise ConfigurationError(f"expected a gateway.Viewer as in {_RIGHT}, not {found}")
    for name, kind in (("roles", frozenset), ("scopes", frozenset), ("claims", tuple)):
        if not isinstance(getattr(viewer, name), kind):
            raise ConfigurationError(f"the viewer's {name} are no {kind.__name__}, as in {_RIGHT}")
    return viewer


def told_by(told: AppIdentify, rest: Identify, seconds: float) -> Identify:
    """What tells the transport who asks: the application, or else `rest`.

    The application sees the connection itself. What a WebSocket's first message says is for `rest`
    alone: it could claim a header that only a proxy may set. An application that has not told after
    `seconds` is a RequestError (SOURCE_TIMEOUT).
    """

    async def identify(headers: RawHeaders, scope: Scope) -> Viewer:
        try:
            viewer = told(HTTPConnection(scope))
            if isawaitable(viewer):
                async with asyncio.timeout(seconds):
                    viewer = await viewer
            if viewer is not None:
                return required(viewer)
            return await Caller(rest, frozenset(), headers, scope).now()
        except RequestError:
            raise
        except TimeoutError:
            says = "The application did not tell in time who asks."
            raise RequestError(says, code=Code.SOURCE_TIMEOUT) from None
        except Exception as error:  # noqa: BLE001 - the application's own, masked
            known = ours(error)
            raise RequestError(known.message, code=known.code, extensions=known.details) from None

    return identify
