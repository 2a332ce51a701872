"""What has to be changed in an upstream's answer before it may be spliced, found without parsing.

The marks stand under aliases of ours. Between a JSON object's braces `"alias":` can only be a
member's name: inside a string its quotes would be escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.errors import SourceRefused
from gateway.sources.contract import HOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.upstreams.remote import RemoteSelection

_SCALAR = rb'(null|true|false|-?[0-9.eE+-]+|"(?:[^"\\]|\\.)*")'
_BLANK = rb"[ \t\r\n]*"


class Patches:
    """The changes of one selection: holes put in, types renamed."""

    __slots__ = ("_holes", "_pattern", "_renamed", "_typenames")

    def __init__(self, selection: RemoteSelection, renamed: Mapping[str, str]) -> None:
        self._holes = {
            hole.alias.encode(): (hole.key.encode(), hole.slot) for hole in selection.holes
        }
        self._typenames = {alias.encode(): key.encode() for alias, key in selection.typenames}
        self._renamed = {
            b'"%b"' % theirs.encode(): b'"%b"' % own.encode() for theirs, own in renamed.items()
        }
        marks = [*self._holes, *self._typenames]
        self._pattern = (
            re.compile(rb'"(' + b"|".join(marks) + rb')"' + _BLANK + b":" + _BLANK + _SCALAR)
            if marks
            else None
        )

    def apply(self, value: bytes) -> bytes:
        """The value as it may be spliced: without raw tabs, marks replaced.

        Raises SourceRefused where a mark is followed by something else than a scalar.
        """
        if HOLE in value:  # white space here, a hole to us
            value = value.replace(HOLE, b" ")
        if self._pattern is None:
            return value
        return self._pattern.sub(self._replaced, value)

    def apply_piece(self, piece: bytes) -> bytes:
        """The same for a piece of a value, which may end where a member's value failed."""
        patched = self.apply(piece)
        for alias, (key, _) in self._holes.items():
            patched = patched.removesuffix(b'"%b":' % alias) + (
                b'"%b":' % key if patched.endswith(b'"%b":' % alias) else b""
            )
        return patched

    def _replaced(self, found: re.Match[bytes]) -> bytes:
        alias, value = found.group(1), found.group(2)
        shown = self._typenames.get(alias)
        if shown is not None:
            return b'"%b":%b' % (shown, self._renamed.get(value, value)) if shown else b""
        key, slot = self._holes[alias]
        if value == b"null":
            return b'"%b":null' % key
        if value in {b"true", b"false"}:
            raise SourceRefused("An upstream's key field holds a Boolean, which is no key.")
        return b'"%b":%b[%d,%b]%b' % (key, HOLE, slot, value, HOLE)
