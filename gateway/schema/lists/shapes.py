"""Arguments split in two: their *shape* decides the SQL text, their *values* are always bound.

A `where` that arrives in a variable thus meets a cached plan whenever one of its shape was seen.
Shapes are hashable tuples; values come in the order in which a shape's slots are met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import InputError
from gateway.schema.columns.kinds import TEXT, TEXTUAL
from gateway.schema.lists.documents import PATH, path_condition
from gateway.schema.lists.patterns import PARTS, PATTERNS, pattern_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo

MAX_DEPTH = 12
MAX_CONDITIONS = 200
MAX_IN = 10_000

WhereShape: TypeAlias = tuple[Any, ...]
"""One of

- `("all" | "any", (shape, …))`
- `("not", shape)`
- `("is", column, operator)`: one value, except `isNull`, whose operand is part of the shape
- `("path", column, operators)`: a path, then one value each, except for those that are flags
- `("one", relation, shape)`, `("some" | "every" | "none", relation, shape)`
- `("count", relation, shape)`, whose shape is on the row computed of the related ones

where `column` and `relation` are the entity's GraphQL names.
"""


def columns_of(shape: WhereShape | None) -> Iterator[str]:
    """The columns that a condition on one table names."""
    match shape:
        case ("all" | "any", parts):
            for part in parts:
                yield from columns_of(part)
        case ("not", part):
            yield from columns_of(part)
        case ("is" | "path", name, *_):
            yield name


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of an ordering: relations to follow, then a column.

    All but the last relation are to-one; behind one to many `column` is what its rows amount to, by
    a measure's name such as `sum.score`.
    """

    path: tuple[str, ...]
    column: str
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class PageShape:
    """What of a page's arguments decides the SQL.

    `limit` is the page size where it is written in the document, else None, and then it is bound
    and `bound` is the power of two above it. `after` and `before` say for each order key whether
    the cursor's value is null; None where there is no such cursor.
    """

    limit: int | None
    bound: int
    backward: bool
    after: tuple[bool, ...] | None
    before: tuple[bool, ...] | None
    where: WhereShape | None
    order: tuple[OrderKey, ...]
    search: bool = False
    """Whether there is a full-text search, whose words are bound behind the values of `where`."""
    near: bool = False
    """Whether a vector search narrows it, whose keys are bound behind those words."""
    distinct: tuple[str, ...] = ()
    """Columns; of rows with the same values in them the list has the first in its order alone."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """That groups without rows are wanted, too, between spans of time of a column that is cut down.

    `first` and `last` say whether those ends are given, else they are where rows are; together with
    the groups that have rows there may be at most `most`.
    """

    column: str
    first: bool
    last: bool
    most: int


@dataclass(frozen=True, slots=True)
class GroupShape:
    """What of the arguments of `groups` decides the SQL.

    `by` are columns by their GraphQL names; `having` and `order` are of the computed row. `limit`
    is a literal's, else None, and then it is bound behind the values of `having`. `truncate` says
    which unit of time a column in `by` is cut down to, in the time zone that is bound in front of
    those values; between the two are bound the ends that `gaps` has.
    """

    by: tuple[str, ...]
    having: WhereShape | None
    order: tuple[OrderKey, ...]
    limit: int | None
    truncate: tuple[tuple[str, str], ...] = ()
    gaps: Gaps | None = None


class Conditions:
    """Splits a coerced `where` into shape and values; raises InputError naming the bad part.

    `argument` is what errors call it.
    """

    def __init__(self, catalog: Catalog, argument: str = "where") -> None:
        self.catalog = catalog
        self.argument = argument
        self.values: list[Any] = []
        self.count = 0

    def where(self, entity: EntityInfo, where: Mapping[str, Any], depth: int = 0) -> WhereShape:
        """The shape of one `<Entity>Where`; its values are appended to `self.values`."""
        if depth > MAX_DEPTH:
            raise InputError(f"`{self.argument}` is nested deeper than {MAX_DEPTH} levels.")
        shapes: list[WhereShape] = []
        if not where:
            self._tally()
        for name, operand in where.items():
            self._tally()
            if operand is None:
                continue
            if name in {"and", "or"}:
                parts = tuple(self.where(entity, part, depth + 1) for part in operand)
                shapes.append(("all" if name == "and" else "any", parts))
            elif name == "not":
                shapes.append(("not", self.where(entity, operand, depth + 1)))
            elif name in entity.columns:
                shapes.extend(self._column(entity.columns[name], operand))
            else:
                shapes.extend(self._relation(entity, name, operand, depth))
        return shapes[0] if len(shapes) == 1 else ("all", tuple(shapes))

    def _relation(
        self, entity: EntityInfo, name: str, operand: Mapping[str, Any], depth: int
    ) -> list[WhereShape]:
        relation = entity.relations[name]
        target = self.catalog.entities[relation.target]
        if not relation.many:
            return [("one", name, self.where(target, operand, depth + 1))]
        given = {key: inner for key, inner in operand.items() if inner is not None}
        shapes: list[WhereShape] = []
        number = given.pop("count", None)
        if number:
            group = self.catalog.aggregates[target.name].group
            shapes.append(("count", name, self.where(group, {"count": number}, depth + 1)))
        return shapes + [
            (quantifier, name, self.where(target, inner, depth + 1))
            for quantifier, inner in given.items()
        ]

    def _column(self, info: ColumnInfo, operand: Mapping[str, Any]) -> list[WhereShape]:
        shapes: list[WhereShape] = []
        for operator, value in operand.items():
            self._tally()
            where = f"{self.argument}.{info.name}.{operator}"
            if value is None:
                raise InputError.about(
                    where, "must not be null; ask for missing values with `isNull: true`"
                )
            if operator == PATH:
                shapes.extend(self._path(info, one, where) for one in value)
                continue
            if operator == "isNull":
                shapes.append(("is", info.name, "isNull" if value else "isNotNull"))
                continue
            meant, bound = _operand(info, operator, value, where)
            shapes.append(("is", info.name, meant))
            self.values.append(bound)
        return shapes

    def _path(self, info: ColumnInfo, given: Mapping[str, Any], where: str) -> WhereShape:
        self._tally()
        shape, values = path_condition(info.name, given, where)
        self.values += values
        return shape

    def _tally(self) -> None:
        self.count += 1
        if self.count > MAX_CONDITIONS:
            raise InputError(f"`{self.argument}` has more than {MAX_CONDITIONS} conditions.")


def _operand(info: ColumnInfo, operator: str, value: Any, where: str) -> tuple[str, Any]:
    """The operator that SQL has for one of a filter, and what is bound to it."""
    kind = info.kind
    if operator in {"in", "notIn"}:
        if len(value) > MAX_IN:
            raise InputError(f"`{where}` has more than {MAX_IN} values.")
        return operator, [kind.bind(one, where) for one in value]
    if kind.operators is TEXTUAL and operator in {*PATTERNS, *PARTS}:
        return pattern_of(operator, kind.bind(value, where), where)
    return operator, (TEXT if operator == "hasKey" else kind).bind(value, where)


MAX_COLUMNS = 8
"""Columns that one argument may name, and keys of an order."""


def columns_named(argument: str, given: Sequence[Any]) -> tuple[str, ...]:
    """The GraphQL names of the columns in a coerced list of them. Raises InputError."""
    names = tuple(str(getattr(one, "value", one)) for one in given)
    if not 1 <= len(names) <= MAX_COLUMNS or len(set(names)) < len(names):
        raise InputError.about(argument, f"must name from 1 to {MAX_COLUMNS} different columns")
    return names


def order_of(
    catalog: Catalog, entity: EntityInfo, order_by: list[Mapping[str, Any]] | None
) -> tuple[OrderKey, ...]:
    """A total order: what was asked for, then the entity's key."""
    keys = [_order_key(catalog, entity, part) for part in order_by or ()]
    if len(keys) > MAX_COLUMNS:
        raise InputError(f"`orderBy` has more than {MAX_COLUMNS} keys.")
    given = {key.column for key in keys if not key.path}
    keys.extend(
        OrderKey((), info.name, descending=False, nulls_first=False)
        for info in entity.key
        if info.name not in given
    )
    return tuple(keys)


def order_key(path: tuple[str, ...], column: str, given: Any) -> OrderKey:
    """The key of a coerced `Direction`."""
    direction = str(getattr(given, "value", given))
    return OrderKey(
        path,
        column,
        descending=direction.startswith("DESC"),
        nulls_first=direction.endswith("NULLS_FIRST"),
    )


def _order_key(catalog: Catalog, entity: EntityInfo, part: Mapping[str, Any]) -> OrderKey:
    path: list[str] = []
    while True:
        ((name, operand),) = part.items()
        if name in entity.columns:
            return order_key(tuple(path), name, operand)
        path.append(name)
        if len(path) > MAX_DEPTH:
            raise InputError(f"`orderBy` is nested deeper than {MAX_DEPTH} levels.")
        relation = entity.relations[name]
        if relation.many:
            return measure_key(tuple(path), operand)
        entity = catalog.entities[relation.target]
        part = operand


def measure_key(path: tuple[str, ...], part: Mapping[str, Any]) -> OrderKey:
    """The key of a coerced order by what rows amount to: `{sum: {score: DESC}}` is `sum.score`."""
    ((name, operand),) = part.items()
    if name == "count":
        return order_key(path, name, operand)
    ((column, direction),) = operand.items()
    return order_key(path, f"{name}.{column}", direction)
