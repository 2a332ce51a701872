"""The rows behind a vector search: the keys that a `where` picks, and how many they may be.

Everything is made from one select of keys, which carries the entity's row rule. Behind its own
parameters the variants take one more: the last key seen, or the keys to look at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, array

from gateway.sources.contract import MatchingRows
from gateway.sources.postgres.reads import fulltext
from gateway.sources.postgres.reads.columns import wide
from gateway.sources.postgres.reads.scalars import text
from gateway.sources.postgres.reads.statements import DIALECT, Build, Statement

if TYPE_CHECKING:
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.lists.shapes import WhereShape

    Expression = sa.ColumnElement[Any]

KEYS_AT_ONCE = 10_000
"""Keys that one statement gives at most."""

_BELOW_ONE = 32
"""The normalisation of a rank to `rank / (rank + 1)`
(https://www.postgresql.org/docs/current/textsearch-controls.html#TEXTSEARCH-RANKING)."""

_GIVEN = 0
"""The reader of what the execution gives, in a statement of our own."""
_WHERE = 1
"""The reader of the values of `where`."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate(Statement):
    """A statement that PostgreSQL plans and does not run; its value is a number of rows."""


@lru_cache(maxsize=256)
def matching(
    source: str,
    catalog: Catalog,
    entity: EntityInfo,
    where: WhereShape | None,
    portion: int = KEYS_AT_ONCE,
) -> MatchingRows:
    """Compile the statements of an entity with one key column. Pure.

    Those that ask for the same rows get the same statements, which their executions may share.
    """
    build = Build(catalog, {})
    rows = build.alias(entity.table, "t")
    (info,) = entity.key
    key = rows.c[info.column.name]
    select = sa.select(key.label("k")).where(*_conditions(build, entity, rows, where))
    base = build.finish(source, select, by_key=False)
    place = f"${len(base.slots) + 1}"
    listed = "SELECT coalesce(json_agg(k), '[]') FROM"
    found = f"({base.text}) AS matching"
    tail = f"ORDER BY k LIMIT {portion}"
    type_ = wide(info.column.type).compile(dialect=DIALECT)

    def statement(sql: str) -> Statement:
        return replace(base, text=sql)

    return MatchingRows(
        portion=portion,
        # What is put together here are statements of our own and numbers.
        keys=statement(f"{listed} (SELECT k FROM {found} {tail}) AS keys"),  # noqa: S608 - see above
        further=statement(
            f"{listed} (SELECT k FROM {found} WHERE k > {place} {tail}) AS keys"  # noqa: S608 - see above
        ),
        which=statement(f"{listed} {found} WHERE k = ANY ({place}::{type_}[])"),
        estimate=_estimate(base),
        whole=_whole(source, catalog, entity),
    )


@lru_cache(maxsize=256)
def ranked_by_words(
    source: str, catalog: Catalog, entity: EntityInfo, where: WhereShape | None
) -> Statement:
    """The rows with some of the words, best first, as a JSON array of `[key, score]`. Pure.

    The score is how many of the words a row has, and less than one more for how close they are to
    each other. Reader 0 gives the words, the share of them that a row must have more of, and the
    most rows; reader 1 the values of `where`. Rows of equal score are in the order of their keys.
    Raises ValueError for an entity without full-text search.
    """
    if entity.text is None:
        raise ValueError(f"{entity.name} has no full-text search")
    build = Build(catalog, {})
    rows = build.alias(entity.table, "t")
    (info,) = entity.key
    key = rows.c[info.column.name]
    build.spec = _GIVEN
    asked = _words(fulltext.query(entity.text, build.bind(sa.Text())))
    share, most = build.bind(sa.Double()), build.bind(sa.Integer())
    words, any_word, number = (sa.select(one).scalar_subquery() for one in asked.c)
    word = sa.func.unnest(words).column_valued("word")
    had = (
        sa.select(sa.func.count(word).label("words"))
        .where(fulltext.matches(entity.text, rows, word))
        .lateral("had")
    )
    score = had.c.words + fulltext.rank(entity.text, rows, any_word, _BELOW_ONE)
    ranked = (
        sa.select(key.label("k"), score.label("score"))
        .select_from(rows.join(had, sa.true()))
        .where(
            *_conditions(build, entity, rows, where),
            fulltext.matches(entity.text, rows, any_word),
            had.c.words > share * number,
        )
        .order_by(score.desc(), key)
        .limit(most)
        .subquery("ranked")
    )
    pair = sa.func.json_build_array(ranked.c.k, ranked.c.score)
    listed = sa.func.coalesce(sa.func.json_agg(pair), sa.literal_column("'[]'"))
    return build.finish(source, sa.select(listed), by_key=False)


def _estimate(of: Statement) -> Estimate:
    sql = f"EXPLAIN (FORMAT JSON) {of.text}"
    return Estimate(of.source, by_key=False, text=sql, slots=of.slots, constants=of.constants)


@lru_cache(maxsize=256)
def _whole(source: str, catalog: Catalog, entity: EntityInfo) -> Estimate:
    """How many rows the table has: one statement for all that ask, so that all know its answer."""
    build = Build(catalog, {})
    rows = build.alias(entity.table, "t")
    key = rows.c[entity.key[0].column.name]
    return _estimate(build.finish(source, sa.select(key), by_key=False))


def estimated(plan: bytes) -> bytes:
    """The number of rows in an answer of EXPLAIN, as JSON."""
    (root,) = orjson.loads(plan)
    return orjson.dumps(root["Plan"]["Plan Rows"])


def _conditions(
    build: Build, entity: EntityInfo, rows: Any, where: WhereShape | None
) -> list[Expression]:
    conditions = build.predicates.visible(entity, rows)
    if where is not None:
        build.spec = _WHERE
        conditions.append(build.predicates.where(entity, rows, where))
    return conditions


def _words(asked: Expression) -> sa.CTE:
    """The query in parts, as one with "or" between them, and how many they are.

    The parts are its words; one with a phrase or a `-word` has a single part, itself. Worked out
    once and not for every row.
    """
    written: Expression = sa.cast(asked, sa.Text)
    apart = sa.cast(sa.func.string_to_array(written, text(" & ")), ARRAY(TSQUERY))
    strict = written.regexp_match(text("[!<]"))
    words = sa.select(sa.case((strict, array([asked])), else_=apart).label("words")).cte("parts")
    whole = sa.cast(sa.func.array_to_string(words.c.words, text(" | ")), TSQUERY)
    number = sa.func.cardinality(words.c.words)
    return sa.select(words.c.words, whole.label("any_word"), number.label("number")).cte("asked")
