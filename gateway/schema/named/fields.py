"""Turns files into fields: types by their words, arguments, generated row types."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import sys
import typing
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
import strawberry
from sqlalchemy.dialects import postgresql as pg
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from gateway.errors import ConfigurationError, PlaitError
from gateway.schema.access.rules import ROLES, SCOPES, SUBJECT, TENANT
from gateway.schema.bindings import ColumnBinding, bound
from gateway.schema.catalog import ColumnInfo, EntityInfo
from gateway.schema.columns.deduced import kind_of
from gateway.schema.columns.scalars import BigInt, Bytes, Duration
from gateway.schema.members import argument
from gateway.schema.named.binding import NamedSql, Row, Rows
from gateway.schema.named.header import Member, SqlFile, read
from gateway.schema.named.statement import DECLARED, RESULT, NamedStatement, Parameter, write_sql
from gateway.schema.places import Place, Placed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strawberry.types.arguments import StrawberryArgument

_TYPES: Mapping[str, tuple[Any, Any]] = {
    "bool": (sa.Boolean(), bool),
    "int4": (sa.Integer(), int),
    "int8": (sa.BigInteger(), BigInt),
    "float8": (sa.Double(), float),
    "numeric": (sa.Numeric(), Decimal),
    "text": (sa.Text(), str),
    "uuid": (sa.Uuid(), UUID),
    "date": (sa.Date(), dt.date),
    "time": (sa.Time(), dt.time),
    "timestamp": (sa.DateTime(), dt.datetime),
    "timestamptz": (sa.DateTime(timezone=True), dt.datetime),
    "interval": (pg.INTERVAL(), Duration),
    "bytea": (sa.LargeBinary(), Bytes),
    "json": (sa.JSON(), JSON),
    "jsonb": (pg.JSONB(), JSON),
}
"""The types a header may name beside the domain's enums, as PostgreSQL calls them for short."""
_IDS = {"int4", "int8", "text", "uuid"}

_VIEWER = {
    "viewer.subject": (SUBJECT, "text"),
    "viewer.tenant": (TENANT, "text"),
    "viewer.roles": (ROLES, "text[]"),
    "viewer.scopes": (SCOPES, "text[]"),
}
_SHOWN = {"Int", "Float", "String", "Boolean"}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_STRING = re.compile(r"'((?:[^']|'')*)'")


class NamedFields:
    """Settles the fields of one domain that are bound to files, once its `entities` are known."""

    def __init__(self, entities: Mapping[type, EntityInfo]) -> None:
        self._entities = entities
        self._made: dict[str, tuple[tuple[Any, ...], type, EntityInfo]] = {}

    def settle(self, placed: Placed, binding: NamedSql) -> None:
        """Read the field's file and give the field its type and arguments.

        Raises ConfigurationError.
        """
        field, where = placed.field, placed.where
        writes = placed.place is Place.MUTATIONS
        file = _load(placed.cls, binding.path, where)
        if file.read_only == writes:
            right = "its mode is not execute and `read_only: true`" if not writes else "it writes"
            root = "Mutation" if writes else "Query"
            raise placed.wrong(f"a field of {root} can be {file.name} only where {right}.")
        parameters = [self._parameter(file, member) for member in file.params]
        row, keyed, value, made = self._result(file, where, placed.inner)
        if row is not None and keyed and row.source != binding.source:
            raise placed.wrong(f"{row.name} is not in source {binding.source!r}.")
        statement = NamedStatement(
            name=file.name,
            source=binding.source,
            mode=file.mode,
            sql=write_sql(file, parameters),
            parameters=tuple(parameters),
            row=row,
            keyed=keyed,
            value=value,
            limit=file.limit,
            read_only=file.read_only,
            transaction=file.transaction,
        )
        field.binding = dataclasses.replace(binding, statement=statement)
        field.description = _described(field.description or file.description, file)
        arguments = [_argument(one) for one in statement.asked]
        if len({one.python_name for one in arguments}) != len(arguments):
            raise file.wrong(1, "two parameters have the same name in GraphQL.")
        field.settle(made | None, arguments)

    # Types -------------------------------------------------------------------------------------

    @cached_property
    def _types(self) -> dict[str, tuple[Any, Any]]:
        """By SQL name: SQLAlchemy's type, and the annotation."""
        found = {}
        for entity in self._entities.values():
            for info in entity.columns.values():
                type_, kind = info.column.type, info.kind
                if isinstance(type_, sa.ARRAY) and kind.item is not None:
                    type_, kind = type_.item_type, kind.item
                if isinstance(type_, sa.Enum) and type_.name and kind.labels:
                    found[str(type_.name)] = (type_, kind.annotation)
        return {**_TYPES, **found}

    def column(self, file: SqlFile, member: Member) -> ColumnInfo:
        """A declared column, or a parameter seen as one."""
        word, declared = member.type.word, member.type.word
        if word not in self._types:
            known = ", ".join(self._types)
            raise file.wrong(member.line, f"type `{word}` is not known here; there are {known}.")
        type_, annotation = self._types[word]
        if member.type.as_id:
            if word not in _IDS:
                raise file.wrong(member.line, f"{word} cannot be an ID.")
            annotation = strawberry.ID
        if member.type.sparse:
            annotation = annotation | None
        if member.type.array:
            type_, annotation, declared = sa.ARRAY(type_), list[annotation], f"{word}[]"  # type: ignore[valid-type]  # a run-time annotation
        column: sa.Column[Any] = sa.Column(
            member.name, type_, nullable=member.type.nullable, info={DECLARED: declared}
        )
        kind = kind_of(column, annotation, f"{file.name}:{member.line}")
        return ColumnInfo(to_camel_case(member.name), column, kind, member.type.nullable)

    # Parameters --------------------------------------------------------------------------------

    def _parameter(self, file: SqlFile, member: Member) -> Parameter:
        info = self.column(file, member)
        word = member.type.word
        quoted = word if word in _TYPES else f'"{word}"'
        made = Parameter(
            info.name,
            info.kind,
            quoted + ("[]" if member.type.array else ""),
            nullable=info.nullable,
            says=member.says,
        )
        default = member.default
        if default is None:
            return made
        if default.startswith("viewer."):
            return self._from_viewer(file, member, made)
        if default == "null":
            return dataclasses.replace(made, nullable=True)
        shown = _literal(default)
        if shown is not None and info.kind.name in _SHOWN:
            try:
                value = info.kind.bind(shown, member.name)
            except PlaitError as error:
                raise file.wrong(
                    member.line, f"the default does not fit: {error.message}"
                ) from None
            return dataclasses.replace(made, default=value)
        return dataclasses.replace(made, nullable=True, fallback=default)

    def _from_viewer(self, file: SqlFile, member: Member, made: Parameter) -> Parameter:
        known = _VIEWER.get(member.default or "")
        if known is None:
            raise file.wrong(member.line, f"of the viewer there are {', '.join(_VIEWER)}.")
        place, type_ = known
        if made.sql_type != type_:
            raise file.wrong(member.line, f"{member.default} is {type_}.")
        return dataclasses.replace(made, viewer=place)

    # Results -----------------------------------------------------------------------------------

    def _result(
        self, file: SqlFile, where: str, hint: Any
    ) -> tuple[EntityInfo | None, bool, ColumnInfo | None, Any]:
        """What the rows are, whether by key, the one value, and the type without null."""
        if file.returns is None:
            _expect(file, where, hint, (int,))
            return None, False, None, int
        if file.mode == "fetchval":
            member = Member("value", dataclasses.replace(file.returns, nullable=True), 1)
            value = self.column(file, member)
            _expect(file, where, hint, value.kind.python)
            return None, False, value, value.kind.annotation
        name = file.returns.word
        if not file.columns:
            cls, entity = self._entity(file, name)
            _expect(file, where, hint, (list[cls] if file.mode == "fetch" else cls,))  # type: ignore[valid-type]  # a run-time annotation
            return entity, True, None, hint
        _expect(file, where, hint, (Rows if file.mode == "fetch" else Row,))
        made, entity = self._type(file, name)
        return entity, False, None, list[made] if file.mode == "fetch" else made  # type: ignore[valid-type]  # made at run time

    def _entity(self, file: SqlFile, name: str) -> tuple[type, EntityInfo]:
        for cls, entity in self._entities.items():
            if entity.name == name:
                return cls, entity
        raise file.wrong(1, f"`returns: {name}` is no entity, and no columns are declared.")

    def _type(self, file: SqlFile, name: str) -> tuple[type, EntityInfo]:
        """The generated type of a file's columns; files that declare the same share it."""
        declared = tuple((one.name, one.type, one.says) for one in file.columns)
        if name in self._made:
            known, cls, entity = self._made[name]
            if known != declared:
                raise file.wrong(1, f"another file declares {name} with other columns.")
            return cls, entity
        columns = {info.name: info for info in (self.column(file, one) for one in file.columns)}
        if len(columns) != len(file.columns) or not name[0].isupper():
            raise file.wrong(1, f"{name} needs a name like a type, and columns of different names.")
        body: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
        for member, info in zip(file.columns, columns.values(), strict=True):
            annotation = info.kind.annotation | None if info.nullable else info.kind.annotation
            field = bound(
                ColumnBinding(member.name), {"name": info.name, "description": member.says or None}
            )
            field.settle(annotation, [])
            body[member.name] = field
            body["__annotations__"][member.name] = annotation
        says = file.returns_says or f"A row of {Path(file.name).stem}."
        cls = strawberry.type(type(name, (), body), name=name, description=says)
        table = sa.Table(RESULT, sa.MetaData(), *(info.column for info in columns.values()))
        entity = EntityInfo(name, table, "", cls, (), columns, {}, {})
        self._made[name] = declared, cls, entity
        return cls, entity


def _load(cls: type, path: str, where: str) -> SqlFile:
    module = sys.modules[cls.__module__]
    folder = Path(module.__file__ or "").parent / "sql"
    whole = module.__name__
    package = whole if hasattr(module, "__path__") else whole.rpartition(".")[0]
    name = "/".join([*package.split("."), "sql", path] if package else ["sql", path])
    try:
        text = (folder / path).read_text("utf-8-sig")
    except OSError:
        raise ConfigurationError(f"{where}: there is no file {name}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{where}: {name} is not UTF-8.") from None
    return read(name, text)


def _literal(text: str) -> Any:
    """A default that the schema can show, None where it is an expression."""
    if text in {"true", "false"}:
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    string = _STRING.fullmatch(text)
    return string[1].replace("''", "'") if string else None


def _expect(file: SqlFile, where: str, hint: Any, right: Sequence[Any]) -> None:
    if hint not in right:
        spelt = " or ".join(
            str(one) if typing.get_origin(one) else getattr(one, "__name__", str(one))
            for one in right
        )
        raise ConfigurationError(f"{where}: {file.name} gives `{spelt} | None`; annotate it so.")


def _described(text: str, file: SqlFile) -> str | None:
    if file.mode != "fetch":
        return text or None
    bound = f"Gives at most {file.limit} rows."
    # A second build of the same classes in one process finds the sentence there already.
    return text if text.endswith(bound) else f"{text} {bound}".strip()


def _argument(one: Parameter) -> StrawberryArgument:
    annotation, says = one.kind.annotation, one.says
    if one.fallback is not None:
        says = f"{says} By default `{one.fallback}`.".strip()
    return argument(one.name, annotation | None if one.nullable else annotation, says, one.default)
