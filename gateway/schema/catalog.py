"""The immutable catalog: every bound field and the entity, column or relation behind it.

Made once at start-up by `gateway.schema.build` and read by the planner and the sources. Names in
it are GraphQL names unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import sqlalchemy as sa
    from graphql import GraphQLField, GraphQLSchema

    from gateway.schema.access.requirements import Authority, Requirements
    from gateway.schema.access.rules import Rule
    from gateway.schema.bindings import Binding
    from gateway.schema.columns.kinds import Kind
    from gateway.schema.items.catalog import Collection
    from gateway.schema.upstreams.remote import UpstreamInfo


Fields: TypeAlias = "Mapping[str, Fields]"
"""A set of fields, and of fields below them; empty below a scalar."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnInfo:
    """A column a field shows: `nullable` is what the GraphQL type says.

    `described` is what the field says of it.
    """

    name: str
    column: sa.Column[Any]
    kind: Kind
    nullable: bool
    described: str | None = None

    @property
    def says(self) -> str | None:
        """What it holds, in the field's words or in those of the column's comment, if any."""
        return self.described or self.column.comment


@dataclass(frozen=True, slots=True, eq=False)
class Through:
    """The table between two entities: (its column, the entity's column) for either side."""

    table: sa.Table
    near: tuple[tuple[str, str], ...]
    far: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """How rows of one entity find rows of another: equal columns, directly or `through` a table.

    `pairs` are (this table's column, the target's column); empty where there is a `through`.
    `refers`: this table's columns are the reference, so that its row needs the other one first.
    """

    name: str
    target: str
    many: bool
    pairs: tuple[tuple[str, str], ...] = ()
    through: Through | None = None
    refers: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FullText:
    """How an entity's rows are found by their words.

    `vector` is the tsvector column, `configuration` the text search configuration it was made with
    (None: the database's default), `texts` the columns its words come from, for headlines.
    """

    vector: str
    configuration: str | None
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """What is computed over rows: a function of a column, or their number where there is none.

    `result` is the column of the computed row that holds it, by a dotted name such as `sum.score`.
    """

    function: str
    column: ColumnInfo | None
    result: ColumnInfo


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """What can be computed over an entity's rows.

    `measures` are by dotted name (`count`, `sum.score`), `keys` by the name of the column to group
    by: (the table's column, the computed row's). `group` stands for a computed row: its columns
    are those of all measures and keys.
    """

    measures: Mapping[str, Measure]
    keys: Mapping[str, tuple[ColumnInfo, ColumnInfo]]
    group: EntityInfo


@dataclass(frozen=True, slots=True, eq=False)
class EntityInfo:
    """A GraphQL type bound to a table of a source."""

    name: str
    table: sa.Table
    source: str
    cls: type
    key: tuple[ColumnInfo, ...]
    columns: Mapping[str, ColumnInfo]
    relations: Mapping[str, Relation]
    attributes: Mapping[str, ColumnInfo]
    """Columns by the Python attribute a resolver's `needs` may name."""
    rule: Rule | None = None
    """The condition under which a row exists for a viewer."""
    text: FullText | None = None
    required: Mapping[str, tuple[str, Fields]] = field(default_factory=dict)
    """Fields of other subgraphs that its resolvers require, by name: the Python attribute, and what
    is required of the objects that the field holds."""
    other_keys: tuple[tuple[ColumnInfo, ...], ...] = ()
    """By which others may refer to its rows too."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldInfo:
    """One field of the schema.

    `binding` is None for structural fields (of connections, edges, hits) and for plain resolvers;
    `walked` says that graphql-core must execute it: a resolver, a permission or an extension.
    """

    parent: str
    name: str
    type_name: str
    leaf: bool
    nullable: bool
    definition: GraphQLField
    binding: Binding | None = None
    walked: bool = False
    plain: bool = False
    needs: tuple[str, ...] = ()
    access: Requirements = ()
    """What a viewer must meet, by the field itself and by the type it returns."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What the schema is bound to."""

    schema: GraphQLSchema
    entities: Mapping[str, EntityInfo]
    fields: Mapping[tuple[str, str], FieldInfo]
    hits: Mapping[str, str]
    """Hit type → its entity type."""
    possible: Mapping[str, frozenset[str]]
    """Abstract type → its object types."""
    structures: frozenset[str]
    """Connection, edge, hit and page types: planned as part of the field that returns them."""
    short: bool
    """Whether planned operations may bypass graphql-core: no schema extension wants to see them."""
    aggregates: Mapping[str, Aggregates]
    """By entity."""
    types: Mapping[str, Requirements]
    """What a viewer must meet to see an object of a type; types open to everybody are not here."""
    authority: Authority
    upstreams: Mapping[str, UpstreamInfo] = field(default_factory=dict)
    collections: Mapping[str, Collection] = field(default_factory=dict)
    """Types bound to collections of items."""
    items_of: Mapping[str, str] = field(default_factory=dict)
    """Type of a list or of groups of items → the items' type."""
    inserts: Mapping[str, str] = field(default_factory=dict)
    """Entity → the root field that inserts its rows, which says who may."""

    def gives_python(self, info: FieldInfo) -> bool:
        """Whether a Python resolver gave the field's value, or the object whose member it is."""
        return info.plain or (info.binding is None and info.parent not in self.structures)

    def types_of(self, info: FieldInfo) -> Iterable[str]:
        """The object types that a field's value may have."""
        return self.possible.get(info.type_name, (info.type_name,))
