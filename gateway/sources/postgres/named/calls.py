r"""A named statement in one statement of ours, which makes its result JSON in response shape.

    WITH "~named" AS (<the file's SQL>) SELECT <what was selected of it, as JSON> FROM "~named"

What reads stands in a subselect of its own, where PostgreSQL takes nothing that writes. The file's
SQL is put in as text that came from disk at start-up; values only ever arrive as parameters.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gateway.errors import SourceRefused
from gateway.schema import asks
from gateway.schema.access.rules import VIEWER_SPEC
from gateway.schema.named.statement import RESULT
from gateway.sources.postgres.reads.compiled import renumbered
from gateway.sources.postgres.reads.scalars import join, text, write
from gateway.sources.postgres.reads.statements import Build, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.named.statement import NamedStatement
    from gateway.sources.contract import Value
    from gateway.sources.postgres.named.checks import Checks
    from gateway.sources.postgres.reads.statements import Statements

Expression = sa.ColumnElement[Any]

_BROKEN = b"!"
"""What stands for a result in which a column was null that is declared never to be."""
_ROW = "value"
_COUNT = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Call(Statement):
    """A named statement to be run: it gives one value, JSON or null.

    `rows` reads an entity's rows by the keys that a writing statement gave; its arguments follow
    those of the statement.
    """

    named: NamedStatement
    checks: Checks
    rows: Statement | None = None

    def checked(self, value: Any) -> Value:
        """The value as it goes into the response. Raises SourceRefused for a null out of place."""
        if value == _BROKEN:
            raise SourceRefused(
                f"The SQL of `{self.named.name}` gave null in a column declared never to be null."
            )
        if value is None or isinstance(value, bytes):
            return value
        raise TypeError(f"{self.named.name} gave {type(value).__name__}, not JSON")


def compile_call(
    statements: Statements, ask: asks.Named, shapes: Mapping[int, Any], checks: Checks
) -> Call:
    """The call of a named statement with what was selected of its result. Pure."""
    named = ask.statement
    own = _own_slots(ask)
    if named.mode == "execute":
        return _call(statements, named, checks, named.sql.text, own)
    if ask.row is not None and named.keyed and not named.read_only:
        rows = statements.of(ask.row, shapes)
        return _call(statements, named, checks, named.sql.text, own, rows, rows)
    build = Build(statements.catalog, shapes)
    outer = build.finish(statements.source, _select(build, ask), by_key=False)
    shifted = renumbered(outer.text, lambda number: number + len(own))
    return _call(statements, named, checks, f"{_with(named)} {shifted}", own, outer)


def _call(  # noqa: PLR0913, PLR0917 - one part each
    statements: Statements,
    named: NamedStatement,
    checks: Checks,
    sql: str,
    own: tuple[tuple[int, int], ...],
    outer: Statement | None = None,
    rows: Statement | None = None,
) -> Call:
    """A call whose own parameters come before those of `outer`."""
    return Call(
        statements.source,
        by_key=False,
        text=sql,
        slots=(*own, *outer.slots) if outer else own,
        constants=outer.constants if outer else (),
        named=named,
        checks=checks,
        rows=rows,
    )


def whole_call(statements: Statements, named: NamedStatement, checks: Checks) -> Call:
    """The call that selects all columns, or just the rows of an entity. Pure."""
    row = None
    if named.row is not None:
        columns = () if named.keyed else tuple(named.row.columns.values())
        parts = tuple(asks.Value(info.name, info) for info in columns)
        row = asks.Row(named.row, parts or (asks.Constant("~", ""),))
    return compile_call(statements, asks.Named(named, 0, row), {}, checks)


def _with(named: NamedStatement) -> str:
    columns = f'("{_ROW}")' if named.value is not None else ""
    inner = named.sql.text.strip() + "\n"  # a comment may end it
    if named.read_only:
        inner = f"SELECT * FROM (\n{inner}) AS q"  # noqa: S608 - the text came from a file of ours
    return f'WITH "{RESULT}"{columns} AS (\n{inner})'


def _own_slots(ask: asks.Named) -> tuple[tuple[int, int], ...]:
    slots: list[tuple[int, int]] = []
    asked = 0
    for parameter in ask.statement.parameters:
        if parameter.viewer is not None:
            slots.append((VIEWER_SPEC, parameter.viewer))
        else:
            slots.append((ask.spec, asked))
            asked += 1
    return tuple(slots)


def _select(build: Build, ask: asks.Named) -> sa.Select[Any]:
    named = ask.statement
    if named.value is not None:
        value = write(named.value, sa.column(_ROW, named.value.column.type))
        as_json = sa.cast(sa.func.to_json(value), sa.Text)
        return sa.select(as_json).select_from(sa.table(RESULT)).limit(_number(1))
    if ask.row is None:
        raise TypeError(f"{named.name} gives rows, but none were asked for")
    one, complete = _keyed(build, ask.row) if named.keyed else _typed(build, ask.row)
    if named.mode == "fetchrow":
        return one.limit(_number(1))
    rows = one.limit(_number(named.limit)).subquery("r")
    listed = sa.func.coalesce(sa.func.string_agg(rows.c.v, text(",")), text(""))
    whole: Expression = join(text("["), listed, text("]"))
    if not complete:
        fits = sa.func.bool_and(rows.c.v != text(_BROKEN.decode())).is_not(sa.false())
        whole = sa.case((fits, whole), else_=text(_BROKEN.decode()))
    return sa.select(whole).select_from(rows)


def _typed(build: Build, row: asks.Row) -> tuple[sa.Select[Any], bool]:
    """Objects of the declared columns, and whether nothing selected is declared never null."""
    found = build.row(row, row.entity.table)
    value: Expression = sa.cast(found.json, sa.Text)
    selected = {part.column for part in row.parts if isinstance(part, asks.Value)}
    firm = [info.column for info in row.entity.columns.values() if info in selected]
    firm = [column for column in firm if not column.nullable]
    if firm:
        holds = sa.func.num_nulls(*firm) == _number(0)
        value = sa.case((holds, value), else_=text(_BROKEN.decode()))
    return sa.select(value.label("v")).select_from(found.source), not firm


def _keyed(build: Build, row: asks.Row) -> tuple[sa.Select[Any], bool]:
    """An entity's rows by the keys of the result, in its order; null where there is none."""
    names = [info.column.name for info in row.entity.key]
    keys = sa.table(RESULT, *(sa.column(name) for name in names))
    value = build.row_of_key(row, keys, names)
    return sa.select(value.label("v")).select_from(keys), True


def _number(value: int) -> Expression:
    return sa.literal_column(str(value), sa.Integer)


async def run_call(connection: Any, call: Call, arguments: Sequence[Any], deadline: float) -> Value:
    """Run a call on a connection of the writers'. Raises SourceError, and what asyncpg raises."""
    named = call.named
    await call.checks.ensure(named, deadline)
    left = max(0.001, deadline - asyncio.get_running_loop().time())
    if named.mode == "execute":
        status: str = await connection.execute(call.text, *arguments, timeout=left)
        count = _COUNT.search(status)
        return count[1].encode() if count else b"0"
    if call.rows is None:
        return call.checked(_bytes(await connection.fetchval(call.text, *arguments, timeout=left)))
    own = len(named.parameters)
    found = await connection.fetch(call.text, *arguments[:own], timeout=left)
    keys = [
        tuple(record[info.column.name] for info in named.columns)
        for record in found[: named.limit if named.mode == "fetch" else 1]
    ]
    if not keys:
        return b"[]" if named.mode == "fetch" else None
    columns = tuple(zip(*keys, strict=True))
    rows = await connection.fetch(call.rows.text, *columns, *arguments[own:], timeout=left)
    values = [_bytes(row[0]) for row in rows if row[0] is not None]
    if named.mode == "fetchrow":
        return values[0] if values else None
    return b"[" + b",".join(values) + b"]"


def _bytes(value: Any) -> Any:
    """Text as it goes into the response: the writers' connections give it as `str`."""
    return value.encode() if isinstance(value, str) else value
