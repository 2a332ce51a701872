"""The points that a search is narrowed to, as messages. Imports the client library.

Ten thousand ids as messages of the client cost the event loop 10 ms, and as its models 13 ms more;
written as bytes, which one call parses, they cost less than one
(https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import grpc as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.qdrant.ids import PointId
    from gateway.sources.qdrant.narrowing import Among

_SEVEN_BITS = 0x7F
_MORE = 0x80
_HAS_ID, _NUM, _UUID = b"\x0a", b"\x08", b"\x12"
"""Tags: member `has_id` of a condition, members `num` and `uuid` of an id."""


def narrowed(wanted: pb.Filter | None, among: Among) -> pb.Filter:
    """The filter, for these points alone."""
    conditions = [_ids(among.ids)] if among.ids or not among.keys else []
    if among.field is not None:
        conditions += _keys(among.field, among.keys)
    own = conditions[0]
    if len(conditions) > 1:
        own = pb.Condition(filter=pb.Filter(should=conditions))
    merged = pb.Filter()
    if wanted is not None:
        merged.must.append(pb.Condition(filter=wanted))
    merged.must.append(own)
    return merged


def _ids(ids: Sequence[PointId]) -> pb.Condition:
    numbers = [one for one in ids if isinstance(one, int)]
    texts = [one for one in ids if isinstance(one, str)]
    written = _numbers(numbers) + _texts(texts)
    return pb.Condition(has_id=pb.HasIdCondition.FromString(written))


def _keys(field: str, keys: Sequence[int | str]) -> list[pb.Condition]:
    numbers = [key for key in keys if isinstance(key, int)]
    texts = [key for key in keys if isinstance(key, str)]
    matches = [pb.Match(integers=pb.RepeatedIntegers(integers=numbers))] if numbers else []
    if texts:
        matches.append(pb.Match(keywords=pb.RepeatedStrings(strings=texts)))
    return [pb.Condition(field=pb.FieldCondition(key=field, match=match)) for match in matches]


def _numbers(ids: Sequence[int]) -> bytes:
    """`repeated PointId` of numbers: those whose varints are equally long as one block of bytes."""
    values = np.array(ids, dtype=np.uint64)
    written: list[bytes] = []
    rest = values
    length = 1
    while rest.size:
        fits = rest < np.uint64(1 << 7 * length) if 7 * length < 64 else np.ones(rest.size, bool)  # noqa: PLR2004 - bits
        written.append(_block(rest[fits], length))
        rest = rest[~fits]
        length += 1
    return b"".join(written)


def _block(values: np.ndarray[Any, Any], length: int) -> bytes:
    head = np.frombuffer(_HAS_ID + bytes([length + 1]) + _NUM, dtype=np.uint8)
    block = np.empty((values.size, head.size + length), dtype=np.uint8)
    block[:, : head.size] = head
    for place in range(length):
        part = (values >> np.uint64(7 * place)) & np.uint64(_SEVEN_BITS)
        more = _MORE if place < length - 1 else 0
        block[:, head.size + place] = part.astype(np.uint8) | more
    return block.tobytes()


def _texts(ids: Sequence[str]) -> bytes:
    """`repeated PointId` of UUIDs, which are all equally long."""
    encoded = [one.encode() for one in ids]
    return b"".join(
        _HAS_ID + bytes([len(one) + 2]) + _UUID + bytes([len(one)]) + one for one in encoded
    )
