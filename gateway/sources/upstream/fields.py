"""Root fields of an upstream: the request that asks for them, and their values in its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from gateway.sources.contract import Pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.errors import PlaitError
    from gateway.schema.remote import RemotePart
    from gateway.sources.contract import Key, Value
    from gateway.sources.upstream.answers import Envelope, Errors
    from gateway.sources.upstream.prepared import PreparedFields


def body(prepared: PreparedFields, variables: bytes) -> bytes:
    """The request's body."""
    return prepared.opening + variables + b"}"


def values(
    prepared: PreparedFields, keys: Sequence[Key], answer: Envelope, errors: Errors
) -> list[Value]:
    """The values of the parts whose numbers the keys are."""
    return [_part(prepared.parts[number], answer, errors) for (number,) in keys]


def _part(part: RemotePart, answer: Envelope, errors: Errors) -> Value:
    if not part.namespace:
        (key,) = part.keys
        return errors.at(answer.data, key)
    if answer.data is None:
        return errors.value(None, ())
    pieces: list[bytes | PlaitError] = []
    opened = b"{"
    for key in part.typename_keys:
        pieces.append(opened + orjson.dumps(key) + b":" + orjson.dumps(part.typename))
        opened = b","
    for alias in part.keys:
        pieces.append(opened + orjson.dumps(part.shown(alias)) + b":")
        opened = b","
        value = errors.at(answer.data, alias)
        if isinstance(value, Pieces):
            pieces += value
        else:
            pieces.append(b"null" if value is None else value)
    pieces.append(b"}" if opened == b"," else b"{}")
    whole = [piece for piece in pieces if isinstance(piece, bytes)]
    return b"".join(whole) if len(whole) == len(pieces) else Pieces(pieces)
