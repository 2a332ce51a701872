"""What writes of items take: which fields of a collection are written, as which input types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.schema.items.reading import opened
from gateway.schema.members import argument
from gateway.schema.uploads import Upload

if TYPE_CHECKING:
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.items.bindings import ItemWriteField
    from gateway.schema.items.catalog import Collection, ItemRelation
    from gateway.schema.lists.inputs import Inputs

Rows: TypeAlias = "dict[str, tuple[Any, str]]"
"""The members of an input: annotation and description."""

_SET = "Instead of those that are related; not beside other members."
_ADD = "Besides those that are related."
_RELATED = "The related items."


class WriteTypes:
    """Makes the inputs of writes, each when a field first takes it."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def arguments(
        self, binding: ItemWriteField, collection: Collection
    ) -> list[StrawberryArgument]:
        """The arguments of a field with this binding."""
        key: Any = collection.key.kind.annotation
        if binding.verb == "upload":
            says = f"What is said of a new {collection.name}."
            said = self._input(f"{collection.name}Info", self._members(collection), says)
            return [
                argument("file", Upload, "The file itself."),
                argument("info", said | None, "What is said of it."),
            ]
        if binding.verb == "create":
            new: Any = self._create(collection)
            if binding.many:
                return [argument("inputs", list[new], "The new items.")]
            return [argument("input", new, "The new item.")]
        arguments = [argument("id", key, f"The item's `{collection.key.name}`.")]
        if binding.many:
            arguments = [argument("ids", list[key], "Which items.")]
        if binding.verb == "update":
            patch = self._patch(collection)
            arguments.append(argument("set", patch, "The new values; what is left out stays."))
        return arguments

    def _create(self, collection: Collection) -> Any:
        name = collection.name
        return self._input(f"{name}Create", self._members(collection), f"A new {name}.")

    def _patch(self, collection: Collection) -> Any:
        name, rows = collection.name, self._members(collection)
        rows.pop(collection.key.name, None)
        return self._input(f"{name}Patch", rows, f"Changes to a {name}.")

    def _members(self, collection: Collection) -> Rows:
        """Values, and related items: by their keys or, where that is declared, nested."""
        columns, relations = opened(collection)
        found: Rows = {
            one.name: (one.kind.annotation | None, one.says)
            for one in columns.values()
            if not one.readonly
        }
        for one in relations.values():
            if one.nested:
                found[one.name] = self._nested(collection, one)
            elif not one.any:
                found[one.name] = self._by_key(one)
        return found

    @staticmethod
    def _by_key(relation: ItemRelation) -> tuple[Any, str]:
        key: Any = relation.to[0].key.kind.annotation
        if not relation.many:
            return key | None, "The related item, by its key."
        return list[key] | None, "The related items, by their keys, instead of those that are."

    def _nested(self, collection: Collection, relation: ItemRelation) -> tuple[Any, str]:
        references = [self._reference(one) for one in relation.to]
        name = relation.to[0].name
        one: Any = references[0]
        if relation.any:
            name = f"{collection.name}{relation.name[0].upper()}{relation.name[1:]}"
            choices: Rows = {
                choice: (made | None, f"One of {target.name}.")
                for (choice, target), made in zip(relation.choices.items(), references, strict=True)
            }
            says = "One related item, of one of these."
            one = self._input(f"{name}Reference", choices, says, one_of=True)
        if not relation.many:
            return one | None, "The related item; null for none."
        several: Rows = {"set": (list[one] | None, _SET), "add": (list[one] | None, _ADD)}
        if relation.through is None:
            joined = f"{name}Related"
            key: Any = relation.to[0].key.kind.annotation
            several["remove"] = (list[key] | None, "No longer related, by their keys.")
        else:
            joined = f"{name}Joined"
        return self._input(joined, several, "Changes to related items.") | None, _RELATED

    def _reference(self, target: Collection) -> Any:
        """`<Type>Reference`: an item that is there, as it is or changed, or a new one."""
        name, key = target.name, target.key.kind.annotation
        made, of = f"{name}Reference", self._inputs.of
        if not self._inputs.known(made):  # what it names is made after it, as that may hold it
            rows: Rows = {
                "key": (key | None, "One that is there, by its key."),
                "create": (of(f"{name}Create") | None, "A new one."),
                "update": (of(f"{name}Update") | None, "One that is there, with new values."),
            }
            self._input(made, rows, f"A related {name}.", one_of=True)
            rows = {"key": (key, "Which item."), "set": (of(f"{name}Patch"), "New values.")}
            self._input(f"{name}Update", rows, f"Changes to a {name} that is there.")
            self._create(target)
            self._patch(target)
        return of(made)

    def _input(self, name: str, rows: Rows, says: str, *, one_of: bool = False) -> Any:
        return self._inputs.known(name) or self._inputs.make(name, rows, says, one_of=one_of)
