"""What a package will say: its entities, their fields, and the files these stand in. Plain values.

Made by `planning` from what a database holds, and written out by `models_text`, `entity_text` and
`package_text`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gateway.scaffold.naming import Names
    from gateway.sources.postgres.introspection.catalogue import EnumType, Name, Table


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field that is a column. `public` is its GraphQL name where it is not the usual one."""

    name: str
    column: str
    annotation: str
    public: str | None = None


@dataclass(frozen=True, slots=True)
class RelationField:
    """A field that is a relation to `target`. `public` is as of an attribute.

    `columns` and `references` are what its binding takes; `through` is a join table instead.
    """

    name: str
    binding: Literal["belongs_to", "has_one", "has_many", "many_through"]
    target: Entity
    columns: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    through: Name | None = None
    public: str | None = None
    description: str | None = None

    @property
    def many(self) -> bool:
        """Whether it is a connection."""
        return self.binding in {"has_many", "many_through"}


@dataclass(slots=True, eq=False)
class Entity:
    """A class bound to a table.

    `snake` is its name as a variable, `short` the same without what tells schemas apart. `module`
    is its file, `one` and `all` are its root fields. `remarks` are comments for whoever reads the
    class.
    """

    name: str
    snake: str
    short: str
    table: Table
    key: tuple[str, ...]
    fields: Names
    module: str = ""
    one: str = ""
    all: str = ""
    attributes: list[Attribute] = field(default_factory=list)
    relations: list[RelationField] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def queries(self) -> str:
        """The class of its root fields."""
        return f"{self.name}Queries"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A Python enum of a PostgreSQL one: `members` are (name, label); `variable` is its type."""

    type: EnumType
    name: str
    variable: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ModelTable:
    """A table as SQLAlchemy has it, and its variable among the models."""

    table: Table
    variable: str

    @property
    def path(self) -> str:
        """How other modules name it."""
        return f"models.{self.variable}"


@dataclass(frozen=True, slots=True)
class Package:
    """Everything; `no_entities` are sentences about the tables and views that are none."""

    source: str
    schemas: tuple[str, ...]
    models: dict[Name, ModelTable]
    enums: dict[Name, Enumeration]
    entities: tuple[Entity, ...]
    no_entities: tuple[str, ...]

    @property
    def missing(self) -> int:
        """How many columns and relations the remarks of its entities tell of."""
        remarks = [remark for entity in self.entities for remark in entity.remarks]
        return sum(remark.startswith("Without ") for remark in remarks)
