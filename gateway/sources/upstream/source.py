"""A GraphQL service by its address: what is selected of it, in as few documents as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import PlaitError, SourceError, SourceRefused
from gateway.sources.contract import Batch, Budget, Health, Pieces
from gateway.sources.http import HttpService, Outgoing
from gateway.sources.upstream.answers import Errors, envelope, holds, items, members
from gateway.sources.upstream.prepared import (
    KEY_ALIAS,
    PreparedFields,
    PreparedObjects,
    aliased_document,
    prepare_fields,
    prepare_objects,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.remote import RemoteFields, RemoteObjects, RemotePart, UpstreamInfo
    from gateway.sources.contract import Key, Value
    from gateway.sources.upstream.answers import Envelope

_HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
}
_PROBE = b'{"query":"{ __typename }"}'


class UpstreamSource:
    """One upstream. `concurrency` bounds the documents under way at once.

    `headers` go with every document; `trusted` lets the upstream's messages reach our clients;
    `max_bytes` bounds an answer.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str,
        info: UpstreamInfo,
        *,
        headers: Mapping[str, str] | None = None,
        concurrency: int = 64,
        connect_timeout: float = 2.0,
        max_bytes: int = 16_000_000,
        trusted: bool = False,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._info = info
        self._trusted = trusted
        self._service = HttpService(
            name,
            url,
            headers={**_HEADERS, **(headers or {})},
            connections=concurrency,
            connect_seconds=connect_timeout,
            max_bytes=max_bytes,
        )

    def prepare_fields(self, ask: RemoteFields) -> PreparedFields:
        """Root fields that travel in one document. Pure."""
        return prepare_fields(self.name, self._info, ask)

    def prepare_objects(self, ask: RemoteObjects) -> PreparedObjects:
        """Objects by key. Pure."""
        return prepare_objects(self.name, self._info, ask)

    async def open(self) -> None:
        """Make the connections' pool."""
        await self._service.open()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._service.close()

    async def check(self, budget: Budget) -> Health:
        """Ask for a type name."""
        try:
            answer = await self._post(_PROBE, budget.deadline, repeatable=True)
        except SourceError as error:
            return Health(ready=False, detail=error.message)
        ready = answer.data is not None
        return Health(ready=ready, detail="answers" if ready else f"{self.name} reports an error")

    async def execute(
        self, prepared: PreparedFields | PreparedObjects, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """The parts or objects that the batch's keys name; its argument is the variables' JSON."""
        variables: bytes = batch.arguments[0]
        if isinstance(prepared, PreparedFields):
            return await self._fields(prepared, batch.keys, variables, budget.deadline)
        if prepared.by == "_entities":
            return await self._entities(prepared, batch.keys, variables, budget.deadline)
        if prepared.finder is not None and prepared.finder.many:
            return await self._listed(prepared, batch.keys, variables, budget.deadline)
        return await self._aliased(prepared, batch.keys, variables, budget.deadline)

    def describe(self, prepared: PreparedFields | PreparedObjects) -> Mapping[str, Any]:
        """The document, for `explain` and the golden plans."""
        if isinstance(prepared, PreparedObjects) and not _has_fixed_document(prepared):
            return {"document": aliased_document(prepared, 1), "times": "once a key, in one"}
        return {"document": prepared.document}

    async def _fields(
        self, prepared: PreparedFields, keys: Sequence[Key], variables: bytes, deadline: float
    ) -> list[Value]:
        body = prepared.opening + variables + b"}"
        answer = await self._post(body, deadline, repeatable=prepared.reads)
        errors = self._errors(answer)
        parts = [prepared.parts[number] for (number,) in keys]
        return [self._patched(prepared, self._part(part, answer, errors)) for part in parts]

    def _part(self, part: RemotePart, answer: Envelope, errors: Errors) -> Value:
        data = answer.data or {}
        if not part.namespace:
            (key,) = part.keys
            raw = data.get(key)
            return errors.value(None if raw is None else bytes(raw), errors.by_root.get(key, ()))
        if answer.data is None:
            return errors.value(None, ())
        return _namespace(part, data, errors)

    async def _entities(
        self, prepared: PreparedObjects, keys: Sequence[Key], variables: bytes, deadline: float
    ) -> list[Value]:
        representations = [
            {"__typename": prepared.type, **dict(zip(prepared.fields, key, strict=True))}
            for key in keys
        ]
        answer = await self._with_keys(prepared, representations, variables, deadline)
        errors = self._errors(answer)
        found = (answer.data or {}).get("_entities")
        if found is None:
            raise errors.general or SourceRefused(f"{self.name} gave no `_entities`.")
        raws = items(self.name, bytes(found))
        if len(raws) != len(keys):
            raise SourceRefused(f"{self.name} gave {len(raws)} entities for {len(keys)} keys.")
        below = errors.by_root.get("_entities", ())
        return [
            self._patched(
                prepared,
                errors.value(
                    bytes(raw),
                    [(path[1:], error) for path, error in below if path[:1] == (number,)],
                ),
            )
            for number, raw in enumerate(raws)
        ]

    async def _listed(
        self, prepared: PreparedObjects, keys: Sequence[Key], variables: bytes, deadline: float
    ) -> list[Value]:
        answer = await self._with_keys(prepared, [key for (key,) in keys], variables, deadline)
        errors = self._errors(answer)
        found = (answer.data or {}).get(prepared.by)
        if found is None or found == b"null":
            below = errors.by_root.get(prepared.by, ())
            raise (
                below[0][1]
                if below
                else errors.general or SourceRefused(f"{self.name} gave no `{prepared.by}`.")
            )
        by_key: dict[str, Value] = {}
        below = errors.by_root.get(prepared.by, ())
        for number, raw in enumerate(items(self.name, bytes(found))):
            own = members(bytes(raw)).get(KEY_ALIAS)
            if own is not None:
                located = [(path[1:], error) for path, error in below if path[:1] == (number,)]
                value = errors.value(_without_key(bytes(raw), bytes(own)), located)
                by_key[str(holds(bytes(own)))] = self._patched(prepared, value)
        return [by_key.get(str(key)) for (key,) in keys]

    async def _aliased(
        self, prepared: PreparedObjects, keys: Sequence[Key], variables: bytes, deadline: float
    ) -> list[Value]:
        own = {f"plait_k{number}": key for number, (key,) in enumerate(keys)}
        body = orjson.dumps(
            {
                "query": aliased_document(prepared, len(keys)),
                "variables": orjson.loads(variables) | own,
            }
        )
        answer = await self._post(body, deadline, repeatable=True)
        errors = self._errors(answer)
        data = answer.data or {}
        values: list[Value] = []
        for number in range(len(keys)):
            alias = f"plait_o{number}"
            raw = data.get(alias)
            value = errors.value(None if raw is None else bytes(raw), errors.by_root.get(alias, ()))
            values.append(self._patched(prepared, value))
        return values

    async def _with_keys(
        self, prepared: PreparedObjects, keys: Sequence[Any], variables: bytes, deadline: float
    ) -> Envelope:
        own = b'"plait_keys":' + orjson.dumps(keys, default=str)
        rest = b"," + variables[1:] if len(variables) > len(b"{}") else b"}"
        body = prepared.opening + b"{" + own + rest + b"}"
        return await self._post(body, deadline, repeatable=True)

    async def _post(self, body: bytes, deadline: float, *, repeatable: bool) -> Envelope:
        request = Outgoing("POST", body=body, repeatable=repeatable)
        return envelope(self.name, await self._service.send(request, deadline))

    def _errors(self, answer: Envelope) -> Errors:
        return Errors(self.name, answer.errors or (), trusted=self._trusted)

    def _patched(self, prepared: PreparedFields | PreparedObjects, value: Value) -> Value:
        if isinstance(value, bytes):
            return prepared.patches.apply(value)
        if isinstance(value, Pieces):
            return Pieces(
                piece if isinstance(piece, PlaitError) else prepared.patches.apply_piece(piece)
                for piece in value
            )
        return value


def _has_fixed_document(prepared: PreparedObjects) -> bool:
    return prepared.by == "_entities" or bool(prepared.finder and prepared.finder.many)


def _namespace(part: RemotePart, data: Mapping[str, Any], errors: Errors) -> Value:
    """The object of a namespace: its fields as the upstream gave them, each with its errors."""
    pieces: list[bytes | PlaitError] = []
    opened = b"{"
    for key in part.typename_keys:
        pieces.append(opened + orjson.dumps(key) + b":" + orjson.dumps(part.typename))
        opened = b","
    for alias in part.keys:
        raw = data.get(alias)
        value = errors.value(None if raw is None else bytes(raw), errors.by_root.get(alias, ()))
        pieces.append(opened + orjson.dumps(alias.split("_", 2)[2]) + b":")
        opened = b","
        if isinstance(value, Pieces):
            pieces += value
        else:
            pieces.append(b"null" if value is None else value)
    pieces.append(b"}" if opened == b"," else b"{}")
    if all(isinstance(piece, bytes) for piece in pieces):
        return b"".join(piece for piece in pieces if isinstance(piece, bytes))
    return Pieces(pieces)


def _without_key(raw: bytes, key: bytes) -> bytes:
    """The object without the member that says which key it has; by rule it is the first."""
    opening = b'{"%b":' % KEY_ALIAS.encode()
    if raw.startswith(opening + key):
        return b"{" + raw[len(opening) + len(key) :].lstrip().removeprefix(b",")
    kept = (
        orjson.dumps(name) + b":" + bytes(value)
        for name, value in members(raw).items()
        if name != KEY_ALIAS
    )
    return b"{" + b",".join(kept) + b"}"
