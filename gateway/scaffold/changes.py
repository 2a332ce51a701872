"""What changed in the database, in words: the tables a package had beside those it would have.

Both are read from the text of their models, so that it does not matter who wrote it, and nothing
of the package is executed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(slots=True)
class Models:
    """Tables by name, with (type, nullable) by column, and enums by name with their labels."""

    tables: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """A line for each difference between two sets of files, of which only models are looked at."""
    old, new = models_of(_model_texts(before)), models_of(_model_texts(after))
    lines = [f"new table {name}" for name in new.tables if name not in old.tables]
    lines += [f"no table {name} any more" for name in old.tables if name not in new.tables]
    for name, columns in new.tables.items():
        if name in old.tables:
            lines += _columns(name, old.tables[name], columns)
    for name, labels in new.enums.items():
        if name in old.enums:
            lines += [
                f"{name}: new label {label!r}" for label in labels if label not in old.enums[name]
            ]
            lines += [
                f"{name}: no label {label!r} any more"
                for label in old.enums[name]
                if label not in labels
            ]
    return lines


def models_of(texts: Iterable[str]) -> Models:
    """The tables and enums that the text of some modules declares; what is no Python has none."""
    found = Models()
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and _names(node.bases) == ["StrEnum"]:
                found.enums[node.name] = tuple(_labels(node))
            elif isinstance(node, ast.Call) and _called(node) == "Table":
                name, columns = _table(node)
                if name:
                    found.tables[name] = columns
    return found


def _model_texts(files: Mapping[str, str]) -> list[str]:
    return [
        text for path, text in sorted(files.items()) if path.startswith(("models/", "models.py"))
    ]


def _columns(
    table: str, old: Mapping[str, tuple[str, bool]], new: Mapping[str, tuple[str, bool]]
) -> Iterator[str]:
    for name, (type_, nullable) in new.items():
        where = f"{table}.{name}"
        if name not in old:
            yield f"{where}: new column, {type_}{'' if nullable else ', never null'}"
            continue
        old_type, old_nullable = old[name]
        if old_type != type_:
            yield f"{where}: was {old_type}, is {type_}"
        if old_nullable != nullable:
            yield f"{where}: may be null now" if nullable else f"{where}: is never null now"
    for name in old:
        if name not in new:
            yield f"{table}.{name}: no such column any more"


def _table(node: ast.Call) -> tuple[str | None, dict[str, tuple[str, bool]]]:
    name = _text(node.args[0]) if node.args else None
    schema = next((_text(one.value) for one in node.keywords if one.arg == "schema"), None)
    columns: dict[str, tuple[str, bool]] = {}
    for part in node.args[1:]:
        if isinstance(part, ast.Call) and _called(part) == "Column" and part.args:
            column = _text(part.args[0])
            if column is not None:
                type_ = ast.unparse(part.args[1]) if len(part.args) > 1 else "?"
                columns[column] = (type_.replace("sa.", "").replace("pg.", ""), _nullable(part))
    return (f"{schema}.{name}" if schema else name), columns


def _nullable(column: ast.Call) -> bool:
    said = {one.arg: ast.unparse(one.value) for one in column.keywords}
    return said.get("nullable") != "False" and said.get("primary_key") != "True"


def _labels(node: ast.ClassDef) -> Iterator[str]:
    for part in node.body:
        label = _text(part.value) if isinstance(part, ast.Assign) else None
        if label is not None:
            yield label


def _called(node: ast.Call) -> str | None:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _names(nodes: Iterable[ast.expr]) -> list[str]:
    return [node.id for node in nodes if isinstance(node, ast.Name)]


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
