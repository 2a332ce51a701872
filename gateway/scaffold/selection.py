"""What a person asked to be read: schemas, patterns of tables, keys of views. Kept in the package.

The options stand in a comment of the package's `__init__.py`, so that the next `plait pull` asks
for the same without being told.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.postgres.introspection.catalogue import Name, Table

_BEGINS = "# plait pull --"
BOOKKEEPING = "alembic_version"
"""The table in which `plait migrate` writes where it stands."""


def matches(pattern: str, name: Name) -> bool:
    """Whether a pattern (`film*`, `sales.*`) means a table; without a dot, in any schema."""
    return fnmatchcase(name.own, pattern) or fnmatchcase(f"{name.schema}.{name.own}", pattern)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tables of which source become entities.

    `tables` are patterns; one that begins with `!` leaves tables out. `keys` name the columns that
    tell the rows of a view apart.
    """

    source: str = "default"
    schemas: tuple[str, ...] = ("public",)
    tables: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(
        cls, source: str, schemas: Sequence[str], tables: Sequence[str], keys: Sequence[str]
    ) -> Selection:
        """From options as they are typed; a key is `view=column,column`.

        Raises `ConfigurationError`.
        """
        named: dict[str, tuple[str, ...]] = {}
        for key in keys:
            table, equals, columns = key.partition("=")
            if not (table and equals and columns):
                raise ConfigurationError("--key: expected VIEW=COLUMN or VIEW=COLUMN,COLUMN")
            named[table] = tuple(columns.split(","))
        unique = tuple(dict.fromkeys(schemas)) or ("public",)
        return cls(source, unique, tuple(dict.fromkeys(tables)), named)

    def picks(self, table: Table) -> bool:
        """Whether a table is among those asked for."""
        wanted = [pattern for pattern in self.tables if not pattern.startswith("!")]
        unwanted = [pattern[1:] for pattern in self.tables if pattern.startswith("!")]
        return (
            table.name.own != BOOKKEEPING
            and (not wanted or any(matches(pattern, table.name) for pattern in wanted))
            and not any(matches(pattern, table.name) for pattern in unwanted)
        )

    def comment(self) -> str:
        """The options as a line of comment, which `remembered` reads back."""
        words = ["--source", self.source]
        for schema in self.schemas:
            words += ["--schema", schema]
        for pattern in self.tables:
            words += ["--tables", pattern]
        for table, columns in self.keys.items():
            words += ["--key", f"{table}={','.join(columns)}"]
        return f"# plait pull {shlex.join(words)}"


def remembered(text: str) -> Selection | None:
    """The options in the text of a package's `__init__.py`, None where there are none.

    Raises `ConfigurationError` where they cannot be read.
    """
    line = next((line for line in text.splitlines() if line.startswith(_BEGINS)), None)
    if line is None:
        return None
    given: dict[str, list[str]] = {"--source": [], "--schema": [], "--tables": [], "--key": []}
    try:
        words = shlex.split(line.removeprefix("# plait pull "))
        for name, value in zip(words[::2], words[1::2], strict=True):
            given[name].append(value)
        (source,) = given["--source"]
    except (ValueError, KeyError):
        raise ConfigurationError(
            "the options of the last `plait pull`, in a comment of __init__.py, cannot be read; "
            "give them anew"
        ) from None
    return Selection.parse(source, given["--schema"], given["--tables"], given["--key"])
