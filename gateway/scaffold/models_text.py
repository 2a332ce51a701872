"""`models.py`: the tables as SQLAlchemy has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.scaffold.text import Literal, Node, assignment, call, comment, docstring, listed

if TYPE_CHECKING:
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


def models(package: Package) -> str:
    """The module of all tables."""
    tables = sorted(package.models.values(), key=lambda one: one.table.name)
    text = _head(tables, package) + "\n\nmetadata = sa.MetaData()"
    for part in [*_enums(package), *(_table(one, package) for one in tables)]:
        block = part.startswith(("class ", "def ")) or text.endswith(_BLOCK_END)
        text += ("\n\n\n" if block else "\n\n") + part
    return text + "\n"


_BLOCK_END = "values_callable=_labels)"


def _head(tables: list[ModelTable], package: Package) -> str:
    """The docstring and the imports."""
    title = docstring(f"The tables and views of the schema {', '.join(package.schemas)}.")
    lines = [title or '"""The tables and views."""', ""]
    if package.enums:
        lines += ["from enum import StrEnum", ""]
    lines.append("import sqlalchemy as sa")
    if any(_needs_dialect(column) for one in tables for column in one.table.columns):
        lines.append("from sqlalchemy.dialects import postgresql as pg")
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
