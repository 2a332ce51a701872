"""Results of calls: written by the SDK once for each revision of the protocol, then filled.

The SDK validates, copies and writes whatever a tool answers, twice. It is given a result with holes
instead: what it makes of that is the same for every call, so that an answer costs a join of bytes.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import orjson
from mcp.shared.inbound import (
    MCP_PROTOCOL_VERSION_HEADER,
    InboundLadderRejection,
    classify_inbound_request,
    find_duplicated_routing_header,
)
from mcp_types import DEFAULT_NEGOTIATED_VERSION, CallToolResult, TextContent
from mcp_types.methods import parse_client_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from gateway.transport.http import RawHeaders

_TOKEN = secrets.token_hex(16)
"""What no client can send, as it never leaves this process."""
_STRUCTURED, _TEXT = b'{"%b":true}' % _TOKEN.encode(), b'"%b"' % _TOKEN.encode()
_HOLES = re.compile(rb'(%b|%b|(?<="isError":)true)' % (re.escape(_STRUCTURED), _TEXT))
_WORST, _MOST = -(1 << 63), (1 << 63) - 1

WITH_HOLES = CallToolResult(
    content=[TextContent(type="text", text=_TOKEN)],
    structured_content={_TOKEN: True},
    is_error=True,
)
"""The result of every call, as far as the SDK knows."""


class _Reply(msgspec.Struct):
    result: msgspec.Raw


class _Response(msgspec.Struct):
    """Of a GraphQL response, whether it failed as a whole."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: msgspec.Raw = msgspec.Raw()


class PlainCall(NamedTuple):
    """A call of a tool that is beyond doubt: nothing of it is left to refuse."""

    version: str
    identity: str | int
    name: str
    arguments: dict[str, Any]


class Envelopes:
    """What stands around answers, by the protocol's revision, as far as it was seen."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def __contains__(self, version: str) -> bool:
        return version in self._known

    def learn(self, version: str, reply: bytes) -> None:
        """Keep what the SDK writes around an answer, from its `reply` to a call."""
        self._known[version] = bytes(msgspec.json.decode(reply, type=_Reply).result)

    def reply(self, call: PlainCall, answer: bytes) -> bytes:
        """The message that carries an answer to a call of a version that is known."""
        head = b'{"jsonrpc":"2.0","id":%b,"result":' % orjson.dumps(call.identity)
        return filled(head + self._known[call.version] + b"}", answer)


def filled(reply: bytes, answer: bytes) -> bytes:
    """What the SDK wrote, with a GraphQL response in its holes."""
    said = msgspec.json.decode(answer, type=_Response)
    failed = bool(bytes(said.errors)) and bytes(said.data) == b"null"
    parts = _HOLES.split(reply)
    text = orjson.dumps(answer.decode())
    values = {_STRUCTURED: answer, _TEXT: text, b"true": b"true" if failed else b"false"}
    parts[1::2] = [values[hole] for hole in parts[1::2]]
    return b"".join(parts)


def plain_call(message: Any, lines: RawHeaders) -> PlainCall | None:
    """The call that a message is, where it is one that the SDK would pass on as it is.

    None for whatever else it is, or is not: the SDK answers, or says what is wrong.
    """
    match message:
        case {
            "jsonrpc": "2.0",
            "id": str() | int() as identity,
            "method": "tools/call",
            "params": {"name": str() as name} as params,
        } if _can_be_told(identity):
            pass
        case _:
            return None
    headers = [(line.decode("latin-1"), value.decode("latin-1")) for line, value in lines]
    version = _version(message, headers)
    if version is None or "application/json" not in dict(headers).get("accept", ""):
        return None
    try:
        parse_client_request("tools/call", version, params)
    except (KeyError, ValueError):
        return None
    return PlainCall(version, identity, name, params.get("arguments") or {})


def _can_be_told(identity: str | int) -> bool:
    if isinstance(identity, str):
        return True
    return not isinstance(identity, bool) and _WORST <= identity <= _MOST


def _version(message: Any, headers: list[tuple[str, str]]) -> str | None:
    """The revision that a message speaks, by the SDK's own rules; None where it breaks them."""
    if find_duplicated_routing_header(headers):
        return None
    by_name = dict(headers)
    version = by_name.get(MCP_PROTOCOL_VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)
    if version in HANDSHAKE_PROTOCOL_VERSIONS:
        return version
    route = classify_inbound_request(message, headers=by_name)
    return None if isinstance(route, InboundLadderRejection) else route.protocol_version
