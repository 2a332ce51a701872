"""Servicers out of plain functions: run in threads, errors answered as gRPC statuses."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from gateway.embedded.qdrant.faults import Fault, from_engine, unsupported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from gateway.embedded.qdrant.shards import Shards

    Call: TypeAlias = Callable[[Shards, Any], Any]
    """A remote procedure: the shards and the request in, the response message out; may block."""

    Method: TypeAlias = Callable[[Any, Any, Any], Awaitable[Any]]

_log = logging.getLogger(__name__)


def servicer(base: type, calls: Mapping[str, Call], shards: Shards, threads: Executor) -> Any:
    """An instance of the generated servicer class `base` that answers with `calls`.

    Procedures of `base` that `calls` lacks answer UNIMPLEMENTED and say their name.
    """
    procedures = [name for name in vars(base) if name[0].isupper()]
    methods = {name: _method(name, calls.get(name), shards, threads) for name in procedures}
    return type(base.__name__, (base,), methods)()


def _method(name: str, call: Call | None, shards: Shards, threads: Executor) -> Method:
    async def answer(_servicer: Any, request: Any, context: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads, call or _absent(name), shards, request)
        except Exception as error:  # noqa: BLE001 - the engine raises plain Exception
            fault = _fault(name, error)
        return await context.abort(fault.status, fault.message)

    return answer


def _absent(name: str) -> Call:
    def refuse(_shards: Shards, _request: Any) -> Any:
        raise unsupported(f"the call {name}")

    return refuse


def _fault(name: str, error: Exception) -> Fault:
    if isinstance(error, Fault):
        return error
    return from_engine(error) or _defect(name, error)


def _defect(name: str, error: Exception) -> Fault:
    """An error nobody expected: logged whole here, masked for the caller."""
    _log.error("%s failed", name, exc_info=error)
    return Fault(grpc.StatusCode.INTERNAL, f"{name} failed in the embedded Qdrant; see its log")
