"""Where, order and keyset as SQL: shapes in, SQLAlchemy expressions out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from gateway.schema.access.rules import condition
from gateway.schema.lists.documents import ORDERING
from gateway.schema.lists.orders import order_column
from gateway.schema.lists.patterns import PATTERNS
from gateway.sources.postgres.reads.aggregates import amount
from gateway.sources.postgres.reads.columns import wide

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.schema.catalog import Catalog, EntityInfo, Relation
    from gateway.schema.lists.shapes import OrderKey, WhereShape

Expression = sa.ColumnElement[Any]

_TEXT_OPERAND = frozenset({*PATTERNS, "hasKey"})
_SYMBOLS = {
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "contains": "@>",
    "containedBy": "<@",
    "overlaps": "&&",
    "hasKey": "?",
}


def _alike(operator: str, text: Expression, pattern: Expression) -> Expression:
    return text.like(pattern) if operator == "like" else text.ilike(pattern)


def join_condition(relation: Relation, near: Any, far: Any, between: Any = None) -> Expression:
    """The equalities that relate alias `near` to alias `far` (by way of alias `between`)."""
    if relation.through is None:
        return sa.and_(*(far.c[remote] == near.c[local] for local, remote in relation.pairs))
    through = relation.through
    return sa.and_(
        *(between.c[own] == near.c[column] for own, column in through.near),
        *(far.c[column] == between.c[own] for own, column in through.far),
    )


class Predicates:
    """Builds conditions for one statement; `bind` gives the next value's parameter."""

    def __init__(
        self,
        catalog: Catalog,
        alias: Callable[[Any, str], Any],
        bind: Callable[[Any], Expression],
    ) -> None:
        self.catalog = catalog
        self.alias = alias
        self.bind = bind

    def visible(self, entity: EntityInfo, row: Any) -> list[Expression]:
        """What the entity's rule demands of the rows of alias `row`: nothing, or one condition."""
        return [] if entity.rule is None else [condition(entity.rule, row.c)]

    def where(self, entity: EntityInfo, row: Any, shape: WhereShape) -> Expression:
        """The condition of a `where` on the rows of alias `row`; takes its values in order."""
        match shape:
            case ("all", parts):
                return sa.and_(sa.true(), *(self.where(entity, row, part) for part in parts))
            case ("any", parts):
                return sa.or_(sa.false(), *(self.where(entity, row, part) for part in parts))
            case ("not", part):
                return self.where(entity, row, part).is_not(sa.true())
            case ("is", column, operator):
                return self._is(entity, row, column, operator)
            case ("path", column, operators):
                return self._path(entity, row, column, operators)
            case (quantifier, name, part):
                return self._related(entity, row, quantifier, name, part)
        raise TypeError(f"not a where shape: {shape[0]!r}")

    def _related(
        self, entity: EntityInfo, row: Any, quantifier: str, name: str, part: WhereShape
    ) -> Expression:
        relation = entity.relations[name]
        target = self.catalog.entities[relation.target]
        if quantifier == "count":
            aggregates = self.catalog.aggregates[target.name]
            number = self._of_related(row, relation, lambda _: sa.func.count()).scalar_subquery()
            name = aggregates.measures["count"].result.column.name
            return self.where(aggregates.group, SimpleNamespace(c={name: number}), part)

        def like(far: Any) -> Expression:
            condition = self.where(target, far, part)
            return condition.is_not(sa.true()) if quantifier == "every" else condition

        found = self._of_related(row, relation, lambda _: sa.literal_column("1"), like).exists()
        return ~found if quantifier in {"every", "none"} else found

    def _is(self, entity: EntityInfo, row: Any, name: str, operator: str) -> Expression:
        info = entity.columns[name]
        column: Expression = row.c[info.column.name]
        if operator in {"isNull", "isNotNull"}:
            return column.is_(None) if operator == "isNull" else column.is_not(None)
        type_: Any = wide(info.column.type)
        if operator in {"in", "notIn"}:
            values = self.bind(sa.ARRAY(type_))
            if operator == "in":
                return column == sa.any_(values)
            # Of no values a null would be "different from all".
            return sa.and_(column.is_not(None), column != sa.all_(values))
        if isinstance(type_, sa.JSON):  # only jsonb can be compared
            type_ = JSONB()
            column = column if isinstance(info.column.type, JSONB) else sa.cast(column, type_)
        value = self.bind(sa.Text() if operator in _TEXT_OPERAND else type_)
        if operator in PATTERNS:
            return _alike(operator, column, value)
        return column.op(_SYMBOLS[operator], is_comparison=True, return_type=sa.Boolean())(value)

    def _path(
        self, entity: EntityInfo, row: Any, name: str, operators: Sequence[str]
    ) -> Expression:
        """What lies at a path within a document meets all operators."""
        info = entity.columns[name]
        column: Expression = row.c[info.column.name]
        if not isinstance(info.column.type, JSONB):
            column = sa.cast(column, JSONB())
        path = self.bind(sa.ARRAY(sa.Text()))
        found: Expression = column.op("#>", return_type=JSONB())(path)
        written: Expression = column.op("#>>", return_type=sa.Text())(path)
        conditions = [self._at_path(found, written, operator) for operator in operators]
        return sa.and_(*conditions)

    def _at_path(self, found: Expression, written: Expression, operator: str) -> Expression:
        if operator in {"exists", "missing"}:
            return found.is_not(None) if operator == "exists" else found.is_(None)
        if operator in {"isNull", "isNotNull"}:  # a JSON null is written as SQL's
            return written.is_(None) if operator == "isNull" else written.is_not(None)
        kind: Expression = sa.func.jsonb_typeof(found, type_=sa.Text())
        if operator in PATTERNS:
            pattern = self.bind(sa.Text())
            alike = _alike(operator, written, pattern)
            return sa.and_(kind == sa.literal_column("'string'"), alike)
        value = self.bind(JSONB())
        compare = found.op(_SYMBOLS[operator], is_comparison=True, return_type=sa.Boolean())
        if operator in ORDERING:
            return sa.and_(kind == sa.func.jsonb_typeof(value), compare(value))
        return compare(value)

    def order_expression(self, entity: EntityInfo, row: Any, key: OrderKey) -> Expression:
        """The value an order key sorts by, on the rows of alias `row`."""
        if not key.path:
            own: Expression = row.c[entity.columns[key.column].column.name]
            return own
        relation = entity.relations[key.path[0]]
        target = self.catalog.entities[relation.target]

        def value(far: Any) -> Expression:
            if relation.many:
                return amount(self.catalog.aggregates[target.name].measures[key.column], far)
            rest = type(key)(key.path[1:], key.column, key.descending, key.nulls_first)
            return self.order_expression(target, far, rest)

        return self._of_related(row, relation, value).scalar_subquery()

    def _of_related(
        self,
        row: Any,
        relation: Relation,
        value: Callable[[Any], Expression],
        like: Callable[[Any], Expression] = lambda _: sa.true(),
    ) -> sa.Select[Any]:
        """`select` of what `value` makes of the rows related to `row`, given their alias.

        `like`: which of them count.
        """
        target = self.catalog.entities[relation.target]
        far = self.alias(target.table, "r")
        between = self.alias(relation.through.table, "j") if relation.through else None
        select = (
            sa.select(value(far))
            .select_from(*([far] if between is None else [far, between]))
            .where(
                join_condition(relation, row, far, between), *self.visible(target, far), like(far)
            )
        )
        # Of columns that are spelled out a select needs no tie to the row around it.
        return select.correlate(row) if isinstance(row, sa.FromClause) else select

    def may_be_null(self, entity: EntityInfo, key: OrderKey) -> bool:
        """Whether an order key can be null, so that keyset and order must say where nulls are."""
        return bool(key.path) or bool(order_column(self.catalog, entity, key).column.nullable)

    def order_by(
        self, entity: EntityInfo, key: OrderKey, value: Expression, *, backward: bool
    ) -> Expression:
        """The ORDER BY member of a key, reversed for a page from the end."""
        descending = key.descending != backward
        ordered = value.desc() if descending else value.asc()
        if not self.may_be_null(entity, key):
            return ordered
        nulls_first = key.nulls_first != backward
        return ordered.nulls_first() if nulls_first else ordered.nulls_last()

    def beyond(
        self,
        entity: EntityInfo,
        keys: Sequence[tuple[OrderKey, Expression]],
        nulls: Sequence[bool],
        *,
        before: bool,
    ) -> Expression:
        """Rows strictly after (or before) a cursor, whose values are taken from `bind` in order."""
        values = [
            None if null else self.bind(order_column(self.catalog, entity, key).column.type)
            for (key, _), null in zip(keys, nulls, strict=True)
        ]
        plain = not any(nulls) and not any(self.may_be_null(entity, key) for key, _ in keys)
        directions = {key.descending for key, _ in keys}
        if plain and len(directions) == 1:
            left = sa.tuple_(*(value for _, value in keys)) if len(keys) > 1 else keys[0][1]
            right = sa.tuple_(*values) if len(keys) > 1 else values[0]
            return left < right if directions.pop() != before else left > right
        chain: list[Expression] = []
        equal: list[Expression] = []
        for (key, expression), value in zip(keys, values, strict=True):
            strict = self._beyond_one(entity, key, expression, value, before=before)
            if strict is not None:
                chain.append(sa.and_(*equal, strict))
            equal.append(expression.is_(None) if value is None else expression == value)
        return sa.or_(sa.false(), *chain)

    def _beyond_one(
        self,
        entity: EntityInfo,
        key: OrderKey,
        expression: Expression,
        value: Expression | None,
        *,
        before: bool,
    ) -> Expression | None:
        nulls_ahead = key.nulls_first == before
        if value is None:
            return None if nulls_ahead else expression.is_not(None)
        further = expression < value if key.descending != before else expression > value
        if nulls_ahead and self.may_be_null(entity, key):
            return sa.or_(further, expression.is_(None))
        return further
