"""A value with its key and its end, for engines that know no time to live.

PLT1 | end: milliseconds since 1970, 0 for never | length of the key | check sum | key | value
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from gateway.errors import SourceDataError

_HEAD = struct.Struct(">4sQHI")
_MAGIC = b"PLT1"
HEAD_BYTES = _HEAD.size + 512
"""The beginning of a record that holds its end and its key whole."""


class Head(NamedTuple):
    """What stands before the value. `ends`: seconds since 1970, None for never."""

    key: str
    ends: float | None
    checksum: int
    length: int

    def live(self, now: float) -> bool:
        """Whether the value is still there."""
        return self.ends is None or now < self.ends


def write(key: str, value: bytes, ends: float | None) -> bytes:
    """The record."""
    name = key.encode()
    moment = 0 if ends is None else max(1, round(ends * 1000))
    return _HEAD.pack(_MAGIC, moment, len(name), zlib.crc32(value)) + name + value


def head(record: bytes) -> Head | None:
    """What the first `HEAD_BYTES` say; None where they are no record's."""
    if len(record) < _HEAD.size or not record.startswith(_MAGIC):
        return None
    _, moment, length, checksum = _HEAD.unpack_from(record)
    try:
        key = record[_HEAD.size : _HEAD.size + length].decode()
    except UnicodeDecodeError:
        return None
    return Head(key, moment / 1000 if moment else None, checksum, _HEAD.size + length)


def read(record: bytes, key: str, now: float) -> bytes | None:
    """The value, None once it has expired. Raises SourceDataError for another or broken record."""
    found = head(record)
    if found is None or found.key != key:
        raise SourceDataError("What is stored under this key is no value of this source.")
    if not found.live(now):
        return None
    value = record[found.length :]
    if zlib.crc32(value) != found.checksum:
        raise SourceDataError("The stored value is broken.")
    return value
