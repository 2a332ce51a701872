"""The trace that calls to other services belong to: set by tracing, sent along by whoever calls."""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
"""What says which trace a request belongs to (W3C Trace Context); no answer hangs on it."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_CARRIED: ContextVar[Mapping[str, str]] = ContextVar("plait_trace_headers", default=_NOTHING)


def trace_headers() -> Mapping[str, str]:
    """The headers (W3C Trace Context) for a call made now; empty where nothing is traced."""
    return _CARRIED.get()


def carry(headers: Mapping[str, str]) -> None:
    """Let calls made from here on in this context belong to a trace."""
    _CARRIED.set(headers)
