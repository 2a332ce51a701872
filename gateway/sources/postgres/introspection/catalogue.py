"""What a database holds, as far as a resolvers package needs to know. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from gateway.schema.columns.kinds import Kind


class Name(NamedTuple):
    """The name of a table or type: its schema, then its own."""

    schema: str
    own: str


@dataclass(frozen=True, slots=True)
class EnumType:
    """A PostgreSQL enum; `labels` in their order."""

    name: Name
    labels: tuple[str, ...]
    comment: str | None


@dataclass(frozen=True, slots=True)
class ColumnType:
    """The type of a column.

    `sql`: what PostgreSQL calls it. `model`: the Python expression of its SQLAlchemy type, None
    where there is none; for an enum it is left to whoever names the enum, and `enum` says which.
    `kind`: how the gateway binds it, None where it cannot, and then `why` says why. `array`: a
    list of what `kind` or `enum` says.
    """

    sql: str
    model: str | None
    kind: Kind | None
    enum: EnumType | None = None
    array: bool = False
    why: str = ""

    @property
    def bindable(self) -> bool:
        """Whether the gateway can serve a column of this type."""
        return not self.why

    @property
    def has_model(self) -> bool:
        """Whether a SQLAlchemy table can have a column of this type."""
        return self.model is not None or (self.enum is not None and bool(self.enum.labels))


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `default` and `computed` are SQL expressions."""

    name: str
    type: ColumnType
    nullable: bool
    default: str | None = None
    identity: Literal["", "always", "by default"] = ""
    computed: str | None = None
    stored: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` hold the values of the `references` columns of another table."""

    columns: tuple[str, ...]
    table: Name
    references: tuple[str, ...]
    on_delete: str | None = None
    on_update: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view.

    `primary`: the columns of the primary key, in its order. `uniques`: the column sets of the
    other unique constraints and indexes that hold for all rows. `barred`: columns the role may not
    read, which are not among `columns`.
    """

    name: Name
    sort: Literal["table", "view", "materialised view", "foreign table"]
    columns: tuple[Column, ...]
    primary: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    inherits: tuple[Name, ...] = ()
    barred: tuple[str, ...] = ()
    comment: str | None = None

    def column(self, name: str) -> Column | None:
        """The column of that name, None where there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Database:
    """The tables of some schemas, in the order of their names.

    `barred`: tables the role may not read, which are not among `tables`. `schemas`: all there are.
    """

    tables: tuple[Table, ...]
    barred: tuple[Name, ...] = ()
    schemas: tuple[str, ...] = ()
