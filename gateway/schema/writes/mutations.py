"""Bindings of root mutation fields: writes to an entity's table.

Every write returns rows, of which any selection may be asked. One field is one transaction, unless
the operation carries `@transaction`: then all its fields are.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry.directive import DirectiveLocation, DirectiveValue

from gateway.schema.bindings import Binding, bound

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WriteBinding(Binding):
    """A write; `many` says that it takes and returns several rows."""

    many: bool = False


@dataclass(frozen=True, slots=True)
class Insert(WriteBinding):
    """New rows. `conflict` names the unique columns by which an existing row is updated instead.

    Or left as it is, where `ignore` says so.
    """

    conflict: tuple[str, ...] = ()
    ignore: bool = False


@dataclass(frozen=True, slots=True)
class Update(WriteBinding):
    """Changed columns, by key or by `where`; `version` is the optimistic lock's column.

    `each` says that several rows change by their keys, each its own way.
    """

    version: str | None = None
    each: bool = False


class Delete(WriteBinding):
    """Deleted rows, by key or by `where`; they are returned as they were."""


def insert(*, ignore: tuple[str, ...] = (), **options: Any) -> Any:
    """One new row: `insert_trend: Trend | None = insert()`.

    `ignore` names unique columns: null where a row with the same is there, which stays as it is.
    """
    return bound(Insert(conflict=ignore, ignore=bool(ignore)), options)


def insert_many(*, ignore: tuple[str, ...] = (), **options: Any) -> Any:
    """New rows in one statement: `insert_trends: list[Trend] | None = insert_many()`.

    `ignore` names unique columns: rows that are there by them stay as they are, and are left out.
    """
    return bound(Insert(many=True, conflict=ignore, ignore=bool(ignore)), options)


def upsert(column: str, /, *more: str, **options: Any) -> Any:
    """A new row, or the one with the same unique columns brought up to date."""
    return bound(Insert(conflict=(column, *more)), options)


def upsert_many(column: str, /, *more: str, **options: Any) -> Any:
    """Like `upsert`, for several rows in one statement."""
    return bound(Insert(many=True, conflict=(column, *more)), options)


def update(*, version: str | None = None, **options: Any) -> Any:
    """Changes to the row with this key; null where there is none.

    `version` names an integer column: with it the field takes the version that was read, and
    refuses where the row has another by now.
    """
    return bound(Update(version=version), options)


def update_many(**options: Any) -> Any:
    """Changes to all rows a `where` picks."""
    return bound(Update(many=True), options)


def update_each(*, version: str | None = None, **options: Any) -> Any:
    """Changes to several rows by their keys, to each its own, in one transaction.

    `version` as for `update`: each row takes the one that was read, and one that has another by now
    refuses them all.
    """
    return bound(Update(version=version, many=True, each=True), options)


def delete(**options: Any) -> Any:
    """Deletes the row with this key and returns it as it was; null where there is none."""
    return bound(Delete(), options)


def delete_many(**options: Any) -> Any:
    """Deletes all rows a `where` picks and returns them as they were."""
    return bound(Delete(many=True), options)


@strawberry.enum(description="How much of what others do a transaction may see.")
class Isolation(enum.Enum):
    """PostgreSQL's isolation levels."""

    READ_COMMITTED = strawberry.enum_value(
        "read_committed", description="Each statement sees what is committed when it begins."
    )
    REPEATABLE_READ = strawberry.enum_value(
        "repeatable_read", description="All see what was committed when the first one began."
    )
    SERIALIZABLE = strawberry.enum_value(
        "serializable", description="As if transactions ran one after another; some then fail."
    )


@strawberry.directive(
    locations=[DirectiveLocation.MUTATION],
    description="All fields of this mutation commit together, or none does.",
)
def transaction(
    value: DirectiveValue[object],
    isolation: Annotated[
        Isolation, strawberry.argument(description="What they see of other transactions.")
    ] = Isolation.READ_COMMITTED,
) -> object:
    """Read by the engine from the operation; as a field directive it does nothing."""
    del isolation
    return value
