"""Files that come with a request, and the scalar `Upload` that stands for them.

GraphQL multipart request specification: https://github.com/jaydenseric/graphql-multipart-request-spec
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from graphql import GraphQLError
from strawberry.types.scalar import scalar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CHUNK = 65_536


class Upload:
    """One file of a request; it is there until the request is answered.

    `filename` and `content_type` are the client's words for it, `size` is in bytes.
    """

    __slots__ = ("_file", "_turn", "content_type", "filename", "size")

    def __init__(self, file: BinaryIO, filename: str, content_type: str, size: int) -> None:
        self._file = file
        self._turn = threading.Lock()
        self.filename = filename
        self.content_type = content_type
        self.size = size

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content in pieces of at most 64 KiB; each time from its beginning."""
        at = 0
        while at < self.size:
            chunk = await asyncio.to_thread(self._read, at, _CHUNK)
            if not chunk:
                return
            at += len(chunk)
            yield chunk

    async def read(self) -> bytes:
        """The whole content; for files that are known to be small."""
        return await asyncio.to_thread(self._read, 0, self.size)

    def _read(self, at: int, most: int) -> bytes:
        with self._turn:
            self._file.seek(at)
            return self._file.read(most)


def _parse(value: Any) -> Upload:
    if isinstance(value, Upload):
        return value
    raise GraphQLError(
        "Upload must be a file of a multipart request.", extensions={"code": "BAD_USER_INPUT"}
    )


def _serialize(_value: Any) -> None:
    raise GraphQLError("Upload is for arguments only.")


UPLOAD = scalar(
    name="Upload",
    description="A file, sent as the GraphQL multipart request specification says.",
    specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
    serialize=_serialize,
    parse_value=_parse,
)
"""For `StrawberryConfig(scalar_map=…)`, with `Upload` as its type."""
