"""The messages of graphql-transport-ws, as bytes and back.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import orjson

from gateway.execution.exchange import GraphQLRequest  # noqa: TC001 - msgspec reads annotations

if TYPE_CHECKING:
    from gateway.execution.exchange import Answer

PROTOCOL = "graphql-transport-ws"
MAX_ID_CHARS = 256


class Init(msgspec.Struct, frozen=True, tag="connection_init"):
    """The client says who it is."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """To be answered by a pong with the same payload."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """A sign of life."""

    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """An operation begins under an id of the client's."""

    id: str
    payload: GraphQLRequest


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """The client wants no more of an operation."""

    id: str


Incoming: TypeAlias = Init | Ping | Pong | Subscribe | Complete

_DECODER: msgspec.json.Decoder[Incoming] = msgspec.json.Decoder(Incoming)


def decode(text: str, most: int) -> Incoming:
    """A client's message, of at most `most` opening brackets (`HttpLimits.max_brackets`).

    Raises ValueError for anything else, saying what is wrong.
    """
    if text.count("{") + text.count("[") > most:
        raise ValueError(f"A message has at most {most} opening brackets")
    try:
        message = _DECODER.decode(text)
    except msgspec.ValidationError as error:
        raise ValueError(f"The message is not one of {PROTOCOL}: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise ValueError("The message is not JSON") from None
    if isinstance(message, Subscribe | Complete) and not 0 < len(message.id) <= MAX_ID_CHARS:
        raise ValueError(f"An id has 1 to {MAX_ID_CHARS} characters")
    return message


ACK = '{"type":"connection_ack"}'


def pong(payload: dict[str, Any] | None) -> str:
    """The answer to a ping."""
    if payload is None:
        return '{"type":"pong"}'
    return msgspec.json.encode({"type": "pong", "payload": payload}).decode()


def answer_message(identity: str, answer: Answer) -> str:
    """An answer as `next`; a refusal as `error`, which ends the operation."""
    if answer.executed:
        return f'{{"id":{_text(identity)},"type":"next","payload":{answer.body.decode()}}}'
    errors = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])["errors"]
    return f'{{"id":{_text(identity)},"type":"error","payload":{bytes(errors).decode()}}}'


def complete(identity: str) -> str:
    """Nothing more comes for an operation."""
    return f'{{"id":{_text(identity)},"type":"complete"}}'


def _text(identity: str) -> str:
    return orjson.dumps(identity).decode()
