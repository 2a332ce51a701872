"""The tables as SQLAlchemy has them: `models.py`, or a module for each of several schemas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.scaffold.planning import schema_modules
from gateway.scaffold.text import Group, Literal, Node, assignment, call, comment, docstring, listed
from gateway.scaffold.text import imports as import_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.scaffold.design import Enumeration, ModelTable, Package
    from gateway.sources.postgres.introspection.catalogue import Column, ForeignKey, Table

DEFAULT_SCHEMA = "public"
"""The schema whose tables are found without being told it."""

_ENUM_TYPE = '''\
def _labels(enum: type[StrEnum]) -> list[str]:
    return [member.value for member in enum]


def enum_type(enum: type[StrEnum], name: str, schema: str | None = None) -> sa.Enum:
    """A PostgreSQL enum whose labels are the values of `enum`."""
    return sa.Enum(enum, name=name, schema=schema, metadata=metadata, values_callable=_labels)'''

_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)(?!\w*:)")
"""What SQLAlchemy takes for a bound parameter in SQL text."""


def model_files(package: Package) -> dict[str, str]:
    """The modules of the tables, by path."""
    tables = sorted(package.models.values(), key=lambda one: one.table.name)
    modules = schema_modules(package.schemas)
    if len(modules) == 1:
        body = [*_enums(package), *(_table(one, package) for one in tables)]
        text = _head(
            f"The tables and views of the schema {package.schemas[0]}.", tables, package, enums=True
        )
        return {"models.py": _file([text, _METADATA, *body])}
    files = {
        "models/__init__.py": _index(sorted(modules.values())),
        "models/base.py": _file([_base_head(package), _METADATA, *_enums(package)]),
    }
    for schema, module in modules.items():
        own = [one for one in tables if one.table.name.schema == schema]
        head = _head(f"The tables and views of the schema {schema}.", own, package, enums=False)
        files[f"models/{module}.py"] = _file([head, *(_table(one, package) for one in own)])
    return files


_METADATA = "metadata = sa.MetaData()"


def _file(parts: Iterable[str]) -> str:
    text = ""
    for part in parts:
        if text:
            text += (
                "\n\n\n"
                if part.startswith(("class ", "def ")) or text.endswith(_BLOCK_END)
                else "\n\n"
            )
        text += part
    return text + "\n"


_BLOCK_END = ("values_callable=_labels)",)


def _index(modules: list[str]) -> str:
    names = [("", Literal(module)) for module in modules]
    return "\n".join(
        [
            '"""The tables and views, a module for each schema."""',
            "",
            import_line(".", modules),
            "",
            assignment("__all__", Group("", tuple(names), "[]")),
            "",
        ]
    )


def _base_head(package: Package) -> str:
    lines = ['"""What the tables of all schemas share."""', ""]
    if package.enums:
        lines += ["from enum import StrEnum", ""]
    return "\n".join([*lines, "import sqlalchemy as sa"])


def _head(title: str, tables: list[ModelTable], package: Package, *, enums: bool) -> str:
    """The docstring and the imports of a module of tables."""
    lines = [docstring(title) or '"""The tables and views of a schema."""', ""]
    if enums and package.enums:
        lines += ["from enum import StrEnum", ""]
    lines.append("import sqlalchemy as sa")
    columns = [column for one in tables for column in one.table.columns]
    if any(_needs_dialect(column) for column in columns):
        lines.append("from sqlalchemy.dialects import postgresql as pg")
    if not enums:
        used = {
            package.enums[column.type.enum.name].variable
            for column in columns
            if column.type.enum and column.type.has_model
        }
        lines += ["", import_line(".base", ["metadata", *used])]
    return "\n".join(lines)


def _needs_dialect(column: Column) -> bool:
    if column.type.enum is not None:
        return column.type.array and column.type.has_model
    return (column.type.model or "").startswith("pg.")


def _enums(package: Package) -> list[str]:
    if not package.enums:
        return []
    enums = list(package.enums.values())
    assignments = [_enum_variable(enum) for enum in enums]
    return [_ENUM_TYPE, *(_enum_class(enum) for enum in enums), "\n" + "\n".join(assignments)]


def _enum_class(enum: Enumeration) -> str:
    title = docstring(enum.type.comment or "", 4)
    name = " ".join(part for part in enum.variable.split("_") if part)
    lines = [f"class {enum.name}(StrEnum):", title or f'    """The labels of {name}."""', ""]
    lines += [assignment(member, Literal(label), 4) for member, label in enum.members]
    return "\n".join(lines)


def _enum_variable(enum: Enumeration) -> str:
    schema, name = enum.type.name
    named = None if schema == DEFAULT_SCHEMA else Literal(schema)
    return assignment(enum.variable, call("enum_type", enum.name, Literal(name), schema=named))


def _table(one: ModelTable, package: Package) -> str:
    table = one.table
    parts: list[Node] = [Literal(table.name.own), "metadata"]
    parts += [_column(column, table, package) for column in table.columns if column.type.has_model]
    parts += [
        call("sa.UniqueConstraint", *(Literal(name) for name in unique)) for unique in table.uniques
    ]
    parts += [_foreign_key(key) for key in table.foreign_keys if len(key.columns) > 1]
    schema = None if table.name.schema == DEFAULT_SCHEMA else Literal(table.name.schema)
    said = Literal(table.comment) if table.comment else None
    whole = call("sa.Table", *parts, schema=schema, comment=said)
    missing = [column for column in table.columns if not column.type.has_model]
    above = [
        line
        for column in missing
        for line in comment(
            f"Without {column.name} ({column.type.sql}): SQLAlchemy has no such type."
        )
    ]
    return "\n".join([*above, assignment(one.variable, whole)])


def _column(column: Column, table: Table, package: Package) -> Node:
    parts: list[Node] = [Literal(column.name), _type(column, package)]
    if column.identity:
        always = "True" if column.identity == "always" else None
        parts.append(call("sa.Identity", always=always))
    if column.computed is not None:
        persisted = "True" if column.stored else "False"
        parts.append(call("sa.Computed", _sql(column.computed), persisted=persisted))
    parts += [
        _single_foreign_key(key) for key in table.foreign_keys if key.columns == (column.name,)
    ]
    primary = column.name in table.primary
    default = None
    if column.default is not None and not column.identity:
        default = call("sa.text", _sql(column.default))
    return call(
        "sa.Column",
        *parts,
        primary_key="True" if primary else None,
        nullable=None if column.nullable or primary else "False",
        server_default=default,
        comment=Literal(column.comment) if column.comment else None,
    )


def _sql(expression: str) -> Literal:
    return Literal(_PARAMETER.sub(r"\\:", expression))


def _type(column: Column, package: Package) -> Node:
    if column.type.enum is not None:
        variable = package.enums[column.type.enum.name].variable
        return call("pg.ARRAY", variable) if column.type.array else variable
    return column.type.model or "sa.Text"


def _target(key: ForeignKey, column: str) -> Literal:
    schema = "" if key.table.schema == DEFAULT_SCHEMA else f"{key.table.schema}."
    return Literal(f"{schema}{key.table.own}.{column}")


def _single_foreign_key(key: ForeignKey) -> Node:
    return call("sa.ForeignKey", _target(key, key.references[0]), **_actions(key))


def _foreign_key(key: ForeignKey) -> Node:
    return call(
        "sa.ForeignKeyConstraint",
        listed(*(Literal(name) for name in key.columns)),
        listed(*(_target(key, name) for name in key.references)),
        **_actions(key),
    )


def _actions(key: ForeignKey) -> dict[str, Node | None]:
    return {
        "ondelete": Literal(key.on_delete) if key.on_delete else None,
        "onupdate": Literal(key.on_update) if key.on_update else None,
    }
