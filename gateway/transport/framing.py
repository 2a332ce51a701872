"""How the answers of an operation are written to a connection that stays open.

- server-sent events, the "distinct connections mode" of graphql-sse:
  https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
- parts of `multipart/mixed`, the protocol of Apollo's clients and router:
  https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.errors import SourceUnavailable
from gateway.execution.exchange import error_body

if TYPE_CHECKING:
    from collections.abc import Callable

UNGATHERED = (
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # or a proxy would gather events before it passes them on
)
"""Headers of what is sent bit by bit."""


@dataclass(frozen=True, slots=True)
class Framing:
    """One way of writing. `name`: in figures.

    `opening` goes first, `alive` is a sign of life, `next` makes an answer of its body, `failure`
    what ends the operation of `{"errors": […]}`; `complete` follows the last of either, and
    `stopping` is all that is said where the gateway stops.
    """

    name: str
    content_type: bytes
    opening: bytes
    alive: bytes
    next: Callable[[bytes], bytes]
    failure: Callable[[bytes], bytes]
    complete: bytes
    stopping: bytes


def _event(body: bytes) -> bytes:
    """A line's end in JSON is white space, in an event stream it ends the data."""
    return b"event: next\ndata: " + body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n\n"


SSE = Framing(
    name="sse",
    content_type=b"text/event-stream; charset=utf-8",
    opening=b":\n\n",
    alive=b":\n\n",
    next=_event,
    failure=_event,
    complete=b"event: complete\ndata: \n\n",
    stopping=b"",
)

_DELIMITER = b"\r\n--graphql"
"""Ends every part, so that a client need not wait for the next to know that the part is whole."""
PART_HEAD = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
LAST = b"--\r\n"
_STOPPING = error_body([SourceUnavailable("The gateway is stopping; subscribe again.")])


def _part(body: bytes) -> bytes:
    return PART_HEAD + body + _DELIMITER


def _payload(body: bytes) -> bytes:
    return _part(b'{"payload":' + body + b"}")


def _fatal(errors: bytes) -> bytes:
    return _part(b'{"payload":null,' + errors[1:])


MULTIPART = Framing(
    name="multipart",
    content_type=b'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    opening=_DELIMITER + _part(b"{}"),
    alive=_part(b"{}"),
    next=_payload,
    failure=_fatal,
    complete=LAST,
    stopping=_fatal(_STOPPING) + LAST,
)
