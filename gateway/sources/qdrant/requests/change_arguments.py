"""From the arguments of a vector write to its change: checked whole, then frozen. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import InputError
from gateway.schema.vectors.payloads import stored_names, stored_payload
from gateway.schema.vectors.write_types import MAX_DIMENSIONS, Distance
from gateway.schema.vectors.writes import Operation
from gateway.sources.qdrant.points import PointId, parse_point_id
from gateway.sources.qdrant.requests.arguments import Arguments, parse_sparse, parse_vector
from gateway.sources.qdrant.requests.changes import (
    Change,
    ChangeIndex,
    CreateCollection,
    DeleteCollection,
    DeletePayload,
    DeletePoints,
    Named,
    NewPoint,
    ReadCollections,
    SetPayload,
    Upsert,
)
from gateway.sources.qdrant.requests.conditions import check_count
from gateway.sources.qdrant.requests.payload_paths import check_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.schema.vectors.writes import VectorChange
    from gateway.sources.qdrant.requests.filters import Filter

MAX_POINTS = 10_000
"""Points of one upsert, and ids of one change."""
MAX_NUMBERS = 20_000_000
"""Numbers in the vectors of one upsert together."""
MAX_PAYLOAD_BYTES = 262_144
"""Bytes of one point's payload as JSON."""
MAX_FIELDS = 100
"""Payload fields that one change names."""
MAX_VECTORS = 32
"""Named vectors of a point, and of a collection."""
_MAX_NAME = 255
_LARGEST = 2**63
_LONG_NUMBER = re.compile(rb"\d{19}")


def change_of(binding: VectorChange, values: Mapping[str, Any]) -> Change:
    """What a field with this binding is to change. Raises `InputError`."""
    return _CHANGES[binding.operation](_Arguments(binding, values))


class _Arguments(Arguments):
    """The arguments of one operation."""

    def upsert(self) -> Upsert:
        collection = self.collection()
        given: Sequence[Mapping[str, Any]] = self.values["points"]
        check_count(given, "points", "points", MAX_POINTS, 1)
        seen: dict[PointId, int] = {}
        points, numbers = [], 0
        for place, one in enumerate(given):
            point = self._point(one, f"points[{place}]")
            if point.id in seen:
                other = f"points[{seen[point.id]}]"
                raise InputError.about(
                    f"points[{place}].id", f"is that of `{other}`; name a point once"
                )
            seen[point.id] = place
            numbers += len(point.vector or ())
            if numbers > MAX_NUMBERS:
                raise InputError.about(
                    "points", f"hold more than {MAX_NUMBERS} numbers; send fewer at once"
                )
            points.append(point)
        vector = None if self.declared is None else self.declared.vector
        return Upsert(collection, tuple(points), vector, self.wait())

    def _point(self, given: Mapping[str, Any], where: str) -> NewPoint:
        vector, text = given.get("vector"), given.get("text")
        named = self._named(given.get("vectors") or (), f"{where}.vectors")
        if vector is not None and text is not None:
            raise InputError.about(where, "has vector and text; give one of them")
        if vector is None and text is None and not named:
            raise InputError.about(where, "has neither vector nor text; give one of them")
        declared = self.declared
        size = None if declared is None else declared.dimensions(declared.vector)
        payload, length = self._payload(given.get("payload") or {}, f"{where}.payload")
        return NewPoint(
            id=parse_point_id(given["id"], f"{where}.id"),
            vector=None if vector is None else parse_vector(vector, size, f"{where}.vector"),
            text=None if text is None else _words(text, f"{where}.text"),
            named=named,
            payload=payload,
            payload_bytes=length,
        )

    def _named(self, given: Sequence[Mapping[str, Any]], where: str) -> dict[str, Named]:
        check_count(given, "vectors", where, MAX_VECTORS)
        named: dict[str, Named] = {}
        for place, one in enumerate(given):
            path, name = f"{where}[{place}]", one["name"]
            if name in named:
                raise InputError.about(f"{path}.name", "is given twice")
            named[name] = self._named_vector(name, one, path)
        return named

    def _named_vector(self, name: str, given: Mapping[str, Any], path: str) -> Named:
        declared = self.declared
        if declared is not None and name not in declared.choices:
            known = ", ".join(declared.choices) or "none"
            raise InputError.about(
                f"{path}.name", f"must be one of this collection's vectors: {known}"
            )
        if given.get("indices") is not None:
            return parse_sparse(given, path)
        size = None if declared is None else declared.dimensions(name)
        return parse_vector(given["values"], size, f"{path}.values")

    def _payload(self, given: Any, where: str) -> tuple[dict[str, Any], int]:
        if not isinstance(given, dict):
            raise InputError.about(where, "must be an object")
        payload = stored_payload(self.declared, given)
        try:
            written = orjson.dumps(payload)
            if _LONG_NUMBER.search(written):
                _check_integers(payload)
        except (TypeError, ValueError):
            raise InputError.about(
                where,
                "must be JSON that can be kept: integers of at most 64 bits, valid Unicode, at "
                "most 250 levels",
            ) from None
        length = len(written)
        if length > MAX_PAYLOAD_BYTES:
            raise InputError.about(
                where, f"has {length} bytes; at most {MAX_PAYLOAD_BYTES} are allowed"
            )
        return payload, length

    def set_payload(self, *, replace: bool = False) -> SetPayload:
        payload, _ = self._payload(self.values["payload"], "payload")
        if not payload and not replace:
            raise InputError.about("payload", "is empty; give at least one field a value")
        return SetPayload(self.collection(), *self.which(), self.wait(), payload, replace)

    def overwrite_payload(self) -> SetPayload:
        return self.set_payload(replace=True)

    def delete_payload(self) -> DeletePayload:
        given = stored_names(self.declared, self.values["fields"])
        check_count(given, "names", "fields", MAX_FIELDS, 1)
        fields = check_paths(tuple(given))
        return DeletePayload(self.collection(), *self.which(), self.wait(), fields)

    def delete_points(self) -> DeletePoints:
        return DeletePoints(self.collection(), *self.which(), self.wait())

    def which(self) -> tuple[tuple[PointId, ...] | None, Filter | None]:
        """The points a change is for; every point only where that is said."""
        ids, everything = self.values.get("ids"), self.values.get("all")
        if ids is not None:
            if self.values.get("filter") is not None or everything:
                raise InputError("Give `ids`, or `filter`, or `all: true`; not several of them.")
            check_count(ids, "ids", "ids", MAX_POINTS, 1)
            parsed = (parse_point_id(one, f"ids[{place}]") for place, one in enumerate(ids))
            return tuple(dict.fromkeys(parsed)), None
        picked = self.filter()
        if picked is None and not everything:
            raise InputError(
                "No `ids`, and no `filter` or an empty one, means every point; "
                "say `all: true` where you mean it."
            )
        if picked is not None and everything:
            raise InputError("Give `filter` or `all: true`, not both.")
        return None, picked

    def wait(self) -> bool:
        return self.values.get("wait") is not False

    # Collections -------------------------------------------------------------------------------

    def create_collection(self) -> CreateCollection:
        values = self.values
        text = bool(values.get("text"))
        dense: dict[str, tuple[int | None, Distance]] = {}
        if values.get("size") is not None or text:
            size = values.get("size")
            dense[""] = (None if size is None else _size(size, "size"), values["distance"])
        vectors, sparse_names = values.get("vectors") or (), values.get("sparse") or ()
        check_count(vectors, "vectors", "vectors", MAX_VECTORS)
        for place, one in enumerate(vectors):
            path = f"vectors[{place}]"
            name = _fresh_name(one["name"], dense, f"{path}.name")
            dense[name] = (_size(one["size"], f"{path}.size"), one["distance"])
        sparse: list[str] = []
        check_count(sparse_names, "vectors", "sparse", MAX_VECTORS)
        for place, one in enumerate(sparse_names):
            sparse.append(_fresh_name(one, [*dense, *sparse], f"sparse[{place}]"))
        if "" in dense and len(dense) > 1:
            raise InputError(
                "Give `size` or `text` for one vector without a name, or `vectors`; not both."
            )
        if not dense and not sparse:
            raise InputError(
                "The collection has no vector; give `size`, `text`, `vectors` or `sparse`."
            )
        return CreateCollection(self.collection("name"), dense, tuple(sparse), text)

    def delete_collection(self) -> DeleteCollection:
        return DeleteCollection(self.collection())

    def create_index(self) -> ChangeIndex:
        type_ = self.values["type"]
        name = str(getattr(type_, "value", type_)).lower()
        return ChangeIndex(self.collection(), self._field(), name)

    def delete_index(self) -> ChangeIndex:
        return ChangeIndex(self.collection(), self._field())

    def _field(self) -> str:
        (path,) = check_paths((self.values["field"],))
        return path

    def collections(self) -> ReadCollections:
        return ReadCollections(None, self.binding.opened)

    def one_collection(self) -> ReadCollections:
        return ReadCollections(self.collection(), self.binding.opened)


_CHANGES: dict[Operation, Callable[[_Arguments], Change]] = {
    Operation.UPSERT: _Arguments.upsert,
    Operation.SET_PAYLOAD: _Arguments.set_payload,
    Operation.OVERWRITE_PAYLOAD: _Arguments.overwrite_payload,
    Operation.DELETE_PAYLOAD: _Arguments.delete_payload,
    Operation.DELETE_POINTS: _Arguments.delete_points,
    Operation.CREATE_COLLECTION: _Arguments.create_collection,
    Operation.DELETE_COLLECTION: _Arguments.delete_collection,
    Operation.CREATE_INDEX: _Arguments.create_index,
    Operation.DELETE_INDEX: _Arguments.delete_index,
    Operation.COLLECTIONS: _Arguments.collections,
    Operation.COLLECTION: _Arguments.one_collection,
}


def _check_integers(value: Any) -> None:
    """Raise ValueError for an integer beyond 64 bits with a sign, which the engine cannot keep."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            _check_integers(one)
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise ValueError


def _words(text: str, where: str) -> str:
    if not text.strip():
        raise InputError.about(where, "is empty; give at least one word")
    return text


def _fresh_name(name: str, taken: Any, path: str) -> str:
    if not 1 <= len(name) <= _MAX_NAME or name in taken:
        raise InputError.about(path, f"must be a name of 1 to {_MAX_NAME} characters, given once")
    return name


def _size(size: int, path: str) -> int:
    if not 1 <= size <= MAX_DIMENSIONS:
        raise InputError.about(path, f"must be from 1 to {MAX_DIMENSIONS}")
    return size
