"""Readers of write fields: arguments in, one `Write` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import Arguments
from gateway.schema.mutations import Delete, Insert, Update, WriteBinding
from gateway.schema.shapes import Conditions
from gateway.schema.writes import Rows, Write, read_patch

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from gateway.planning.variables import Variables
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.selection import Field


class WriteSpec:
    """The arguments of one write field."""

    def __init__(
        self, field: Field, binding: WriteBinding, entity: EntityInfo, catalog: Catalog
    ) -> None:
        self._arguments = Arguments(field)
        self._binding = binding
        self._entity = entity
        self._catalog = catalog

    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape, since writes are compiled as they come; the write."""
        values = self._arguments.read(variables)
        binding = self._binding
        if isinstance(binding, Insert):
            return (), (self._insert(binding, values),)
        write = Write(self._entity)
        if isinstance(binding, Update):
            write.patch = read_patch(self._entity, values["set"])
            if binding.version is not None and values.get("version") is not None:
                write.version = (binding.version, values["version"])
        elif not isinstance(binding, Delete):
            raise TypeError(f"not a write: {binding!r}")
        self._aim(write, values)
        return (), (write,)

    def _insert(self, binding: Insert, values: Mapping[str, Any]) -> Write:
        rows = Rows(self._catalog)
        given = values["inputs"] if binding.many else [values["input"]]
        name = "inputs" if binding.many else "input"
        return Write(
            self._entity,
            rows=[rows.read(self._entity, one, name) for one in given],
            conflict=binding.conflict,
        )

    def _aim(self, write: Write, values: Mapping[str, Any]) -> None:
        """Which rows: one key, or all that a condition picks."""
        if not self._binding.many:
            write.key = tuple(
                info.kind.bind(values[info.name], info.name) for info in self._entity.key
            )
            return
        conditions = Conditions(self._catalog)
        write.where = conditions.where(self._entity, values["where"])
        write.values = tuple(conditions.values)
        if write.where == ("all", ()) and not values["all"]:
            raise InputError(
                "`where` is empty, which means every row; say `all: true` where you mean it.",
                extensions={"argument": "where"},
            )
