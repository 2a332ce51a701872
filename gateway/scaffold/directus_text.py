"""The modules that show a Directus's collections: one each, and an index that lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.scaffold import naming
from gateway.scaffold.comparing import stamped
from gateway.scaffold.package_text import INDEX
from gateway.scaffold.text import (
    Literal,
    assignment,
    call,
    decorator,
    docstring,
    head,
    imports,
    listed,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.scaffold.directus_design import ItemClass, ItemField


def files_of(classes: Sequence[ItemClass], source: str) -> dict[str, str]:
    """The texts of all files, by path; equal for equal classes. `source` is the settings' name."""
    homes = {one.name: one.module for one in classes}
    files = {INDEX: _index(classes)}
    files |= {f"{one.module}.py": _module(one, homes, source) for one in classes}
    return {path: stamped(text) for path, text in files.items()}


def _index(classes: Sequence[ItemClass]) -> str:
    lines = ['"""The collections of Directus, and what reads them, for the domain to list."""', ""]
    lines += [imports(f".{one.module}", [one.name, _queries_name(one)]) for one in classes]
    collections = listed(*(one.name for one in classes))
    queries = listed(*(_queries_name(one) for one in classes))
    lines += ["", assignment("COLLECTIONS", collections), assignment("QUERIES", queries)]
    return "\n".join(lines) + "\n"


def _queries_name(one: ItemClass) -> str:
    return f"{one.name}Queries"


def _module(one: ItemClass, homes: Mapping[str, str], source: str) -> str:
    human = naming.human(one.all)
    title = docstring(f"{human}, as Directus has them.") or '"""A collection of Directus."""'
    words = {word for field in one.fields for word in words_of(field.annotation)}
    words |= {"UUID"} if one.key_type == "UUID" else set()
    ours = {"directus_by_id", "directus_collection", "queries"}
    if not one.singleton:
        ours |= {"ItemGroups", "Items", "directus_groups", "directus_items"}
    ours |= {field.binding for field in one.fields if field.binding}
    others: dict[str, list[str]] = {}
    for name in one.uses:
        others.setdefault(homes[name], []).append(name)
    top = head(title, words, ours, (), others)
    return f"{top}\n\n\n{_class(one, source)}\n\n\n{_queries(one)}\n"


def _class(one: ItemClass, source: str) -> str:
    noun = naming.human(one.one)
    said = docstring(one.note, 4) or docstring(f"{naming.article(noun)}.", 4)
    above = call(
        "directus_collection",
        Literal(one.collection),
        key=None if one.key == "id" else Literal(one.key),
        key_type=None if one.key_type == "str" else one.key_type,
        source=None if source == "default" else Literal(source),
        singleton="True" if one.singleton else None,
    )
    lines = [
        decorator(above),
        f"class {one.name}:",
        said or '    """An item."""',
        "",
        *(_field(field, one) for field in one.fields),
    ]
    return "\n".join(lines)


def _field(field: ItemField, one: ItemClass) -> str:
    hint = field.annotation if field.field == one.key and field.annotation == "ID" else ""
    hint = hint or f"{field.annotation} | None"
    quoted = f'"{hint}"' if any(word in one.uses for word in words_of(hint)) else hint
    if one.name in words_of(hint):
        quoted = f'"{hint}"'
    begins = f"{field.name}: {quoted}"
    if not field.binding:
        return f"    {begins}"
    binding = call(
        field.binding,
        Literal(field.field),
        through=Literal(field.through) if field.through else None,
        name=Literal(field.public) if field.public else None,
        description=Literal(field.note) if field.note else None,
    )
    return assignment(begins, binding, 4)


def _queries(one: ItemClass) -> str:
    single, several = naming.human(one.one), naming.human(one.all)
    title = docstring(f"reading {several}.", 4) or '    """Reading."""'
    says = f"The {single}." if one.singleton else f"The {single} with this key."
    by_id = call("directus_by_id", description=Literal(says))
    lines = ["@queries", f"class {_queries_name(one)}:", title, ""]
    lines.append(assignment(f"{one.one}: {one.name} | None", by_id, 4))
    if not one.singleton:
        items = call("directus_items", description=Literal(f"{several.capitalize()}."))
        groups = call(
            "directus_groups", description=Literal(f"What {several} amount to, in groups.")
        )
        lines.append(assignment(f"{one.all}: Items[{one.name}] | None", items, 4))
        lines.append(assignment(f"{one.groups}: ItemGroups[{one.name}] | None", groups, 4))
    return "\n".join(lines)
