"""What writes of items take: which fields of a collection are written, as which input types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.schema.arguments import argument
from gateway.schema.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.inputs import Inputs
    from gateway.schema.items.bindings import ItemWriteField
    from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation

    Open: TypeAlias = Callable[
        [Collection], tuple[Mapping[str, ItemColumn], Mapping[str, ItemRelation]]
    ]
    """The columns and relations of a collection that need no permission."""

Rows: TypeAlias = "dict[str, tuple[Any, str]]"
"""The members of an input: annotation and description."""

_SET = "Instead of those that are related; not beside other members."
_ADD = "Besides those that are related."


class WriteTypes:
    """Makes the inputs of writes, each when a field first takes it."""

    def __init__(self, inputs: Inputs, shown: Open) -> None:
        self._inputs = inputs
        self._shown = shown
        self._made: dict[str, type | None] = {}

    def arguments(
        self, binding: ItemWriteField, collection: Collection
    ) -> list[StrawberryArgument]:
        """The arguments of a field with this binding."""
        key: Any = collection.key.kind.annotation
        if binding.verb == "upload":
            says = f"What is said of a new {collection.name}."
            said: Any = self._input(f"{collection.name}Info", self._members(collection), says)
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
            patch: Any = self._patch(collection)
            arguments.append(argument("set", patch, "The new values; what is left out stays."))
        return arguments

    def _members(self, collection: Collection) -> Callable[[], Rows]:
        """Values, and related items: by their keys or, where that is declared, nested."""

        def rows() -> Rows:
            columns, relations = self._shown(collection)
            found: Rows = {
                one.name: (one.kind.annotation | None, "")
                for one in columns.values()
                if not one.readonly
            }
            for relation in relations.values():
                if relation.nested:
                    found[relation.name] = self._nested(collection, relation)
                elif not relation.any:
                    found[relation.name] = self._by_key(relation)
            return found

        return rows

    def _by_key(self, relation: ItemRelation) -> tuple[Any, str]:
        key: Any = relation.to[0].key.kind.annotation
        if not relation.many:
            return key | None, "The related item, by its key."
        return list[key] | None, "The related items, by their keys, instead of those that are."

    def _nested(self, collection: Collection, relation: ItemRelation) -> tuple[str, str]:
        targets = relation.to
        of = [self._reference(target) for target in targets]
        one = of[0]
        name = targets[0].name
        if relation.any:
            name = f"{collection.name}{relation.name[0].upper()}{relation.name[1:]}"
            members: Rows = {
                f"{target.name[0].lower()}{target.name[1:]}": (f"Optional[{made}]", "")
                for target, made in zip(targets, of, strict=True)
            }
            one = f"{name}Reference"
            self._input(one, lambda: members, "One related item, of one of these.", one_of=True)
        if not relation.many:
            return f"Optional[{one}]", "The related item; null for none."
        several: Rows = {
            "set": (f"Optional[list[{one}]]", _SET),
            "add": (f"Optional[list[{one}]]", _ADD),
        }
        if relation.through is not None:
            made = f"{name}Joined"
        else:
            made = f"{name}Related"
            key = targets[0].key.kind.annotation
            several["remove"] = (list[key] | None, "No longer related, by their keys.")  # type: ignore[valid-type]  # a run-time annotation
        self._input(made, lambda: several, "Changes to related items.")
        return f"Optional[{made}]", "The related items."

    def _reference(self, target: Collection) -> str:
        """`<Type>Reference`: an item that is there, as it is or changed, or a new one."""
        name, key = target.name, target.key.kind.annotation

        def rows() -> Rows:
            self._create(target)
            self._patch(target)
            update: Rows = {"key": (key, "Which item."), "set": (f"{name}Patch", "New values.")}
            self._input(f"{name}Update", lambda: update, f"Changes to a {name} that is there.")
            return {
                "key": (key | None, "One that is there, by its key."),
                "create": (f"Optional[{name}Create]", "A new one."),
                "update": (f"Optional[{name}Update]", "One that is there, with new values."),
            }

        self._input(f"{name}Reference", rows, f"A related {name}.", one_of=True)
        return f"{name}Reference"

    def _create(self, collection: Collection) -> type | None:
        name = collection.name
        return self._input(f"{name}Create", self._members(collection), f"A new {name}.")

    def _patch(self, collection: Collection) -> type | None:
        def rows() -> Rows:
            found = self._members(collection)()
            found.pop(collection.key.name, None)
            return found

        return self._input(f"{collection.name}Patch", rows, f"Changes to a {collection.name}.")

    def _input(
        self, name: str, rows: Callable[[], Rows], says: str, *, one_of: bool = False
    ) -> type | None:
        """An input; None while it is being made, as inputs may hold each other."""
        if name not in self._made:
            self._made[name] = None
            self._made[name] = self._inputs.make(name, rows(), says, one_of=one_of)
        return self._made[name]
