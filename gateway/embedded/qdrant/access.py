"""Who may call: everybody on this machine, or those who know the API key."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import grpc

KEY_VARIABLE = "QDRANT__SERVICE__API_KEY"
"""The environment variable that a real Qdrant server reads its API key from."""

_REFUSAL = "Must provide an API key"


class KeyRequired(grpc.aio.ServerInterceptor):
    """Answers UNAUTHENTICATED to calls without the right `api-key`."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._refusal: Any = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Let a call through to its procedure, or to the refusal."""
        given = str(dict(handler_call_details.invocation_metadata or ()).get("api-key", ""))
        if compare_digest(given.encode(), self._key.encode()):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(_request: Any, context: Any) -> Any:
    return await context.abort(grpc.StatusCode.UNAUTHENTICATED, _REFUSAL)
