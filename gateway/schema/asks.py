"""What the planner asks of a source: parts of a row, of a connection, of a hit, in response order.

Plain values, equal when they ask the same, so that equal asks are prepared once. `spec` is the
index of the argument reader (`gateway.planning.arguments`) whose shape and values the part uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gateway.schema.catalog import ColumnInfo, EntityInfo, Relation
from gateway.schema.named.statement import NamedStatement
from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.reading import Reading


@dataclass(frozen=True, slots=True)
class Constant:
    """A value known when planning: `__typename`."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What the source knows by its GraphQL name: a cursor, a rank, a count, part of an event."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A column, written as its kind says."""

    key: str
    column: ColumnInfo


@dataclass(frozen=True, slots=True)
class NodeId:
    """The row's global id."""

    key: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A value another source gives: `columns` are its key, `slot` the dependent fetch."""

    key: str
    slot: int
    columns: tuple[ColumnInfo, ...]


@dataclass(frozen=True, slots=True)
class One:
    """The related row, or null."""

    key: str
    relation: Relation
    row: Row


@dataclass(frozen=True, slots=True)
class Many:
    """A page of related rows."""

    key: str
    relation: Relation
    connection: Connection


@dataclass(frozen=True, slots=True)
class Row:
    """An object of an entity; absent unless it is like the `where` that a reader gives.

    `by` is the key it is found by, where that is not the entity's first.
    """

    entity: EntityInfo
    parts: tuple[RowPart, ...]
    where: int | None = None
    by: tuple[ColumnInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeNode:
    """An edge's row."""

    key: str
    row: Row


@dataclass(frozen=True, slots=True)
class Edges:
    """The list of edges."""

    key: str
    parts: tuple[Constant | Fact | EdgeNode, ...]


@dataclass(frozen=True, slots=True)
class Nodes:
    """The list of rows."""

    key: str
    row: Row


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The pageInfo object."""

    key: str
    parts: tuple[Constant | Fact, ...]


@dataclass(frozen=True, slots=True)
class Computed:
    """An object of a computed row: the aggregates of one function, or the key of a group."""

    key: str
    row: Row


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What the whole list amounts to; values are columns of its computed row."""

    key: str
    parts: tuple[Constant | Value | Computed, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """The whole list in groups, under the arguments read by `spec`."""

    key: str
    spec: int
    parts: tuple[Constant | Value | Computed, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of `entity` under the arguments read by `spec`."""

    entity: EntityInfo
    spec: int
    parts: tuple[ConnectionPart, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """A page of the rows whose `column` holds a key that comes from another source."""

    column: ColumnInfo
    connection: Connection


@dataclass(frozen=True, slots=True)
class Part:
    """A member, by its name, of what a source that has no rows gives.

    `spec` is the reader of its arguments, `parts` what is asked below it, `text` the constant value
    of a `__typename`. Of a vector hit (id, score, payload, vector) `entity` is a hole: the fetch in
    `slot`.
    """

    key: str
    name: str
    slot: int | None = None
    text: str | None = None
    spec: int | None = None
    parts: tuple[Part, ...] = ()


RowPart: TypeAlias = Constant | Value | NodeId | Hole | One | Many
ConnectionPart: TypeAlias = Constant | Fact | Edges | Nodes | PageFacts | Aggregate | Groups


@dataclass(frozen=True, slots=True)
class VectorRead:
    """What is read of a vector collection (None: an argument names it).

    `key` is the kind of the key of the hits' entity, by its name.
    """

    reading: Reading
    collection: VectorCollection | None
    parts: tuple[Part, ...]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """What rows have to do with a vector search: they may narrow it, and be found by words too.

    `where` and `fusion` are the readers of these arguments, the latter None where there is no
    full text; `sides` says that what each ranking found is shown. `hit` is all that a hit shows.
    """

    entity: EntityInfo
    where: int
    fusion: int | None
    sides: bool
    hit: VectorRead


@dataclass(frozen=True, slots=True)
class State:
    """A value kept under a key pattern, whose placeholders the hole's columns fill in order."""

    pattern: str
    names: tuple[str, ...]
    kind: str = "counter"


@dataclass(frozen=True, slots=True)
class StateRead:
    """An object of stored values under one namespace, which the reader `spec` names."""

    spec: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class StateChange:
    """One write of stored values by its verb; the reader `spec` gives namespace and arguments."""

    verb: str
    spec: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """What a named statement gives: its rows as `row` says, or its one value."""

    statement: NamedStatement
    spec: int
    row: Row | None
