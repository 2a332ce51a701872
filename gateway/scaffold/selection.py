"""What a person asked to be read: schemas, patterns of tables, keys of views. Kept in the package.

The options stand in a comment of the package's `__init__.py`, so that the next `plait pull` asks
for the same without being told.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.sources.postgres.agreement import ENGINE
from gateway.sources.postgres.syncing.install import RECORDS, SYNC

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gateway.sources.postgres.introspection.catalogue import Name, Table

_BEGINS = "# plait pull --"
_SCHEMAS = ("public",)
BOOKKEEPING = "alembic_version"
"""The table in which `plait migrate` writes where it stands."""


def _is_own(table: Table) -> bool:
    """Whether a table is one that `plait migrate` makes for the gateway itself."""
    schema, name = table.name
    if name == BOOKKEEPING or schema in {ENGINE, SYNC}:
        return True
    record = RECORDS.get(name) if schema == "public" else None
    return record is not None and record.issubset(column.name for column in table.columns)


def matches(pattern: str, name: Name) -> bool:
    """Whether a pattern (`film*`, `sales.*`) means a table; without a dot, in any schema."""
    return fnmatchcase(name.own, pattern) or fnmatchcase(f"{name.schema}.{name.own}", pattern)


def picked(patterns: Collection[str], fits: Callable[[str], bool]) -> bool:
    """Whether one of the patterns fits, if any is wanted, and none of those after `!` does."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    left_out = any(fits(pattern[1:]) for pattern in patterns if pattern.startswith("!"))
    return not left_out and (not wanted or any(map(fits, wanted)))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tables of which source become entities.

    `tables` are patterns; one that begins with `!` leaves tables out. `keys` name the columns that
    tell the rows of a view apart; `new_keys` are those that were named just now.
    """

    source: str = "default"
    schemas: tuple[str, ...] = _SCHEMAS
    tables: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    new_keys: frozenset[str] = frozenset()

    def with_options(
        self, source: str | None, schemas: Sequence[str], tables: Sequence[str], keys: Sequence[str]
    ) -> Selection:
        """With options as they are typed in place of its own; keys, `view=column`, are added.

        Raises `ConfigurationError`.
        """
        for option in (*schemas, *tables, *keys):
            if not option.isprintable():
                raise ConfigurationError("an option of `plait pull` holds what cannot be printed")
        named: dict[str, tuple[str, ...]] = {}
        for key in keys:
            table, equals, columns = key.partition("=")
            if not (table and equals and columns):
                raise ConfigurationError("--key: expected VIEW=COLUMN or VIEW=COLUMN,COLUMN")
            named[table] = tuple(columns.split(","))
        return Selection(
            source or self.source,
            tuple(dict.fromkeys(schemas)) or self.schemas,
            tuple(dict.fromkeys(tables)) or self.tables,
            {**self.keys, **named},
            frozenset(named),
        )

    def for_tables(self, names: Iterable[Name]) -> Selection:
        """Without the keys of an earlier time whose tables are gone."""
        names = list(names)
        keys = {
            table: key
            for table, key in self.keys.items()
            if table in self.new_keys or any(matches(table, name) for name in names)
        }
        return replace(self, keys=keys)

    def picks(self, table: Table) -> bool:
        """Whether a table is among those asked for."""
        return self._fits(table) and not self._is_kept_back(table)

    def kept_back(self, tables: Iterable[Table]) -> list[str]:
        """The gateway's own tables that a pattern fits, but none names."""
        return [
            ".".join(table.name)
            for table in tables
            if self._fits(table) and self._is_kept_back(table)
        ]

    def unread(self, schemas: Iterable[str]) -> list[str]:
        """The schemas that are not read; none where a person chose among them."""
        chosen = self.schemas != _SCHEMAS
        return [] if chosen else [name for name in schemas if name not in {*_SCHEMAS, ENGINE, SYNC}]

    def _fits(self, table: Table) -> bool:
        return picked(self.tables, partial(matches, name=table.name))

    def _is_kept_back(self, table: Table) -> bool:
        named = {table.name.own, ".".join(table.name)}
        return _is_own(table) and named.isdisjoint(self.tables)

    def comment(self) -> list[str]:
        """The options as lines of comment, one each, which `remembered` reads back."""
        options = [
            ("--source", self.source),
            *(("--schema", schema) for schema in self.schemas),
            *(("--tables", pattern) for pattern in self.tables),
            *(("--key", f"{table}={','.join(key)}") for table, key in self.keys.items()),
        ]
        return [f"# plait pull {shlex.join(option)}" for option in options]


def remembered(text: str) -> Selection | None:
    """The options in the text of a package's `__init__.py`, None where there are none.

    Raises `ConfigurationError` where they cannot be read.
    """
    lines = [line for line in text.splitlines() if line.startswith(_BEGINS)]
    if not lines:
        return None
    given: dict[str, list[str]] = {"--source": [], "--schema": [], "--tables": [], "--key": []}
    try:
        for line in lines:
            name, value = shlex.split(line.removeprefix("# plait pull "))
            given[name].append(value)
        (source,) = given["--source"]
    except (ValueError, KeyError):
        raise ConfigurationError(
            "the options of the last `plait pull`, in a comment of __init__.py, cannot be read; "
            "give them anew"
        ) from None
    return Selection().with_options(source, given["--schema"], given["--tables"], given["--key"])
