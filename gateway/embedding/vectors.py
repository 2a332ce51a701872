"""Vectors as 32-bit floats: to unit length, to bytes and back."""

from __future__ import annotations

import math
import sys
import zlib
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHECKSUM_BYTES = 4


def unit(vector: Sequence[float]) -> list[float] | None:
    """The vector at length 1, in numbers that 32 bits hold; zeros stay zeros.

    None where a number is not finite.
    """
    length = math.hypot(*vector)
    if not math.isfinite(length):
        return None
    if length:
        vector = [one / length for one in vector]
    return array("f", vector).tolist()


def packed(vector: Sequence[float]) -> bytes:
    """The numbers as 32-bit little-endian floats, a CRC-32 before them."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    data = numbers.tobytes()
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little") + data


def unpacked(data: bytes, dimensions: int) -> list[float] | None:
    """What `packed` was given; None where the bytes are not such a vector of this length."""
    numbers = array("f")
    if len(data) != _CHECKSUM_BYTES + dimensions * numbers.itemsize:
        return None
    if zlib.crc32(data[_CHECKSUM_BYTES:]) != int.from_bytes(data[:_CHECKSUM_BYTES], "little"):
        return None
    numbers.frombytes(data[_CHECKSUM_BYTES:])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
