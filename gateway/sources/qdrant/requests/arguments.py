"""The arguments of vector fields, by their GraphQL names: what reads and writes have in common.

Pure. Every `InputError` names the argument that is wrong, and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.schema.vectors.collections import is_collection_name
from gateway.schema.vectors.write_types import MAX_DIMENSIONS
from gateway.sources.qdrant.requests.conditions import check_count
from gateway.sources.qdrant.requests.filters import parse_filter
from gateway.sources.qdrant.requests.wishes import Sparse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.bindings import Vectors
    from gateway.schema.vectors.collections import PayloadField
    from gateway.schema.vectors.writes import VectorChange
    from gateway.sources.qdrant.requests.filters import Filter

LARGEST = 3.4028235e38
"""The largest 32-bit float."""
_INDEXES = range(2**32)
_NUMBERS = frozenset({int, float})


class Arguments:
    """The `values` of a field's arguments, and the collection that it is bound to, if `declared`.

    `fields` are those of its payload, None where that is not declared.
    """

    def __init__(self, binding: Vectors | VectorChange, values: Mapping[str, Any]) -> None:
        self.binding = binding
        self.values = values
        self.declared = binding.collection
        self.fields: Mapping[str, PayloadField] | None = None
        if self.declared is not None and self.declared.fields:
            self.fields = self.declared.fields

    def collection(self, name: str = "collection") -> str:
        """The declared collection, or the one that an argument names, which must be open."""
        if self.declared is not None:
            return self.declared.name
        given, opened = self.values[name], self.binding.opened
        if not is_collection_name(given):
            raise InputError.about(name, "is not a name that a collection can have")
        if not any(fnmatchcase(given, pattern) for pattern in opened):
            raise InputError.about(name, f"must be one of those open here: {', '.join(opened)}")
        return str(given)

    def filter(self, values: Mapping[str, Any] | None = None) -> Filter | None:
        """The filter, of `values` where several are given; None for one that lets all through."""
        given = (self.values if values is None else values).get("filter")
        return None if given is None else parse_filter(given, fields=self.fields) or None


def parse_vector(value: Any, dimensions: int | None, name: str = "vector") -> tuple[float, ...]:
    """A vector of finite 32-bit numbers, `dimensions` long where known. Raises `InputError`."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise InputError.about(name, "must be a list of numbers")
    check_count(value, "numbers", name, MAX_DIMENSIONS)
    check_dimensions(value, dimensions, name)
    if not _NUMBERS.issuperset(map(type, value)):
        raise InputError.about(name, "must hold only numbers")
    try:
        numbers = tuple(map(float, value))
    except OverflowError:
        numbers = (math.inf,)
    # A sum with NaN in it is NaN; least and greatest alone would not see one.
    within = min(numbers) >= -LARGEST and max(numbers) <= LARGEST
    if not (within and math.isfinite(sum(numbers))):
        raise InputError.about(name, "holds NaN or an infinity; every number must be finite")
    return numbers


def check_dimensions(vector: Sequence[Any], dimensions: int | None, name: str = "vector") -> None:
    """Refuse a vector that is not `dimensions` long, where that is known. Raises `InputError`."""
    if dimensions is not None and len(vector) != dimensions:
        raise InputError.about(
            name, f"has {len(vector)} dimensions; this collection's vectors have {dimensions}"
        )


def parse_sparse(value: Any, name: str = "sparse") -> Sparse:
    """A sparse vector: as many finite values as different indices. Raises `InputError`."""
    given = value if hasattr(value, "get") else {}
    indices, values = given.get("indices"), given.get("values")
    if not isinstance(indices, Sequence) or not all(
        isinstance(one, int) and not isinstance(one, bool) and one in _INDEXES for one in indices
    ):
        raise InputError.about(f"{name}.indices", f"must be integers from 0 to {_INDEXES[-1]}")
    numbers = parse_vector(values, None, f"{name}.values")
    if len(indices) != len(numbers) or len(set(indices)) != len(indices):
        raise InputError.about(name, "must have as many values as indices, each index once")
    return Sparse(tuple(indices), numbers)
