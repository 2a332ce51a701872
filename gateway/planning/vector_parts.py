"""What is asked of vector hits and of what stands above them: groups, counted values, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.planning.arguments import PayloadSpec
from gateway.schema import asks
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.planning.arguments import Spec
    from gateway.planning.steps import Step
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.selection import Field, Reader


class VectorParts:
    """The parts of one vector field, in the making.

    `specs` are the readers of its payloads' arguments, `holes` the rows of its hits, `key` the kind
    of their key. `add` keeps a reader and gives its index; `rows` plans rows by key.
    """

    def __init__(
        self,
        reader: Reader,
        catalog: Catalog,
        add: Callable[[Spec], int],
        rows: Callable[[Field, EntityInfo], Step],
    ) -> None:
        self._reader = reader
        self._catalog = catalog
        self._add = add
        self._rows = rows
        self.specs: list[int] = []
        self.holes: list[Step] = []
        self.key: str | None = None

    def below(self, field: Field, type_name: str) -> tuple[asks.HitPart, ...]:
        """What is asked of a value of this type at this field."""
        return tuple(self._part(child, type_name) for child in self._reader.below(field, type_name))

    def _part(self, child: Field, type_name: str) -> asks.HitPart:
        if child.name == TYPENAME or child.info is None:
            return asks.HitPart(child.key, TYPENAME, text=type_name)
        if child.name == "payload":
            self.specs.append(self._add(PayloadSpec(child)))
            return asks.HitPart(child.key, child.name, spec=self.specs[-1])
        if child.info.leaf:
            return asks.HitPart(child.key, child.name)
        entity = self._catalog.entities.get(child.info.type_name)
        if entity is None:
            below = self.below(child, child.info.type_name)
            return asks.HitPart(child.key, child.name, parts=below)
        self.key = entity.key[0].kind.name
        self.holes.append(self._rows(child, entity))
        return asks.HitPart(child.key, "entity", slot=len(self.holes) - 1)
