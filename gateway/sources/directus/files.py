"""A file on its way to Directus: a form that is sent piece by piece, never held as a whole."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import orjson

from gateway.sources.http import Outgoing, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from gateway.schema.uploads import Upload

_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""As HTML's forms write names (https://html.spec.whatwg.org/, "multipart/form-data encoding")."""
_NAMELESS = "file"
_ANY = "application/octet-stream"


def file_request(file: Upload, said: Mapping[str, Any]) -> Outgoing:
    """The POST of a file; `said` are fields of its metadata, which Directus wants before it."""
    boundary = f"plait-{secrets.token_hex(16)}"
    parts = [_part(boundary, name) + _text(value) + b"\r\n" for name, value in said.items()]
    head = _part(boundary, "file", file.filename or _NAMELESS, file.content_type)
    opening, closing = b"".join([*parts, head]), f"\r\n--{boundary}--\r\n".encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield opening
        async for chunk in file.chunks():
            yield chunk
        yield closing

    body = Stream(len(opening) + file.size + len(closing), pieces)
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return Outgoing("POST", body=body, headers=kind)


def _part(boundary: str, name: str, filename: str = "", kind: str = "") -> bytes:
    lines = f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_QUOTED)}"'
    if filename:
        lines += f'; filename="{filename.translate(_QUOTED)}"\r\nContent-Type: {_plain(kind)}'
    return f"{lines}\r\n\r\n".encode()


def _plain(kind: str) -> str:
    """A media type that can stand in a header."""
    return kind if kind.isascii() and kind.isprintable() and "/" in kind else _ANY


def _text(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value, default=str)
