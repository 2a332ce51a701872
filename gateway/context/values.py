r"""Values as bytes: JSON within a bound, deflated where that pays.

What is stored is the JSON itself, or `\0z` and the deflated JSON; JSON never begins so.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.errors import InputError, SourceDataError

_DEFLATED = b"\x00z"
_LEVEL = 1
_ASIDE_BYTES = 1 << 18
"""From here on deflating takes milliseconds, and is done in a thread."""


@dataclass(frozen=True, slots=True)
class Codec:
    """Writes and reads values. `most`: bytes of one value's JSON; `compress_above`: 0 for never."""

    most: int
    compress_above: int

    async def encode(self, data: Any) -> bytes:
        """The bytes of a value. Raises InputError for what is no JSON, or too large."""
        try:
            text = orjson.dumps(data, option=orjson.OPT_PASSTHROUGH_DATACLASS)
        except TypeError:  # also integers beyond 64 bits, lone surrogates, circles, great depth
            raise InputError(
                "This value cannot be written as JSON: objects with text keys, lists, texts, "
                "64-bit integers, finite numbers, booleans and null can."
            ) from None
        if b"null" in text and not _finite(data):
            raise InputError("NaN and infinity cannot be written as JSON.")
        if len(text) > self.most:
            raise InputError(
                f"This value is {len(text)} bytes of JSON; the source takes {self.most}. Keep a "
                "reference to large data instead of the data."
            )
        if not self.compress_above or len(text) <= self.compress_above:
            return text
        if len(text) < _ASIDE_BYTES:
            return _deflated(text)
        return await asyncio.to_thread(_deflated, text)

    async def decode(self, stored: bytes) -> Any:
        """The value. Raises SourceDataError for bytes that are none of ours."""
        if len(stored) < _ASIDE_BYTES:
            return self._decoded(stored)
        return await asyncio.to_thread(self._decoded, stored)

    def _decoded(self, stored: bytes) -> Any:
        text = self._inflated(stored) if stored.startswith(_DEFLATED) else stored
        if text is None or len(text) > self.most:
            raise SourceDataError(f"The stored value is broken, or above {self.most} bytes.")
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            raise SourceDataError("The stored value is not JSON.") from None

    def _inflated(self, stored: bytes) -> bytes | None:
        """The text, never more than the bound of it in memory; None where it is broken."""
        reader = zlib.decompressobj()
        try:
            text = reader.decompress(stored[len(_DEFLATED) :], self.most + 1)
        except zlib.error:
            return None
        return text if reader.eof or len(text) > self.most else None


def _deflated(text: bytes) -> bytes:
    short = _DEFLATED + zlib.compress(text, _LEVEL)
    return short if len(short) < len(text) else text


def _finite(data: Any) -> bool:
    """Whether no number in it is NaN or infinite, which orjson writes as null."""
    if isinstance(data, float):
        return math.isfinite(data)
    if isinstance(data, dict):
        return all(map(_finite, data.values()))
    return all(map(_finite, data)) if isinstance(data, list | tuple) else True
