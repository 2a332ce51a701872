"""Writes to Directus: each sent once, giving the items it wrote.

A file goes as a form that is sent piece by piece, never held as a whole.
Which items are there is asked before an update or a delete, as Directus refuses a write to a
missing item in the words of a missing permission; a refusal after that is one of permission.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import SourceRefused
from gateway.sources.contract import Batch, Prepared
from gateway.sources.directus.answers import looked_up
from gateway.sources.directus.sending import JSON, LONGEST_URL, query_string, reading
from gateway.sources.directus.values import key_of
from gateway.sources.http import Outgoing, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from typing import TypeAlias

    from gateway.schema.items.asks import ItemWrite, WriteValues
    from gateway.schema.items.catalog import Collection
    from gateway.schema.uploads import Upload
    from gateway.sources.contract import Key, Slots, Value
    from gateway.sources.directus.prepared import PreparedLookup
    from gateway.sources.directus.sending import Sending

    LookUp: TypeAlias = Callable[[PreparedLookup, Batch, float], Awaitable[list[Value]]]
    """Reads items by key, before a deadline."""


_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""As HTML's forms write names (https://html.spec.whatwg.org/, "multipart/form-data encoding")."""
_NAMELESS = "file"
_ANY = "application/octet-stream"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedWrite(Prepared):
    """A write. Its arguments are its `WriteValues`, then those of `shown`, which reads items."""

    verb: str
    shown: PreparedLookup
    slots: Slots
    reached: Sequence[Collection]


def prepare_write(ask: ItemWrite, shown: PreparedLookup) -> PreparedWrite:
    """Compile a write whose items `shown` reads. Pure."""
    return PreparedWrite(
        source=shown.source,
        by_key=False,
        verb=ask.verb,
        shown=shown,
        slots=((ask.spec, 0), *shown.slots),
        reached=ask.reached(),
    )


@dataclass(frozen=True, slots=True)
class Writing:
    """One write through `sending`; `rest` are the arguments of the look-up that shows its items."""

    sending: Sending
    look_up: LookUp
    prepared: PreparedWrite
    values: WriteValues
    rest: tuple[Any, ...]
    deadline: float

    async def done(self) -> list[Value]:
        """Write, and give the items: new ones, or those of the keys that are there.

        Raises SourceError. What was written stays written where its items cannot be shown: none are
        given to who may write but not read.
        """
        match self.prepared.verb:
            case "delete":
                return await self._delete()
            case "update":
                return await self._update()
            case "upload" if self.values.file is not None:
                request = _file_request(self.values.file, self.values.items[0])
                return await self._sent(request, {})
            case _:
                return await self._create()

    async def _create(self) -> list[Value]:
        items, key = self.values.items, self.prepared.shown.match
        request = Outgoing("POST", body=_json(items), headers=JSON)
        given = [(item[key],) for item in items if item.get(key) is not None]
        own = given if len(given) == len(items) else None
        return await self._sent(request, {"sort": [key], "limit": len(items)}, own)

    async def _update(self) -> list[Value]:
        there = await self._there()
        if not there:
            return []
        body = _json({"keys": [key for (key,) in there], "data": self.values.items[0]})
        request = Outgoing("PATCH", body=body, headers=JSON)
        return await self._sent(request, {"limit": len(there)}, there)

    async def _delete(self) -> list[Value]:
        """The items as they were."""
        shown = self.prepared.shown
        keys = self._wanted()
        values = await self.look_up(shown, Batch(keys, self.rest), self.deadline)
        found = zip(keys, values, strict=True)
        there = {key: value for (key,), value in found if value is not None}
        if there:
            await self._asked(Outgoing("DELETE", shown.path, _json(list(there)), JSON))
        return list(there.values())

    async def _there(self) -> list[Key]:
        """Those of the keys whose items are there, as far as we may see them."""
        key, keys = self.prepared.shown.match, [key for (key,) in self._wanted()]
        if not keys:
            return []
        query = {"fields": [key], "filter": {key: {"_in": keys}}, "limit": len(keys)}
        return self._keys(await self._asked(reading(self.prepared.shown.path, query)))

    def _wanted(self) -> list[Key]:
        """The keys of the values, without those that cannot be one."""
        found = (key_of(self.prepared.shown.key_type, key) for key in self.values.keys)
        return [(key,) for key in found if key is not None]

    async def _sent(
        self, request: Outgoing, order: dict[str, Any], keys: list[Key] | None = None
    ) -> list[Value]:
        """Send a write; its items in the order of `keys`, or else as Directus has them.

        They come with the answer, unless what is asked of them does not fit into a URL.
        """
        shown = self.prepared.shown
        asked, _ = shown.selection.query(self.rest)
        path = f"{shown.path}?{query_string(asked | order)}"
        whole = len(path) <= LONGEST_URL
        if not whole:
            path = f"{shown.path}?{query_string({'fields': [shown.match], **order})}"
        data = await self._asked(replace(request, path=path))
        own = self._keys(data) if keys is None else keys
        if whole:
            return looked_up(shown, data, own, len(own) + 1)
        return await self.look_up(shown, Batch(own, self.rest), self.deadline)

    async def _asked(self, request: Outgoing) -> bytes:
        """The `data` of an answer, always a list."""
        passed = self.rest[len(self.prepared.shown.selection.specs) :]
        found = await self.sending.ask(request, self.deadline, passed[0] if passed else ())
        data = bytes(found.data) or b"[]"
        return b"[" + data + b"]" if data.startswith(b"{") else data

    def _keys(self, data: bytes) -> list[Key]:
        key = self.prepared.shown.match
        try:
            return [(item[key],) for item in orjson.loads(data)]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise SourceRefused("Directus gave something else than items.") from None


def _json(content: Sequence[Any] | dict[str, Any]) -> bytes:
    return orjson.dumps(content, default=str)


def _file_request(file: Upload, said: Mapping[str, Any]) -> Outgoing:
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
