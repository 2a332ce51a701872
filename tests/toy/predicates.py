"""`where` and `orderBy` evaluated over rows in plain Python.

A condition holds or does not hold: what SQL calls unknown does not hold, and `not` means "does not
hold". A null therefore satisfies `isNull: true` and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from toy.documents import MISSING, contains, meets, same
from toy.texts import like, part
from toy.values import rank, taken

from gateway.schema.lists.patterns import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toy.store import Store

    from gateway.schema.catalog import EntityInfo

Row = dict[str, Any]


def holds(store: Store, entity: EntityInfo, row: Row, where: Mapping[str, Any] | None) -> bool:
    """Whether the row is like `where`, a coerced `<Entity>Where`."""
    return all(
        _member(store, entity, row, name, operand)
        for name, operand in (where or {}).items()
        if operand is not None
    )


def _member(store: Store, entity: EntityInfo, row: Row, name: str, operand: Any) -> bool:
    if name == "and":
        return all(holds(store, entity, row, part) for part in operand)
    if name == "or":
        return any(holds(store, entity, row, part) for part in operand)
    if name == "not":
        return not holds(store, entity, row, operand)
    if name in entity.columns:
        column = entity.columns[name].column
        return all(
            _compare(column, row[column.name], operator, value)
            for operator, value in operand.items()
        )
    relation = entity.relations[name]
    target, rows = store.related(entity, row, relation)
    if not relation.many:
        return any(holds(store, target, other, operand) for other in rows)
    answers: dict[str, Callable[[list[bool]], bool]] = {
        "some": any,
        "every": all,
        "none": lambda found: not any(found),
    }
    number = sa.Column("count", sa.Integer)
    return all(
        all(_compare(number, len(rows), operator, value) for operator, value in part.items())
        if quantifier == "count"
        else answers[quantifier]([holds(store, target, other, part) for other in rows])
        for quantifier, part in operand.items()
        if part is not None
    )


def _compare(column: sa.Column[Any], value: Any, operator: str, operand: Any) -> bool:  # noqa: PLR0911 - a table, row by row
    if operator == "isNull":
        return bool((value is None) == operand)
    if operator == "path":
        document = MISSING if value is None else orjson.loads(value)
        return all(meets(document, condition) for condition in operand)
    if value is None:
        return False
    if isinstance(column.type, sa.JSON):
        return _document(operator, orjson.loads(value), operand)
    if isinstance(column.type, sa.ARRAY):
        return _list(operator, value, taken(column, operand))
    if operator in {"like", "ilike"}:
        folds = operator == "ilike" or isinstance(column.type, pg.CITEXT)
        return like(value, operand, folds=folds)
    if operator in PARTS:
        return part(operator, value, operand, folds=isinstance(column.type, pg.CITEXT))
    given = taken(column, operand)
    if operator in {"in", "notIn"}:
        found = rank(column, value) in [rank(column, one) for one in given]
        return found == (operator == "in")
    left, right = rank(column, value), rank(column, given)
    outcomes: dict[str, bool] = {
        "eq": left == right,
        "ne": left != right,
        "lt": left < right,
        "lte": left <= right,
        "gt": left > right,
        "gte": left >= right,
    }
    return outcomes[operator]


def _list(operator: str, value: list[Any], operand: list[Any]) -> bool:
    ours, theirs = set(value) - {None}, set(operand)
    outcomes = {
        "eq": value == operand,
        "contains": theirs <= ours,
        "containedBy": set(value) <= theirs,
        "overlaps": bool(ours & theirs),
    }
    return outcomes[operator]


def _document(operator: str, value: Any, operand: Any) -> bool:
    if operator == "hasKey":
        return bool(operand in value if isinstance(value, dict | list) else operand == value)
    return same(value, operand) if operator == "eq" else contains(value, operand, top=True)


def ordered(
    store: Store, entity: EntityInfo, rows: Sequence[Row], order_by: Sequence[Any] | None
) -> tuple[list[Row], list[tuple[Any, ...]]]:
    """The rows in the order asked for, and each one's key: its values, the last ones its own key."""
    keys = [_order_key(part) for part in order_by or ()]
    given = {path[0] for path, _ in keys if len(path) == 1}
    keys += [((info.name,), "ASC") for info in entity.key if info.name not in given]
    sorted_rows = list(rows)
    for path, direction in reversed(keys):
        _sort(store, entity, sorted_rows, path, direction)
    values = [
        tuple(_follow(store, entity, row, path)[1] for path, _ in keys) for row in sorted_rows
    ]
    return sorted_rows, values


def _order_key(part: Any) -> tuple[tuple[str, ...], str]:
    ((name, operand),) = part.items()
    if not isinstance(operand, dict):
        return (name,), str(getattr(operand, "value", operand))
    path, direction = _order_key(operand)
    return (name, *path), direction


def _sort(
    store: Store, entity: EntityInfo, rows: list[Row], path: tuple[str, ...], direction: str
) -> None:
    found = {id(row): _follow(store, entity, row, path) for row in rows}
    missing = [row for row in rows if found[id(row)][1] is None]
    present = [row for row in rows if found[id(row)][1] is not None]
    present.sort(
        key=lambda row: rank(*found[id(row)]),
        reverse=direction.startswith("DESC"),
    )
    nulls_first = direction.endswith("NULLS_FIRST")
    rows[:] = [*missing, *present] if nulls_first else [*present, *missing]


def _follow(
    store: Store, entity: EntityInfo, row: Row, path: tuple[str, ...]
) -> tuple[sa.Column[Any], Any]:
    """The column a path ends at, and its value for the row."""
    if len(path) == 1:
        column = entity.columns[path[0]].column
        return column, row[column.name]
    relation = entity.relations[path[0]]
    target, rows = store.related(entity, row, relation)
    if relation.many:
        return _amount(target, rows, path[1:])
    if rows:
        return _follow(store, target, rows[0], path[1:])
    nobody = dict.fromkeys(column.name for column in target.table.c)
    return _follow(store, target, nobody, path[1:])[0], None


def _amount(
    entity: EntityInfo, rows: Sequence[Row], path: tuple[str, ...]
) -> tuple[sa.Column[Any], Any]:
    """What rows amount to: their number, or the least or greatest value of a column."""
    if path == ("count",):
        return sa.Column("count", sa.Integer), len(rows)
    function, name = path
    column = entity.columns[name].column
    values = [row[column.name] for row in rows if row[column.name] is not None]
    extreme: Callable[..., Any] = min if function == "min" else max
    return column, extreme(values, key=lambda value: rank(column, value), default=None)
