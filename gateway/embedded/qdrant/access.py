"""Who may call: everybody on this machine, or those who know the API key."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLE = "QDRANT__SERVICE__API_KEY"
"""The environment variable that a real Qdrant server reads its API key from."""

REFUSAL = "Must provide an API key or an Authorization bearer token"


def accepts(key: str, headers: Mapping[str, str | bytes]) -> bool:
    """Whether the headers of a call, names in lower case, show that its caller knows `key`."""
    bearer = _text(headers.get("authorization", "")).removeprefix("Bearer ")
    given = _text(headers.get("api-key", "")) or bearer
    return compare_digest(given.encode(), key.encode())


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class KeyRequired(grpc.aio.ServerInterceptor):
    """Answers UNAUTHENTICATED to calls without the right `api-key`."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._refusal: Any = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Let a call through to its procedure, or to the refusal."""
        if accepts(self._key, dict(handler_call_details.invocation_metadata or ())):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(_request: Any, context: Any) -> Any:
    return await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSAL)
