"""Vector writes and administration as the planner asks for them: prepared, described, written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.schema.selection import TYPENAME
from gateway.schema.vector_writes import READS, Operation
from gateway.sources.contract import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.asks import Part
    from gateway.schema.vector_writes import VectorAct, VectorChange

_CALLS: Mapping[Operation, str] = {
    Operation.UPSERT: "upsert",
    Operation.SET_PAYLOAD: "set_payload",
    Operation.OVERWRITE_PAYLOAD: "overwrite_payload",
    Operation.DELETE_PAYLOAD: "delete_payload",
    Operation.DELETE_POINTS: "delete",
    Operation.CREATE_COLLECTION: "create_collection",
    Operation.DELETE_COLLECTION: "delete_collection",
    Operation.CREATE_INDEX: "create_payload_index",
    Operation.DELETE_INDEX: "delete_payload_index",
    Operation.COLLECTIONS: "get_collections, and get_collection for each",
    Operation.COLLECTION: "get_collection",
}


@dataclass(frozen=True, slots=True, eq=False)
class PreparedAct(Prepared):
    """One operation; `batch.arguments` is `(Change,)`. `parts` are what is shown of its result."""

    binding: VectorChange
    parts: tuple[Part, ...]


def prepare_act(source: str, act: VectorAct) -> PreparedAct:
    """An operation, compiled. Pure."""
    return PreparedAct(source, False, act.binding, act.parts)  # noqa: FBT003 - by_key


def describe_act(prepared: PreparedAct) -> Mapping[str, Any]:
    """The engine call for `explain` and the golden plans."""
    binding = prepared.binding
    collection = binding.collection.name if binding.collection else "as an argument names it"
    described = {"engine": "qdrant", "call": _CALLS[binding.operation]}
    return described if binding.operation in READS else {**described, "collection": collection}


def encode(value: Any, parts: Sequence[Part]) -> bytes | None:
    """What is shown of a result, as JSON; None for none."""
    return None if value is None else orjson.dumps(_shown(value, parts))


def only_names(parts: Sequence[Part]) -> bool:
    """Whether nothing is shown of a collection but its name, which needs no look at it."""
    return {part.name for part in parts} <= {"name", TYPENAME}


def _shown(value: Any, parts: Sequence[Part]) -> Any:
    if isinstance(value, list):
        return [_shown(one, parts) for one in value]
    shown = {}
    for part in parts:
        if part.name == TYPENAME:
            shown[part.key] = part.text
        else:
            inner = value[part.name]
            shown[part.key] = _shown(inner, part.parts) if part.parts else inner
    return shown
