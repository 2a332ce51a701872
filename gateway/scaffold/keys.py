"""What tells the rows of a table apart; without it a table or view cannot be an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.scaffold.selection import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.sources.postgres.introspection.catalogue import Column, Name, Table


def keys_of(
    tables: Iterable[Table], given: Mapping[str, tuple[str, ...]]
) -> dict[Name, tuple[str, ...]]:
    """The key of every table that has one.

    `given` are the keys a person named, by `table` or `schema.table`; then come the primary key,
    and the unique index over the fewest columns, none of which may be null (what a materialised
    view returns is never known to be null or not, so there its index is enough). Raises
    `ConfigurationError` for a given key that is not there.
    """
    found: dict[Name, tuple[str, ...]] = {}
    used: set[str] = set()
    for table in tables:
        named = next((name for name in given if matches(name, table.name)), None)
        if named is not None:
            used.add(named)
            found[table.name] = _checked(table, given[named])
        else:
            key = _told(table)
            if key:
                found[table.name] = key
    for name in given:
        if name not in used:
            raise ConfigurationError(f"--key: there is no table or view {name!r} among those read.")
    return found


def why_none(table: Table) -> str:
    """Why `keys_of` found no key."""
    if table.primary:
        return "its primary key holds a type the gateway has no scalar for"
    return "nothing in the database says what tells its rows apart"


def _told(table: Table) -> tuple[str, ...]:
    if table.primary and _can_be_key(table, table.primary):
        return table.primary
    lenient = table.sort == "materialised view"
    uniques = [
        columns
        for columns in table.uniques
        if _can_be_key(table, columns)
        and (lenient or not any(column.nullable for column in _columns(table, columns)))
    ]
    return min(uniques, key=len, default=())


def _checked(table: Table, columns: tuple[str, ...]) -> tuple[str, ...]:
    for name in columns:
        if table.column(name) is None:
            known = ", ".join(column.name for column in table.columns)
            raise ConfigurationError(
                f"--key: {table.name.own} has no column {name!r}; it has {known}."
            )
    if not columns or not _can_be_key(table, columns):
        raise ConfigurationError(
            f"--key: {table.name.own} cannot be told apart by {', '.join(columns) or 'nothing'}: "
            "a key consists of plain values that can be ordered."
        )
    return columns


def _can_be_key(table: Table, names: tuple[str, ...]) -> bool:
    """Whether all these columns are plain values, which cursors can hold."""
    return all(
        column.type.bindable
        and not column.type.array
        and (column.type.kind is None or column.type.kind.orderable)
        for column in _columns(table, names)
    )


def _columns(table: Table, names: tuple[str, ...]) -> list[Column]:
    return [column for column in table.columns if column.name in names]
