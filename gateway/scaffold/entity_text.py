"""The file of an entity, with the root fields that read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.scaffold import naming
from gateway.scaffold.text import (
    Literal,
    Node,
    assignment,
    call,
    comment,
    decorator,
    docstring,
    head,
    imports,
    strings,
    words_of,
)

if TYPE_CHECKING:
    from gateway.scaffold.design import Attribute, Entity, Package, RelationField


def entity_files(package: Package) -> dict[str, str]:
    """The files of all entities, by path."""
    return {f"{one.module}.py": _Writer(package, one).text() for one in package.entities}


class _Writer:
    """Writes one file; what it uses is imported at its top."""

    def __init__(self, package: Package, entity: Entity) -> None:
        self._package = package
        self._entity = entity
        self._gateway = {"Connection", "by_key", "entity", "listing", "queries"}
        self._enums: set[str] = set()
        self._others: dict[str, tuple[str, ...]] = {}
        self._used: set[str] = set()

    def text(self) -> str:
        classes = [self._class(), self._queries()]
        return "\n\n\n".join([self._head(), *classes]) + "\n"

    def _head(self) -> str:
        title = docstring(f"{naming.human(naming.plural_of(self._entity.short))}.")
        own = [imports(".", ["models"])]
        if self._enums:
            own.append(imports(".models", [*self._enums]))
        return head(title or '"""An entity."""', self._used, self._gateway, own, self._others)

    def _class(self) -> str:
        entity = self._entity
        said = docstring(entity.table.comment or "", 4)
        name = naming.human(entity.short)
        one = name if naming.plural_of(entity.short) == entity.short else naming.article(name)
        lines = [
            self._decorator(entity, described=said is not None),
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
        return decorator(whole)

    def _attribute(self, one: Attribute) -> str:
        words = words_of(one.annotation)
        self._used |= words
        self._enums |= words & {enum.name for enum in self._package.enums.values()}
        begins = f"{one.name}: {one.annotation}"
        if one.name == one.column and one.public is None and not one.name.endswith("_"):
            return f"    {begins}"
        self._gateway.add("column")
        public = Literal(one.public) if one.public else None
        return assignment(begins, call("column", Literal(one.column), name=public), 4)

    def _relation(self, one: RelationField) -> str:
        self._gateway.add(one.binding)
        if one.target is not self._entity:
            self._others[one.target.module] = (one.target.name,)
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
        entity = self._entity
        name = naming.human(entity.short)
        all_ = naming.human(naming.plural_of(entity.short))
        one = call("by_key", description=Literal(f"The {name} with this {_key_words(entity)}."))
        every = call("listing", description=Literal(f"All {all_}."))
        lines = [
            "@queries",
            f"class {entity.queries}:",
            docstring(f"reading {all_}.", 4) or '    """Reading."""',
            "",
            assignment(f"{entity.one}: {entity.name} | None", one, 4),
            assignment(f"{entity.all}: Connection[{entity.name}] | None", every, 4),
        ]
        return "\n".join(lines)


def _key_words(entity: Entity) -> str:
    """The key for people: `id` of `film_id`, `order id and line` of two columns."""
    if len(entity.key) > 1:
        return " and ".join(" ".join(naming.words(column)) or "key" for column in entity.key)
    own = " ".join(naming.words(entity.key[0])) or "key"
    return own.removeprefix(f"{naming.human(entity.short)} ")


def _tuple(names: tuple[str, ...]) -> Node:
    inside = ", ".join(f'"{name}"' for name in names)
    return f"({inside},)" if len(names) == 1 else f"({inside})"
