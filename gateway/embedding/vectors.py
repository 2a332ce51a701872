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
NUMBER_BYTES = 4


def unit(vector: Sequence[float]) -> array[float] | None:
    """The vector at length 1; zeros stay zeros.

    None where a number is not finite.
    """
    length = math.hypot(*vector)
    if not math.isfinite(length):
        return None
    if length:
        vector = [one / length for one in vector]
    return array("f", vector)


def unit_of_bytes(data: bytes) -> array[float] | None:
    """As `unit`, of 32-bit little-endian floats, in a tenth of the time."""
    import numpy as np  # noqa: PLC0415 - only where a service is asked

    numbers = np.frombuffer(data, "<f4").astype("f8")
    length = math.sqrt(numbers @ numbers)
    if not math.isfinite(length):
        return None
    return array("f", (numbers / (length or 1.0)).astype("f4").tobytes())


def packed(vector: array[float]) -> bytes:
    """The numbers as 32-bit little-endian floats, a CRC-32 before them."""
    numbers = vector
    if sys.byteorder == "big":
        numbers = vector[:]
        numbers.byteswap()
    data = numbers.tobytes()
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little") + data


def unpacked(data: bytes, dimensions: int) -> array[float] | None:
    """What `packed` was given; None where the bytes are not such a vector of this length."""
    if len(data) != _CHECKSUM_BYTES + dimensions * NUMBER_BYTES:
        return None
    if zlib.crc32(data[_CHECKSUM_BYTES:]) != int.from_bytes(data[:_CHECKSUM_BYTES], "little"):
        return None
    (vector,) = split(data[_CHECKSUM_BYTES:], dimensions)
    return vector


def split(data: bytes, dimensions: int) -> list[array[float]]:
    """The vectors that follow each other as 32-bit little-endian floats."""
    size = dimensions * NUMBER_BYTES
    vectors = [array("f", data[start : start + size]) for start in range(0, len(data), size)]
    if sys.byteorder == "big":
        for vector in vectors:
            vector.byteswap()
    return vectors
