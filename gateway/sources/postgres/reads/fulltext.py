"""Full-text search in SQL: the condition, the rank, the headline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY

from gateway.sources.postgres.reads.scalars import text

if TYPE_CHECKING:
    from gateway.schema.catalog import FullText

Expression = sa.ColumnElement[Any]

_MARKS = (
    "StartSel=<mark>, StopSel=</mark>, "
    'MaxFragments=2, MinWords=8, MaxWords=24, FragmentDelimiter=" … "'
)


def query(found_by: FullText, words: Expression) -> Expression:
    """The words as a tsquery, read as people write them to search engines."""
    return sa.func.websearch_to_tsquery(*_configuration(found_by), words, type_=TSQUERY())


def matches(found_by: FullText, row: Any, asked: Expression) -> Expression:
    """Whether the row of alias `row` has what is asked: uses an index on the column."""
    vector: Expression = row.c[found_by.vector]
    return vector.op("@@", is_comparison=True, return_type=sa.Boolean())(asked)


def rank(
    found_by: FullText, row: Any, asked: Expression, normalised: int | None = None
) -> Expression:
    """How well it fits: cover density, so that words close to each other count more.

    `normalised` is one of PostgreSQL's normalisations, if any.
    """
    how: list[Expression] = [] if normalised is None else [sa.literal_column(str(normalised))]
    return sa.cast(sa.func.ts_rank_cd(row.c[found_by.vector], asked, *how), sa.Double)


def headline(found_by: FullText, row: Any, asked: Expression) -> Expression:
    """The passages with the words, as JSON text of HTML: the row's own text is escaped in it."""
    texts = [sa.cast(row.c[name], sa.Text) for name in found_by.texts]
    document: Expression = sa.func.concat_ws(sa.literal_column(r"E'\n'"), *texts)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        document = sa.func.replace(document, text(character), text(entity))
    shown = sa.func.ts_headline(*_configuration(found_by), document, asked, text(_MARKS))
    return sa.cast(sa.func.to_json(shown), sa.Text)


def _configuration(found_by: FullText) -> list[Expression]:
    if found_by.configuration is None:
        return []
    return [sa.cast(text(found_by.configuration), REGCONFIG)]
