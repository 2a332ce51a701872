"""A coerced input of a write in Directus's terms: values, keys, and related items. Pure.

A related item is its key, or an object: a new one, or one with its key and new values. Items behind
a junction are members of its rows. Of lists Directus takes either all of them, or what is new
(`create`), what is changed or led here (`update`), and what leads here no longer (`delete`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import InputError
from gateway.schema.items.asks import MAX_ITEMS
from gateway.schema.items.kinds import BIGINT
from gateway.schema.lists.shapes import MAX_DEPTH
from gateway.sources.directus.shapes import COLLECTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.items.catalog import Collection, ItemRelation
    from gateway.schema.items.kinds import ItemKind

_EXACT = 1 << 53
"""From here on JavaScript rounds numbers."""


class Payload:
    """Translates one item and what is written with it."""

    def __init__(self) -> None:
        self._count = 0

    def item(
        self, collection: Collection, given: Mapping[str, Any], where: str, depth: int = 0
    ) -> dict[str, Any]:
        """An item by Directus's names. Raises InputError naming a member of `where`."""
        if depth > MAX_DEPTH:
            raise InputError(f"`{where}` is nested deeper than {MAX_DEPTH} levels.")
        made: dict[str, Any] = {}
        for name, value in given.items():
            own = f"{where}.{name}"
            column = collection.columns.get(name)
            if column is not None:
                made[column.field] = None if value is None else _value(column.kind, value, own)
                continue
            relation = collection.relations[name]
            related = None if value is None else self._related(relation, value, own, depth + 1)
            made[relation.field] = related
        return made

    def _related(self, relation: ItemRelation, given: Any, where: str, depth: int) -> Any:
        """An item or, of a list, all items or the changes to them."""
        if not relation.many:
            return self._one(relation, given, where, depth)
        if not relation.nested:
            return [self._one(relation, one, where, depth) for one in given]
        said = {name: value for name, value in given.items() if value is not None}
        if "set" not in said:
            return self._altered(relation, said, where, depth)
        own = f"{where}.set"
        if len(said) > 1:
            raise InputError(
                f"`{own}` says all that are related; leave out "
                f"{' and '.join(f'`{name}`' for name in said if name != 'set')}.",
                extensions={"argument": where},
            )
        return [self._one(relation, one, own, depth) for one in said["set"]]

    def _altered(
        self, relation: ItemRelation, said: Mapping[str, Any], where: str, depth: int
    ) -> dict[str, list[Any]]:
        """What is added to related items, and what is taken from them."""
        key = relation.to[0].key
        made: dict[str, list[Any]] = {"create": [], "update": [], "delete": []}
        for one in said.get("add", ()):
            item = self._one(relation, one, f"{where}.add", depth)
            if relation.through is not None or "create" in one:
                made["create"].append(item)
            else:
                made["update"].append({key.field: item} if "key" in one else item)
        for own in said.get("remove", ()):
            made["delete"].append(_value(key.kind, own, f"{where}.remove"))
        return made

    def _one(self, relation: ItemRelation, given: Any, where: str, depth: int) -> Any:
        """A related item, or the row of the junction that leads to it."""
        self._count += 1
        if self._count > MAX_ITEMS:
            raise InputError(
                f"`{where}` goes beyond {MAX_ITEMS} related items, the most that one item may be "
                "written with."
            )
        target = relation.to[0]
        if relation.any:
            ((name, given),) = given.items()
            target, where = relation.choices[name], f"{where}.{name}"
        if relation.nested:
            made = self._reference(target, given, where, depth)
        else:
            made = _value(target.key.kind, given, where)
        if relation.through is None:
            return made
        row = {relation.through: made}
        return row | {COLLECTION: target.collection} if relation.any else row

    def _reference(
        self, target: Collection, given: Mapping[str, Any], where: str, depth: int
    ) -> Any:
        """An item that is there, as it is or changed, or a new one."""
        ((how, said),) = given.items()
        where = f"{where}.{how}"
        if how == "create":
            return self.item(target, said, where, depth)
        if how == "key":
            return _value(target.key.kind, said, where)
        own = _value(target.key.kind, said["key"], f"{where}.key")
        return self.item(target, said["set"], f"{where}.set", depth) | {target.key.field: own}


def _value(kind: ItemKind, value: Any, where: str) -> Any:
    """A value as JSON; a number that JavaScript would round goes as text."""
    if kind.filter is None:
        return value
    bound = kind.bind(value, where)
    if kind is BIGINT or (isinstance(bound, int) and abs(bound) >= _EXACT):
        return str(bound)
    return bound
