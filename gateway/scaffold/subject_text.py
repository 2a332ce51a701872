"""A file of entities that belong together, with the root fields that read them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gateway.scaffold import naming
from gateway.scaffold.planning import schema_modules
from gateway.scaffold.text import (
    Literal,
    Node,
    assignment,
    call,
    comment,
    docstring,
    imports,
    strings,
)

if TYPE_CHECKING:
    from gateway.scaffold.design import Attribute, Entity, Package, RelationField, Subject

_FROM_GATEWAY = ("BigInt", "Bytes", "Duration")


def subject_files(package: Package) -> dict[str, str]:
    """The files of all subjects, by path."""
    homes = {entity: subject.module for subject in package.subjects for entity in subject.entities}
    return {
        f"{subject.module}.py": _Writer(package, subject, homes).text()
        for subject in package.subjects
    }


class _Writer:
    """Writes one file; what it uses is imported at its top."""

    def __init__(self, package: Package, subject: Subject, homes: dict[Entity, str]) -> None:
        self._package = package
        self._subject = subject
        self._homes = homes
        self._gateway = {"Connection", "by_key", "entity", "listing", "queries"}
        self._enums: set[str] = set()
        self._others: dict[str, set[str]] = defaultdict(set)
        self._used: set[str] = set()

    def text(self) -> str:
        classes = [self._entity(entity) for entity in self._subject.entities]
        body = [self._head(), *classes, self._queries()]
        return "\n\n\n".join(body) + "\n"

    # The top

    def _head(self) -> str:
        said = [naming.human(naming.plural_of(one.short)) for one in self._subject.entities]
        title = docstring(f"{', '.join(said)}.") or docstring(f"{said[0]}, and what belongs to it.")
        own = [imports(".", ["models"]), *self._enum_imports()]
        sections = [self._standard(), self._third(), own]
        if self._others:
            inside = [
                imports(f".{module}", sorted(names), 4)
                for module, names in sorted(self._others.items())
            ]
            sections.append(["if TYPE_CHECKING:", *inside])
        parts = ["\n".join(section) for section in sections if section]
        return "\n\n".join([title or '"""Entities."""', *parts])

    def _standard(self) -> list[str]:
        lines = ["import datetime as dt"] if "dt" in self._used else []
        if "Decimal" in self._used:
            lines.append("from decimal import Decimal")
        if self._others:
            lines.append("from typing import TYPE_CHECKING")
        if "UUID" in self._used:
            lines.append("from uuid import UUID")
        return lines

    def _third(self) -> list[str]:
        named = self._gateway | {name for name in _FROM_GATEWAY if name in self._used}
        lines = [imports("gateway", sorted(named))]
        if "ID" in self._used:
            lines.append("from strawberry import ID")
        if "JSON" in self._used:
            lines.append("from strawberry.scalars import JSON")
        return lines

    def _enum_imports(self) -> list[str]:
        module = (
            ".models.base" if any(schema_modules(self._package.schemas).values()) else ".models"
        )
        return [imports(module, sorted(self._enums))] if self._enums else []

    # The classes

    def _entity(self, entity: Entity) -> str:
        said = docstring(entity.table.comment or "", 4)
        name = naming.human(entity.short)
        one = name if naming.plural_of(entity.short) == entity.short else naming.article(name)
        lines = [
            "@" + self._decorator(entity, described=said is not None),
            f"class {entity.name}:",
            said or docstring(f"{one}.", 4) or '    """A row."""',
            "",
            *(self._attribute(one) for one in entity.attributes),
            *(self._relation(one) for one in entity.relations),
        ]
        for remark in entity.remarks:
            lines += comment(remark, 4)
        return "\n".join(lines)

    def _decorator(self, entity: Entity, *, described: bool) -> str:
        path = self._package.models[entity.table.name].path
        source = self._package.source
        vectors = [one.name for one in entity.table.columns if one.type.model == "pg.TSVECTOR"]
        # A comment that suits no docstring still describes the type; of several columns for
        # full-text search one must be chosen.
        whole = call(
            "entity",
            path,
            key=None if entity.key == ("id",) else strings(entity.key),
            source=None if source == "default" else Literal(source),
            search=Literal(vectors[0]) if len(vectors) > 1 else None,
            description=f"{path}.comment" if entity.table.comment and not described else None,
        )
        return assignment("@", whole).removeprefix("@ = ")

    def _attribute(self, one: Attribute) -> str:
        self._note(one.annotation)
        begins = f"{one.name}: {one.annotation}"
        if one.name == one.column and one.public is None and not one.name.endswith("_"):
            return f"    {begins}"
        self._gateway.add("column")
        public = Literal(one.public) if one.public else None
        return assignment(begins, call("column", Literal(one.column), name=public), 4)

    def _note(self, annotation: str) -> None:
        for word in annotation.replace("[", " ").replace("]", " ").replace(".", " ").split():
            self._used.add(word)
        known = {enum.name for enum in self._package.enums.values()}
        self._enums |= known & set(annotation.replace("[", " ").replace("]", " ").split())

    def _relation(self, one: RelationField) -> str:
        self._gateway.add(one.binding)
        home = self._homes[one.target]
        if home != self._subject.module:
            self._others[home].add(one.target.name)
        hint = f"Connection[{one.target.name}]" if one.many else f"{one.target.name} | None"
        parts: list[Node] = [Literal(column) for column in one.columns]
        if one.through is not None:
            parts = [self._package.models[one.through].path]
        binding = call(
            one.binding,
            *parts,
            references=None if not one.references else _tuple(one.references),
            name=Literal(one.public) if one.public else None,
            description=Literal(one.description) if one.description else None,
        )
        return assignment(f'{one.name}: "{hint}"', binding, 4)

    def _queries(self) -> str:
        said = [naming.human(naming.plural_of(one.short)) for one in self._subject.entities]
        title = docstring(f"reading {', '.join(said)}.", 4) or docstring(f"reading {said[0]}.", 4)
        lines = ["@queries", f"class {self._subject.queries}:", title or '    """Reading."""', ""]
        for entity in self._subject.entities:
            lines += self._roots(entity)
        return "\n".join(lines)

    def _roots(self, entity: Entity) -> list[str]:
        name = naming.human(entity.short)
        all_ = naming.human(naming.plural_of(entity.short))
        one = call("by_key", description=Literal(f"The {name} with this {_key_words(entity)}."))
        every = call("listing", description=Literal(f"All {all_}."))
        return [
            assignment(f"{entity.one}: {entity.name} | None", one, 4),
            assignment(f"{entity.all}: Connection[{entity.name}] | None", every, 4),
        ]


def _key_words(entity: Entity) -> str:
    """The key for people: `id` of `film_id`, `order id and line` of two columns."""
    if len(entity.key) > 1:
        return " and ".join(" ".join(naming.words(column)) or "key" for column in entity.key)
    own = " ".join(naming.words(entity.key[0])) or "key"
    return own.removeprefix(f"{naming.human(entity.short)} ")


def _tuple(names: tuple[str, ...]) -> Node:
    inside = ", ".join(f'"{name}"' for name in names)
    return f"({inside},)" if len(names) == 1 else f"({inside})"
