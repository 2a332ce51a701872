"""Objects of an upstream by key: the request that asks for them, and their values in its answer.

Three ways, by what the upstream offers: `_entities` of a subgraph, a root field that takes a list
of keys, and one that takes a single key, which is then asked once a key in one document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import SourceError, SourceRefused
from gateway.sources.upstream.answers import items, members
from gateway.sources.upstream.prepared import ENTITIES, KEY_ALIAS, aliased_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.contract import Key, Value
    from gateway.sources.upstream.answers import Envelope, Errors
    from gateway.sources.upstream.prepared import PreparedObjects

    Located = Sequence[tuple[tuple[str | int, ...], SourceError]]


def body(prepared: PreparedObjects, keys: Sequence[Key], variables: bytes) -> bytes:
    """The request's body."""
    if not prepared.document:
        own = {f"plait_k{number}": key for number, (key,) in enumerate(keys)}
        request = {
            "query": aliased_document(prepared, len(keys), prepared.name),
            "variables": orjson.loads(variables) | own,
        }
        if prepared.name:
            request["operationName"] = prepared.name
        return orjson.dumps(request, default=str)
    asked: list[Any] = (
        [_representation(prepared, key) for key in keys]
        if prepared.by == ENTITIES
        else [key for (key,) in keys]
    )
    own_variable = b'{"plait_keys":' + orjson.dumps(asked, default=str)
    rest = b"," + variables[1:] if len(variables) > len(b"{}") else b"}"
    return prepared.opening + own_variable + rest + b"}"


def _representation(prepared: PreparedObjects, key: Key) -> dict[str, Any]:
    """What names one entity. No schema reads it there, so that a number would not be an `ID`."""
    parts = zip(prepared.fields, prepared.texts, key, strict=True)
    return {"__typename": prepared.type} | {
        name: str(part) if text else part for name, text, part in parts
    }


def own_steps(prepared: PreparedObjects) -> int:
    """How many steps of a path in an answer lead to an object: what is asked there is the key."""
    return 2 if prepared.document else 1


def values(
    name: str, prepared: PreparedObjects, keys: Sequence[Key], answer: Envelope, errors: Errors
) -> list[Value]:
    """The objects in the order of the keys; an absent one is None.

    Raises SourceError where there is no list of them.
    """
    if not prepared.document:
        return [errors.at(answer.data, f"plait_o{number}") for number in range(len(keys))]
    found = errors.at(answer.data, prepared.by, whole=True)
    if isinstance(found, SourceError):
        raise found
    if not isinstance(found, bytes):
        raise SourceRefused(f"{name} gave no `{prepared.by}`.")
    raws = [bytes(raw) for raw in items(name, found)]
    below = errors.by_root.get(prepared.by, ())
    if prepared.by != ENTITIES:
        return _by_key(keys, raws, below, errors)
    if len(raws) != len(keys):
        raise SourceRefused(f"{name} gave {len(raws)} entities for {len(keys)} keys.")
    return [errors.value(raw, _below(below, number)) for number, raw in enumerate(raws)]


def _by_key(
    keys: Sequence[Key], raws: Sequence[bytes], below: Located, errors: Errors
) -> list[Value]:
    """The objects of a list, each found by the key it says it has."""
    by_key: dict[str, Value] = {}
    for number, raw in enumerate(raws):
        own = members(raw).get(KEY_ALIAS)
        if own is not None:
            value = errors.value(_without_key(raw, bytes(own)), _below(below, number))
            by_key[str(orjson.loads(bytes(own)))] = value
    return [by_key.get(str(key)) for (key,) in keys]


def _below(located: Located, number: int) -> Located:
    return [(path[1:], error) for path, error in located if path[:1] == (number,)]


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
