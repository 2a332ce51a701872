"""Procedures as plain functions: run in threads, served by gRPC, errors answered as statuses."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from gateway.embedded.qdrant.faults import Fault, from_engine, unsupported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from concurrent.futures import Executor

    from gateway.embedded.qdrant.shards import Shards

    Call: TypeAlias = Callable[[Shards, Any], Any]
    """A remote procedure: the shards and the request in, the response message out; may block."""

    Method: TypeAlias = Callable[[Any, Any, Any], Awaitable[Any]]

_log = logging.getLogger(__name__)


class Threads:
    """Where procedures run: those that change something have threads of their own.

    So a crowd of writers, waiting for each other, leaves the readers theirs.
    """

    def __init__(self, changes: Iterable[Call]) -> None:
        """`changes` are the procedures that are not reads."""
        processors = os.cpu_count() or 1
        self._changes = frozenset(changes)
        self._readers = ThreadPoolExecutor(processors + 2, "read")
        self._writers = ThreadPoolExecutor(processors, "write")

    def of(self, call: Call) -> Executor:
        """The threads for a procedure."""
        return self._writers if call in self._changes else self._readers

    def close(self) -> None:
        """Wait for the calls under way; those not yet begun are given up."""
        for pool in (self._readers, self._writers):
            pool.shutdown(cancel_futures=True)


def servicer(base: type, calls: Mapping[str, Call], shards: Shards, threads: Threads) -> Any:
    """An instance of the generated servicer class `base` that answers with `calls`.

    Procedures of `base` that `calls` lacks answer UNIMPLEMENTED and say their name.
    """
    procedures = [name for name in vars(base) if name[0].isupper()]
    methods = {
        name: _method(name, calls.get(name) or _absent(name), shards, threads)
        for name in procedures
    }
    return type(base.__name__, (base,), methods)()


def _method(name: str, call: Call, shards: Shards, threads: Threads) -> Method:
    async def answer(_servicer: Any, request: Any, context: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads.of(call), call, shards, request)
        except Exception as error:  # noqa: BLE001 - the engine raises plain Exception
            fault = _fault_of(name, error)
        return await context.abort(fault.status, fault.message)

    return answer


def _absent(name: str) -> Call:
    def refuse(_shards: Shards, _request: Any) -> Any:
        raise unsupported(f"the call {name}")

    return refuse


def _fault_of(name: str, error: Exception) -> Fault:
    """What the procedure called `name` is answered with; a defect is logged whole, and masked."""
    fault = error if isinstance(error, Fault) else from_engine(error)
    if fault is not None:
        return fault
    _log.error("%s failed", name, exc_info=error)
    return Fault(grpc.StatusCode.INTERNAL, f"{name} failed in the embedded Qdrant; see its log")
