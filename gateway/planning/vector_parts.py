"""What is asked of vector hits and of what stands above them: groups, counted values, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import SplitSpec
from gateway.schema import asks
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from gateway.planning.making import Making
    from gateway.planning.steps import Step
    from gateway.schema.selection import Field

MAX_PAYLOAD_FIELDS = 100


class VectorParts:
    """The parts of one vector field, in the making.

    `specs` are the readers of its payloads' arguments, `holes` the rows of its hits, `key` the kind
    of their key.
    """

    def __init__(self, making: Making) -> None:
        self._making = making
        self.specs: list[int] = []
        self.holes: list[Step] = []
        self.key: str | None = None

    def below(self, field: Field, type_name: str) -> tuple[asks.Part, ...]:
        """What is asked of a value of this type at this field."""
        return tuple(
            self._part(child, type_name) for child in self._making.reader.below(field, type_name)
        )

    def _part(self, child: Field, type_name: str) -> asks.Part:
        if child.name == TYPENAME or child.info is None:
            return asks.Part(child.key, TYPENAME, text=type_name)
        if child.name == "payload":
            self.specs.append(self._making.spec(SplitSpec(child, _payload_fields)))
            return asks.Part(child.key, child.name, spec=self.specs[-1])
        if child.info.leaf:
            return asks.Part(child.key, child.name)
        entity = self._making.catalog.entities.get(child.info.type_name)
        if entity is None:
            below = self.below(child, child.info.type_name)
            return asks.Part(child.key, child.name, parts=below)
        self.key = entity.key[0].kind.name
        self.holes.append(self._making.rows(child, entity))
        return asks.Part(child.key, "entity", slot=len(self.holes) - 1)


def _payload_fields(values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
    """The names of the payload's fields that are wanted as the shape, None for all; no values."""
    names = values.get("fields")
    if names is None:
        return None, ()
    if len(names) > MAX_PAYLOAD_FIELDS:
        raise InputError(f"`fields` has more than {MAX_PAYLOAD_FIELDS} names.")
    return tuple(names), ()
