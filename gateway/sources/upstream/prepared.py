"""What is compiled once for an upstream: the document, and how its answer is taken apart. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from gateway.sources.contract import Prepared
from gateway.sources.upstream.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.upstreams.remote import (
        Finder,
        RemoteFields,
        RemoteObjects,
        RemotePart,
        RemoteSelection,
        UpstreamInfo,
    )
    from gateway.sources.contract import Slots


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFields(Prepared):
    """Root fields in one document; the keys of a batch are the parts' numbers.

    `document` has no name, so that equal ones are equal whoever asks. `opening` is the request body
    up to its variables, which the batch brings as JSON; there it has. `viewer_slots` say which of
    the viewer's values are arguments after them. `identity` tells it from others of the same
    document in keys of the cache.
    """

    document: str
    opening: bytes
    parts: tuple[RemotePart, ...]
    patches: Patches
    reads: bool
    viewer_slots: Slots
    identity: str


@dataclass(frozen=True, slots=True, eq=False)
class PreparedObjects(Prepared):
    """Objects by key. `fields` are the names of the key's parts there, `texts` which are text.

    `finder` None asks for `_entities`; one that takes many gets all keys in one argument, and
    otherwise every key is a field of its own in one document, made of `selection`: `document` is
    empty then, and gets `name` when it is made.
    """

    document: str
    opening: bytes
    type: str
    fields: tuple[str, ...]
    finder: Finder | None
    by: str
    selection: RemoteSelection
    patches: Patches
    viewer_slots: Slots
    texts: tuple[bool, ...]
    name: str


ENTITIES = "_entities"
KEY_ALIAS = "plait_key"
"""The response key under which an object of a list says which key it was found by."""


def prepare_fields(
    source: str, info: UpstreamInfo, ask: RemoteFields, viewer_slots: Slots = ()
) -> PreparedFields:
    """Compile root fields that travel together; `viewer_slots` are the viewer's values it takes."""
    asked = (ask.operation, ask.selection.variables, ask.selection.text)
    return PreparedFields(
        source=source,
        by_key=True,
        document=_document(*asked),
        opening=_opening(_document(*asked, ask.name), ask.name),
        parts=ask.parts,
        patches=Patches(ask.selection, _renamed(info)),
        reads=ask.operation == "query",
        viewer_slots=viewer_slots,
        identity=repr((ask.parts, ask.selection)),
    )


def prepare_objects(
    source: str, info: UpstreamInfo, ask: RemoteObjects, viewer_slots: Slots = ()
) -> PreparedObjects:
    """Compile a search of objects by key; `viewer_slots` as for fields."""
    finder = info.finders.get(ask.by)
    selection = ask.selection
    if ask.by == ENTITIES:
        body = f"_entities(representations: $plait_keys) {{ ... on {ask.type} {selection.text} }}"
        own = ("plait_keys", "[_Any!]!")
    elif finder is not None and finder.many:
        inner = f"{{ {KEY_ALIAS}: {ask.fields[0]} {selection.text[2:]}"
        body = f"{ask.by}({finder.argument}: $plait_keys) {inner}"
        own = ("plait_keys", finder.type)
    else:
        body, own = "", ("", "")
    variables = (*selection.variables, own) if own[0] else selection.variables
    asked = ("query", variables, body)
    return PreparedObjects(
        source=source,
        by_key=True,
        document=_document(*asked) if body else "",
        opening=_opening(_document(*asked, ask.name), ask.name),
        type=ask.type,
        fields=ask.fields,
        finder=finder,
        by=ask.by,
        selection=selection,
        patches=Patches(selection, _renamed(info)),
        viewer_slots=viewer_slots,
        texts=ask.texts or (False,) * len(ask.fields),
        name=ask.name,
    )


def aliased_document(prepared: PreparedObjects, count: int, name: str = "") -> str:
    """A document that finds `count` objects, each by a field of its own."""
    finder = prepared.finder
    if finder is None:
        raise TypeError("objects found by `_entities` need no aliases")
    variables = [(f"plait_k{number}", finder.type) for number in range(count)]
    fields = " ".join(
        f"plait_o{number}: {prepared.by}({finder.argument}: $plait_k{number}) "
        f"{prepared.selection.text}"
        for number in range(count)
    )
    return _document("query", (*prepared.selection.variables, *variables), fields, name)


def _document(
    operation: str, variables: tuple[tuple[str, str], ...], body: str, name: str = ""
) -> str:
    declared = ", ".join(f"${name}: {type_}" for name, type_ in variables)
    head = f"{operation} {name}" if name else operation
    return f"{head} ({declared}) {{ {body} }}" if declared else f"{head} {{ {body} }}"


def _opening(document: str, name: str) -> bytes:
    named = b',"operationName":"' + name.encode() + b'"' if name else b""
    return b'{"query":' + orjson.dumps(document) + named + b',"variables":'


def _renamed(info: UpstreamInfo) -> Mapping[str, str]:
    return {theirs: own for own, theirs in info.types.items() if own != theirs}
