"""Which column of a table its rows are found by, in full-text search."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from gateway.errors import ConfigurationError, InputError
from gateway.schema.catalog import ColumnInfo, FullText
from gateway.schema.columns.kinds import FLOAT, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

_CONFIGURATION = re.compile(r"to_tsvector\(\s*'([^']+)'", re.IGNORECASE)

MAX_WORDS = 1_000
"""Characters of a `search`, at most."""

RANK = ColumnInfo(
    "~rank",
    sa.Column("~rank", sa.Double, nullable=False),
    replace(FLOAT, parse=FLOAT.bind),
    nullable=False,
)
"""The order key of a search without `orderBy`: computed."""


def words_of(given: str) -> str:
    """The words of a `search` to bind. Raises InputError."""
    if len(given) > MAX_WORDS:
        raise InputError.about("search", f"must have at most {MAX_WORDS} characters")
    return str(TEXT.bind(given, "search"))


def full_text(
    table: sa.Table, search: str | tuple[str, str] | None, shown: Iterable[ColumnInfo], where: str
) -> FullText | None:
    """The search of a table, by its only tsvector column or the one that `search` names.

    Configuration and texts are those in the column's expression where it is a generated one; else
    the configuration may stand in `search` behind the column, and the texts are all that is shown.
    Raises ConfigurationError where `search` names no tsvector column.
    """
    vectors = [column for column in table.c if isinstance(column.type, pg.TSVECTOR)]
    name, configuration = search if isinstance(search, tuple) else (search, None)
    if name is not None:
        vectors = [column for column in vectors if column.name == name]
        if not vectors:
            raise ConfigurationError(
                f"{where}: {name!r} is not a tsvector column of table {table.name}."
            )
    if len(vectors) != 1:
        return None
    (vector,) = vectors
    expression = str(vector.computed.sqltext) if vector.computed is not None else ""
    named = _CONFIGURATION.search(expression)
    if configuration is None and named is not None:
        configuration = named[1]
    words = set(re.findall(r"\w+", expression))
    texts = dict.fromkeys(info.column.name for info in shown if info.kind.name == TEXT.name)
    used = tuple(text for text in texts if text in words)
    return FullText(vector.name, configuration, used or tuple(texts))
