"""A coerced `filter` or `sort` in Directus's terms. Pure.

A filter becomes a tree of `_and` and `_or` whose leaves are single conditions, each with the whole
path to its field, as Directus takes a path only where every object in it has one member. What a
client writes is a value in it and never a name.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from gateway.errors import InputError
from gateway.schema.lists.shapes import MAX_CONDITIONS, MAX_DEPTH, MAX_IN
from gateway.sources.directus.values import is_replaced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.items.catalog import Collection, ItemColumn
    from gateway.schema.items.kinds import ItemKind

Condition: TypeAlias = "dict[str, Any]"

_OPERATORS = {
    "eq": "_eq",
    "ne": "_neq",
    "in": "_in",
    "notIn": "_nin",
    "lt": "_lt",
    "lte": "_lte",
    "gt": "_gt",
    "gte": "_gte",
    "contains": "_contains",
    "icontains": "_icontains",
    "startsWith": "_starts_with",
    "istartsWith": "_istarts_with",
    "endsWith": "_ends_with",
    "iendsWith": "_iends_with",
}
_FLAGS = {"isNull": ("_null", "_nnull"), "isEmpty": ("_empty", "_nempty")}
_LOGIC = ("_and", "_or")
_QUANTIFIERS = ("_some", "_none")

MAX_SORT = 8


class Filters:
    """Translates the filters of one request.

    Of a condition with several parts below `_some` or `_none` Directus takes no notice. So these
    hold single parts only; what `some` says else is joined, which is possible once for each path.
    """

    def __init__(self) -> None:
        self._count = 0
        self._joined: set[tuple[str, ...]] = set()

    def json(
        self, collection: Collection, given: Mapping[str, Any], path: Sequence[str] = ()
    ) -> bytes | None:
        """The filter as JSON, None for one without conditions; `path` leads to the collection.

        Raises InputError naming the condition.
        """
        found = self._all(collection, given, tuple(path), 0)
        return orjson.dumps(_joined("_and", found), default=str) if found else None

    def _all(
        self, collection: Collection, given: Mapping[str, Any], path: tuple[str, ...], depth: int
    ) -> list[Condition]:
        """The conditions on items that `path` leads to; all of them hold."""
        if depth > MAX_DEPTH:
            raise InputError(f"`filter` is nested deeper than {MAX_DEPTH} levels.")
        found: list[Condition] = []
        if not given:
            self._tally()
        for name, operand in given.items():
            self._tally()
            if operand is None:
                continue
            if name in {"and", "or"}:
                parts = [self._all(collection, one, path, depth + 1) for one in operand]
                found += _logic(name, parts)
            elif name in collection.columns:
                leaves = self._column(collection.columns[name], operand)
                found += [_nested(path, leaf) for leaf in leaves]
            else:
                found += self._relation(collection, name, operand, path, depth)
        return found

    def _relation(
        self,
        collection: Collection,
        name: str,
        operand: Mapping[str, Any],
        path: tuple[str, ...],
        depth: int,
    ) -> list[Condition]:
        relation = collection.relations[name]
        target = relation.to[0]
        whole = (*path, relation.field)
        if not relation.many:
            return self._all(target, operand, whole, depth + 1)
        if relation.through is not None:
            whole = (*whole, relation.through)
        found: list[Condition] = []
        for quantifier, inner in operand.items():
            if inner is not None:
                self._tally()
                held = self._all(target, inner, whole, depth + 1)
                present = _nested(whole, {target.key.field: {"_nnull": True}})
                if quantifier == "none":
                    found += self._none(path, held or [present], name)
                else:
                    found += self._some(path, whole, held, present)
        return found

    def _some(
        self,
        path: tuple[str, ...],
        whole: tuple[str, ...],
        held: list[Condition],
        present: Condition,
    ) -> list[Condition]:
        """That an item at `whole` is as `held` says."""
        single = held or [present]
        if not path and len(single) == 1 and _is_leaf(single[0]):
            return [_quantified("_some", single[0])]
        if whole in self._joined:
            raise InputError(
                f"`filter` has several conditions in one `some` for "
                f"{'.'.join(whole)} twice; Directus can tell them apart only once."
            )
        self._joined.add(whole)
        return [*held, present]

    def _none(self, path: tuple[str, ...], held: list[Condition], name: str) -> list[Condition]:
        """That no item is as `held` says: neither this nor that, where these are alternatives."""
        alternatives = held
        if len(held) == 1:
            alternatives = held[0].get("_or", held)
        elif len(held) > 1:
            alternatives = []
        if path or not alternatives or not all(map(_is_leaf, alternatives)):
            raise InputError(
                f"`filter.{name}.none` takes one condition, or alternatives of one each, "
                "and only of what is listed itself; Directus can do no more."
            )
        return [_quantified("_none", leaf) for leaf in alternatives]

    def _column(self, column: ItemColumn, operand: Mapping[str, Any]) -> list[Condition]:
        found: list[Condition] = []
        for operator, value in operand.items():
            self._tally()
            where = f"filter.{column.name}.{operator}"
            if value is None:
                raise InputError.about(
                    where, "must not be null; ask for missing values with `isNull: true`"
                )
            if operator in _FLAGS:
                says, otherwise = _FLAGS[operator]
                found.append({column.field: {says if value else otherwise: True}})
            elif operator in {"in", "notIn"} and not value:
                if operator == "in":  # nothing is one of none
                    found += [{column.field: {one: True}} for one in _FLAGS["isNull"]]
            elif value == "" and operator in {"eq", "ne"}:  # which Directus takes as no text
                flags = ("_empty", "_nnull") if operator == "eq" else ("_nempty",)
                found += [{column.field: {one: True}} for one in flags]
            else:
                held = _operand(column, value, where)
                found.append({column.field: {_OPERATORS[operator]: held}})
        return found

    def _tally(self) -> None:
        self._count += 1
        if self._count > MAX_CONDITIONS:
            raise InputError(f"`filter` has more than {MAX_CONDITIONS} conditions.")


def sort_of(
    collection: Collection,
    given: Sequence[Mapping[str, Any]] | None,
    path: Sequence[str] = (),
) -> tuple[str, ...]:
    """A coerced `sort` as Directus takes it: `-author.name`. Raises InputError."""
    if len(given or ()) > MAX_SORT:
        raise InputError(f"`sort` has more than {MAX_SORT} keys.")
    return tuple(_sort_key(collection, one, [*path]) for one in given or ())


def _sort_key(collection: Collection, given: Mapping[str, Any], path: list[str]) -> str:
    while True:
        ((name, operand),) = given.items()
        if name in collection.columns:
            path.append(collection.columns[name].field)
            descending = getattr(operand, "value", operand) == "DESC"
            return ("-" if descending else "") + ".".join(path)
        relation = collection.relations[name]
        path.append(relation.field)
        if len(path) > MAX_DEPTH:
            raise InputError(f"`sort` is nested deeper than {MAX_DEPTH} levels.")
        collection, given = relation.to[0], operand


def _item_value(kind: ItemKind, value: Any, where: str) -> Any:
    """A coerced value as JSON for a filter. Raises InputError naming `where`."""
    bound = kind.bind(value, where)
    if is_replaced(bound):
        raise InputError.about(
            where,
            "must not be `true`, `false` or `null`, nor begin with `$NOW` or `$CURRENT_`: Directus "
            "puts something else for such a text",
        )
    return bound.value if isinstance(bound, enum.Enum) else bound


def _operand(column: ItemColumn, value: Any, where: str) -> Any:
    if not isinstance(value, list):
        return _item_value(column.kind, value, where)
    if len(value) > MAX_IN:
        raise InputError(f"`{where}` has more than {MAX_IN} values.")
    return [_item_value(column.kind, one, where) for one in value]


def _logic(name: str, parts: list[list[Condition]]) -> list[Condition]:
    if name == "and":
        return [leaf for part in parts for leaf in part]
    if not parts or not all(parts):  # an alternative without conditions always holds
        return []
    return [_joined("_or", [_joined("_and", part) for part in parts])]


def _joined(logic: str, parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else {logic: parts}


def _nested(path: Sequence[str], leaf: Condition) -> Condition:
    for name in reversed(path):
        leaf = {name: leaf}
    return leaf


def _is_leaf(condition: Condition) -> bool:
    """Whether it is a single condition with no further quantifier on its way."""
    below: Any = condition
    while isinstance(below, dict):
        ((name, below),) = below.items()
        if name in {*_LOGIC, *_QUANTIFIERS}:
            return False
    return True


def _quantified(quantifier: str, leaf: Condition) -> Condition:
    ((field, below),) = leaf.items()
    return {field: {quantifier: below}}
