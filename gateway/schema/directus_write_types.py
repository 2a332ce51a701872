"""What writes to Directus take: which fields of a collection are written, as which input types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.schema.arguments import argument
from gateway.schema.directus_kinds import BIGINT
from gateway.schema.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.directus_catalog import Collection, ItemColumn, ItemRelation
    from gateway.schema.directus_kinds import ItemKind
    from gateway.schema.directus_writes import DirectusWrite
    from gateway.schema.inputs import Inputs

_RELATED = "The related items, by their keys, instead of those that are."
_EXACT = 1 << 53


@dataclass(frozen=True, slots=True)
class ItemMember:
    """A member of an input: the `field` of Directus that it writes.

    `read` makes JSON of a value; `through` is the junction's field that holds the keys of a list.
    """

    name: str
    field: str
    annotation: Any
    says: str
    read: Callable[[Any, str], Any]
    through: str | None = None

    def value(self, given: Any, where: str) -> Any:
        """A coerced value as Directus takes it. Raises InputError naming `where`."""
        if given is None:
            return None
        if self.through is None:
            return self.read(given, where)
        return [{self.through: key} for key in self.read(given, where)]


def members(
    columns: Mapping[str, ItemColumn],
    relations: Mapping[str, ItemRelation],
    collections: Mapping[str, Collection],
) -> dict[str, ItemMember]:
    """What may be written: values, and related items by their keys, but for many to any.

    `columns` and `relations` are those that need no permission; read-only ones are left out.
    """
    found: dict[str, ItemMember] = {}
    for column in columns.values():
        if column.readonly:
            continue
        read = reader(column.kind)
        found[column.name] = ItemMember(column.name, column.field, column.kind.annotation, "", read)
    for relation in relations.values():
        if relation.any:
            continue
        kind = collections[relation.targets[0]].key.kind
        name, field, through = relation.name, relation.field, relation.through
        if relation.many:
            several: Any = list[kind.annotation]  # type: ignore[name-defined]  # a run-time annotation
            read = _several(reader(kind))
            found[name] = ItemMember(name, field, several, _RELATED, read, through)
        else:
            says = "The related item, by its key."
            found[name] = ItemMember(name, field, kind.annotation, says, reader(kind))
    return found


class WriteTypes:
    """Makes the inputs of writes, each when a field first takes it."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._made: dict[str, type] = {}

    def arguments(
        self,
        binding: DirectusWrite,
        collection: Collection,
        written: Mapping[str, ItemMember],
    ) -> list[StrawberryArgument]:
        """The arguments of a field with this binding."""
        key: Any = collection.key.kind.annotation
        name = collection.name
        if binding.verb == "upload":
            said = self._input(f"{name}Info", written, f"What is said of a new {name}.")
            return [
                argument("file", Upload, "The file itself."),
                argument("info", said | None, "What is said of it."),
            ]
        if binding.verb == "create":
            new = self._input(f"{name}Create", written, f"A new {name}.")
            if binding.many:
                return [argument("inputs", list[new], "The new items.")]  # type: ignore[valid-type]  # made at run time
            return [argument("input", new, "The new item.")]
        arguments = [argument("id", key, f"The item's `{collection.key.name}`.")]
        if binding.many:
            arguments = [argument("ids", list[key], "Which items.")]
        if binding.verb == "update":
            rest = {one: member for one, member in written.items() if one != collection.key.name}
            patch = self._input(f"{name}Patch", rest, f"Changes to a {name}.")
            arguments.append(argument("set", patch, "The new values; what is left out stays."))
        return arguments

    def _input(self, name: str, written: Mapping[str, ItemMember], says: str) -> type:
        if name not in self._made:
            rows = {one.name: (one.annotation | None, one.says) for one in written.values()}
            self._made[name] = self._inputs.make(name, rows, says)
        return self._made[name]


def reader(kind: ItemKind) -> Callable[[Any, str], Any]:
    """From a coerced value to JSON; a number that JavaScript would round goes as text."""
    if kind.filter is None:
        return lambda value, _: value
    bind = kind.filter.bind

    def read(value: Any, where: str) -> Any:
        bound = bind(value, where)
        if kind is BIGINT or (isinstance(bound, int) and abs(bound) >= _EXACT):
            return str(bound)
        return bound

    return read


def _several(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda values, where: [read(one, where) for one in values]
