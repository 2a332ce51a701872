"""What is asked of a whole list: selections of aggregates and groups, and the groups' arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import InputError
from gateway.planning.arguments import ArgumentsSpec
from gateway.schema import asks
from gateway.schema.access.demands import demanded_by_groups
from gateway.schema.columns.kinds import DATE, must_be
from gateway.schema.lists.shapes import (
    MAX_COLUMNS,
    MAX_DEPTH,
    Conditions,
    Gaps,
    GroupShape,
    OrderKey,
    columns_named,
    measure_key,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from gateway.planning.arguments import PageLimits
    from gateway.schema.access.demands import Demand
    from gateway.schema.catalog import Aggregates, Catalog
    from gateway.schema.selection import Field, Reader


FILL_ENDS = ("from", "to")
"""Members of `fill`, in the order in which they are bound."""


def computed(
    reader: Reader, field: Field, aggregates: Aggregates
) -> tuple[asks.Constant | asks.Value | asks.Computed, ...]:
    """The members asked of an aggregate or a group."""
    columns = aggregates.group.columns

    def part(child: Field) -> asks.Value | asks.Computed:
        if child.name in columns:
            return asks.Value(child.key, columns[child.name])
        members = reader.parts(
            child, lambda of: asks.Value(of.key, columns[f"{child.name}.{of.name}"])
        )
        return asks.Computed(child.key, asks.Row(aggregates.group, members))

    return reader.parts(field, part)


def selected_keys(
    parts: Sequence[asks.Constant | asks.Value | asks.Computed],
) -> frozenset[str]:
    """The columns that stand in the `key` of what is asked of a group."""
    names = {
        value.column.name
        for part in parts
        if isinstance(part, asks.Computed)
        for value in part.row.parts
        if isinstance(value, asks.Value)
    }
    return frozenset(name.removeprefix("key.") for name in names if name.startswith("key."))


class GroupSpec(ArgumentsSpec):
    """The arguments of `groups`: `by`, `truncate`, `timeZone`, `having`, `orderBy`, `first`."""

    def __init__(
        self,
        field: Field,
        aggregates: Aggregates,
        catalog: Catalog,
        limits: PageLimits,
        selected: frozenset[str],
    ) -> None:
        super().__init__(field)
        self._aggregates = aggregates
        self._catalog = catalog
        self._limits = limits
        self._selected = selected

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """The groups' shape; time zone, values of having, and the limit unless it is literal."""
        by = self._by(values["by"])
        having, bound = None, []
        truncate = self._truncate(values.get("truncate") or {}, by)
        zone = _zone(values.get("timeZone", "UTC"))
        if values.get("having"):
            conditions = Conditions(self._catalog, "having")
            having = conditions.where(self._aggregates.group, _flat(values["having"]))
            bound = conditions.values
        order = self._order(values.get("orderBy") or (), by)
        size = self._limits.size("first", values.get("first"))
        gaps, ends = self._gaps(values.get("fill") or {}, truncate)
        if "first" in self._arguments.literal:
            return GroupShape(by, having, order, size, truncate, gaps), (zone, *ends, *bound)
        return GroupShape(by, having, order, None, truncate, gaps), (zone, *ends, *bound, size)

    def demands(self, shape: GroupShape) -> Iterator[Demand]:
        """What the arguments ask of the viewer."""
        return demanded_by_groups(self._catalog, self._aggregates, shape)

    def _by(self, given: Sequence[Any]) -> tuple[str, ...]:
        names = columns_named("by", given)
        for name in sorted(self._selected.difference(names)):
            raise InputError(
                f"`key.{name}` is asked for, but `by` does not group by it.",
                extensions={"argument": "by"},
            )
        return names

    def _truncate(
        self, given: Mapping[str, Any], by: tuple[str, ...]
    ) -> tuple[tuple[str, str], ...]:
        units = {name: str(getattr(one, "value", one)) for name, one in given.items() if one}
        for name, unit in units.items():
            if name not in by:
                raise InputError(
                    f"`truncate.{name}` is given, but `by` does not group by it.",
                    extensions={"argument": "truncate"},
                )
            if unit == "hour" and self._aggregates.keys[name][0].kind is DATE:
                raise must_be(f"truncate.{name}", "DAY or longer, for it is a date without a time")
        return tuple(units.items())

    def _gaps(
        self, given: Mapping[str, Any], truncate: tuple[tuple[str, str], ...]
    ) -> tuple[Gaps | None, list[Any]]:
        """Which groups without rows there are to be, and the ends that are given."""
        asked = [(name, ends) for name, ends in given.items() if ends is not None]
        if not asked:
            return None, []
        if len(asked) > 1:
            raise InputError.about("fill", "must name one column")
        ((name, ends),) = asked
        if name not in dict(truncate):
            raise InputError.about(f"fill.{name}", "needs a unit in `truncate`")
        kind = self._aggregates.keys[name][0].kind
        bound = {
            end: kind.bind(value, f"fill.{name}.{end}")
            for end, value in ends.items()
            if value is not None
        }
        if len(bound) == len(FILL_ENDS) and bound["from"] > bound["to"]:
            raise must_be(f"fill.{name}.to", "no earlier than `from`")
        gaps = Gaps(name, "from" in bound, "to" in bound, self._limits.most)
        return gaps, [bound[end] for end in FILL_ENDS if end in bound]

    def _order(self, given: Sequence[Mapping[str, Any]], by: tuple[str, ...]) -> tuple[Any, ...]:
        """A total order: what was asked for, then the key."""
        if len(given) > MAX_COLUMNS:
            raise InputError(f"`orderBy` has more than {MAX_COLUMNS} keys.")
        keys = [measure_key((), part) for part in given]
        own = [f"key.{name}" for name in by]
        for key in keys:
            if key.column.startswith("key.") and key.column not in own:
                raise InputError(
                    f"`orderBy.{key.column}` is not a column in `by`.",
                    extensions={"argument": "orderBy"},
                )
        named = {key.column for key in keys}
        keys += [
            OrderKey((), name, descending=False, nulls_first=False)
            for name in own
            if name not in named
        ]
        return tuple(keys)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        right = "a time zone of the IANA database, such as Europe/Berlin"
        raise must_be("timeZone", right) from None


def _flat(having: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A `having` as a `where` on the computed row: `{sum: {score: …}}` is on `sum.score`."""
    if depth > MAX_DEPTH:
        raise InputError(f"`having` is nested deeper than {MAX_DEPTH} levels.")
    flat: dict[str, Any] = {}
    for name, operand in having.items():
        if operand is None or name == "count":
            flat[name] = operand
        elif name in {"and", "or"}:
            flat[name] = [_flat(part, depth + 1) for part in operand]
        elif name == "not":
            flat[name] = _flat(operand, depth + 1)
        else:
            flat |= {f"{name}.{column}": of for column, of in operand.items()}
    return flat
