"""The ASGI application: bodies within their bound, API key, errors in Qdrant's form."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.embedded.qdrant.access import REFUSAL, accepts
from gateway.embedded.qdrant.faults import Fault, invalid, unsupported
from gateway.embedded.qdrant.rest.bodies import Asked
from gateway.embedded.qdrant.rest.routes import OPERATIONS, VERSION
from gateway.embedded.qdrant.rpc import fault_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_core import ErrorDetails
    from starlette.requests import Request

    from gateway.embedded.qdrant.rest.routes import Operation
    from gateway.embedded.qdrant.rpc import Threads
    from gateway.embedded.qdrant.shards import Shards

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Qdrant's own default for `service.max_request_size_mb`."""

_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
_JSON = "application/json"
_ALIVE = ("/healthz", "/livez", "/readyz")


def application(shards: Shards, threads: Threads, key: str | None) -> Starlette:
    """The REST of `shards`; who does not know `key`, where there is one, is refused."""
    open_to_all = [Route(path, _alive, methods=["GET"]) for path in _ALIVE]
    guarded = [
        Route(one.path, _endpoint(one, shards, threads, key), methods=[one.method])
        for one in (VERSION, *OPERATIONS)
    ]
    made = Starlette(routes=[*open_to_all, *guarded], exception_handlers={HTTPException: _unknown})
    made.router.redirect_slashes = False
    return made


def _endpoint(
    operation: Operation, shards: Shards, threads: Threads, key: str | None
) -> Callable[[Request], Awaitable[Response]]:
    def work(asked: Asked) -> Any:
        """In a thread: to parse and to write large bodies takes as long as the call."""
        start = time.perf_counter()
        result = operation.answer(operation.call(shards, operation.read(asked)))
        if operation is VERSION:
            return to_json(result)
        return to_json({"result": result, "status": "ok", "time": time.perf_counter() - start})

    async def answer(request: Request) -> Response:
        if key is not None and not accepts(key, dict(request.headers)):
            return PlainTextResponse(REFUSAL, 401)
        try:
            asked = Asked(request.path_params, await _body(request))
            loop = asyncio.get_running_loop()
            content = await loop.run_in_executor(threads.of(operation.call), work, asked)
        except Exception as error:  # noqa: BLE001 - the engine raises plain Exception
            return _failure(_fault(operation, error))
        return Response(content, media_type=_JSON)

    return answer


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise Fault(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"the request is larger than {MAX_BODY_BYTES} bytes; send it in parts",
            )
        parts.append(part)
    return b"".join(parts)


def _fault(operation: Operation, error: Exception) -> Fault:
    if isinstance(error, ValidationError):
        # Of a choice between forms each one complains; the one that was meant went deepest.
        told = max(error.errors(include_url=False, include_input=False), key=_depth)
        place = ".".join(str(step) for step in told["loc"]) or "body"
        return invalid(f"Format error in JSON body: {place}: {told['msg']}")
    return fault_of(f"{operation.method} {operation.path}", error)


def _depth(told: ErrorDetails) -> int:
    return len(told["loc"])


def _failure(fault: Fault) -> Response:
    body = {"status": {"error": fault.message}, "time": 0.0}
    return Response(to_json(body), _STATUSES.get(fault.status, 500), media_type=_JSON)


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("all is well")


async def _unknown(request: Request, _error: Exception) -> Response:
    return _failure(unsupported(f"the call {request.method} {request.url.path}"))
