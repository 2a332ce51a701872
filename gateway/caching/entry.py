"""An answer as bytes that cannot be mistaken for another: header, tags, body, checksum.

    magic 4 · flags 1 · created, fresh, revalidate, error, cost · lengths · checksum
    · tags with their versions · tags found in the answer · body · versions of those found

Times are milliseconds, `created` of the wall clock. The checksum runs over the key, the header, the
tags and the body, so that an entry copied to another key is foreign there; not over the last part,
which the store writes and compares itself. `decode` never raises: what it cannot vouch for is no
entry.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"PLc2"
_HEADER = struct.Struct("<4sBQIIIIIIIIHHI")
_CHECKED = _HEADER.size - 4
_ABSENT, _DEFLATED = 1, 2
_KNOWN = _ABSENT | _DEFLATED

MAX_TAGS = 512
VERSION_BYTES = 8
_MAX_MS = 0xFFFFFFFF
_LEVEL = 1


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A completed answer. `value`: its JSON, None for a row that is not there.

    `created`: seconds of the wall clock, the moment at which the source was asked. `fresh_for`,
    `stale_for`, `error_for`: seconds from then on; the latter two count from the end of the first.
    `cost`: seconds the source took. `versions`: each tag's version, read before it was asked.
    `found`: the tags of what the answer shows; the store has their versions.
    """

    value: bytes | None
    created: float
    fresh_for: float
    stale_for: float
    error_for: float
    cost: float
    versions: Mapping[str, bytes]
    found: tuple[str, ...] = ()

    @property
    def lifetime(self) -> float:
        """Seconds from its creation for which it may be of any use."""
        return self.fresh_for + max(self.stale_for, self.error_for)


def encode(key: bytes, entry: Entry, *, compress_above: int = 0) -> bytes:
    """The entry's bytes for that key, but for the versions of the tags found in it.

    A body of more than `compress_above` bytes is deflated where that makes it smaller; 0 never
    does. Raises ValueError for more than 512 tags.
    """
    if len(entry.versions) + len(entry.found) > MAX_TAGS:
        raise ValueError(f"an entry has at most {MAX_TAGS} tags")
    raw = entry.value or b""
    flags = _ABSENT if entry.value is None else 0
    body = raw
    if 0 < compress_above < len(raw):
        deflated = zlib.compress(raw, _LEVEL)
        if len(deflated) < len(raw):
            body, flags = deflated, flags | _DEFLATED
    tags = b"".join(_tag(name, version) for name, version in entry.versions.items())
    found = b"".join(map(_name, entry.found))
    head = _HEADER.pack(
        MAGIC,
        flags,
        _ms(entry.created, 1 << 63),
        _ms(entry.fresh_for),
        _ms(entry.stale_for),
        _ms(entry.error_for),
        _ms(entry.cost),
        len(tags),
        len(body),
        len(raw),
        len(found),
        len(entry.versions),
        len(entry.found),
        0,
    )[:_CHECKED]
    tags += found
    return b"".join((head, _checksum(key, head, tags, body), tags, body))


def decode(key: bytes, data: bytes, *, most: int) -> Entry | None:
    """The entry for that key, or None: cut short, changed, foreign, or of more than `most` bytes.

    Never raises, whatever it is given.
    """
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        return None
    head = _HEADER.unpack_from(data)
    _, flags, created, fresh, stale, error, cost, *lengths, _ = head
    tag_bytes, body_bytes, raw_bytes, found_bytes, count, found_count = lengths
    begin = _HEADER.size + tag_bytes + found_bytes
    end = begin + body_bytes
    if flags & ~_KNOWN or raw_bytes > most or len(data) != end + found_count * VERSION_BYTES:
        return None
    tags, body = data[_HEADER.size : begin], data[begin:end]
    if _checksum(key, data[:_CHECKED], tags, body) != data[_CHECKED : _HEADER.size]:
        return None
    versions = _versions(tags[:tag_bytes], count)
    found = _names(tags[tag_bytes:])
    value = _inflated(body, raw_bytes) if flags & _DEFLATED else body
    if versions is None or found is None or len(found) != found_count:
        return None
    if value is None or len(value) != raw_bytes:
        return None
    return Entry(
        None if flags & _ABSENT else value,
        created / 1_000,
        fresh / 1_000,
        stale / 1_000,
        error / 1_000,
        cost / 1_000,
        versions,
        found,
    )


@lru_cache(4_096)
def _tag(name: str, version: bytes) -> bytes:
    text = name.encode()
    return struct.pack("<HB", len(text), len(version)) + text + version


@lru_cache(4_096)
def _name(name: str) -> bytes:
    text = name.encode()
    return struct.pack("<H", len(text)) + text


def _names(tags: bytes) -> tuple[str, ...] | None:
    found: list[str] = []
    place = 0
    try:
        while place < len(tags):
            (size,) = struct.unpack_from("<H", tags, place)
            place += 2 + size
            found.append(tags[place - size : place].decode())
    except (struct.error, UnicodeDecodeError):
        return None
    return tuple(found) if place == len(tags) else None


def _versions(tags: bytes, count: int) -> Mapping[str, bytes] | None:
    found: dict[str, bytes] = {}
    place = 0
    try:
        for _ in range(count):
            name, version = struct.unpack_from("<HB", tags, place)
            place += 3
            text = tags[place : place + name].decode()
            found[text] = tags[place + name : place + name + version]
            place += name + version
    except (struct.error, UnicodeDecodeError):
        return None
    return found if place == len(tags) and len(found) == count else None


def _inflated(body: bytes, raw: int) -> bytes | None:
    """The body as it was, or None; never more than one byte beyond what the header says."""
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(body, raw + 1)
    except zlib.error:
        return None
    return value if inflater.eof and not inflater.unused_data else None


def _checksum(key: bytes, head: bytes, tags: bytes, body: bytes) -> bytes:
    """CRC-32 of all four, each with its place."""
    value = zlib.crc32(body, zlib.crc32(tags, zlib.crc32(head, zlib.crc32(key))))
    return struct.pack("<I", value)


def _ms(seconds: float, most: int = _MAX_MS) -> int:
    return max(0, min(round(seconds * 1_000), most))
