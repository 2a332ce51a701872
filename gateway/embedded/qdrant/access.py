"""Who may call: everybody on this machine, or those who know the API key."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import grpc

KEY_VARIABLE = "QDRANT__SERVICE__API_KEY"
"""The environment variable that a real Qdrant server reads its API key from."""


class KeyRequired(grpc.aio.ServerInterceptor):
    """Answers UNAUTHENTICATED to calls without the right `api-key`."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._refusal: Any = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Let a call through to its procedure, or to the refusal."""
        metadata = dict(handler_call_details.invocation_metadata or ())
        given = metadata.get("api-key", "")
        if compare_digest(given if isinstance(given, bytes) else given.encode(), self._key):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(_request: Any, context: Any) -> Any:
    message = "Must provide an API key or an Authorization bearer token"
    return await context.abort(grpc.StatusCode.UNAUTHENTICATED, message)
