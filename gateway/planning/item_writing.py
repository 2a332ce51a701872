"""Readers of fields that write items: arguments in, what is written out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.planning.arguments import ArgumentsSpec
from gateway.schema.items.asks import MAX_ITEMS, WriteValues
from gateway.schema.kinds import must_be

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from gateway.planning.making import Making
    from gateway.schema.items.bindings import ItemWriteField
    from gateway.schema.items.catalog import Collection
    from gateway.schema.selection import Field


class ItemWriteSpec(ArgumentsSpec):
    """The arguments of one write field."""

    keeps = False

    def __init__(
        self, field: Field, binding: ItemWriteField, collection: Collection, making: Making
    ) -> None:
        super().__init__(field)
        self._binding = binding
        self._collection = collection
        self._source = making.planner.sources.item_source(collection.source)

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the `WriteValues`."""
        return (), (getattr(self, f"_{self._binding.verb}")(values),)

    def _create(self, given: Mapping[str, Any]) -> WriteValues:
        if not self._binding.many:
            return WriteValues(items=(self._item(given["input"], "input"),))
        several = _bounded(given["inputs"], "inputs")
        return WriteValues(items=tuple(self._item(one, "inputs") for one in several))

    def _update(self, given: Mapping[str, Any]) -> WriteValues:
        changes = self._item(given["set"], "set")
        if not changes:
            raise InputError("`set` is empty; give at least one field a value.")
        return WriteValues(items=(changes,), keys=self._keys(given))

    def _delete(self, given: Mapping[str, Any]) -> WriteValues:
        return WriteValues(keys=self._keys(given))

    def _upload(self, given: Mapping[str, Any]) -> WriteValues:
        said = given.get("info") or {}
        return WriteValues(items=(self._item(said, "info"),), file=given["file"])

    def _keys(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        many = self._binding.many
        name = "ids" if many else "id"
        several = _bounded(given["ids"], "ids") if many else [given["id"]]
        bind = self._collection.key.kind.bind
        return tuple(dict.fromkeys(bind(one, name) for one in several))

    def _item(self, given: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        return self._source.written(self._collection, given, where)


def _bounded(values: Sequence[Any], name: str) -> Sequence[Any]:
    if not 1 <= len(values) <= MAX_ITEMS:
        raise must_be(name, f"a list of 1 to {MAX_ITEMS}")
    return values
