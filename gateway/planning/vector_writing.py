"""Root fields that change a vector engine, or look after its collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.schema.asks import HitPart
from gateway.schema.selection import TYPENAME
from gateway.schema.vector_writes import READS, VectorAct

if TYPE_CHECKING:
    from gateway.schema.selection import Field, Reader
    from gateway.schema.vector_writes import VectorChange


def act_of(reader: Reader, field: Field, binding: VectorChange) -> VectorAct:
    """The operation, and what is shown of its result."""
    return VectorAct(binding, _parts(reader, field))


def is_write(binding: VectorChange) -> bool:
    """Whether the operation changes something."""
    return binding.operation not in READS


def _parts(reader: Reader, field: Field) -> tuple[HitPart, ...]:
    type_name = field.info.type_name if field.info else ""
    parts = []
    for child in reader.below(field, type_name):
        if child.name == TYPENAME:
            parts.append(HitPart(child.key, TYPENAME, text=type_name))
        elif child.info is not None and not child.info.leaf:
            parts.append(HitPart(child.key, child.name, parts=_parts(reader, child)))
        else:
            parts.append(HitPart(child.key, child.name))
    return tuple(parts)
