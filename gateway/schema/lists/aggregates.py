"""What a list amounts to, in GraphQL types: `TrendAggregate`, groups, and their arguments.

Of every entity: sums and averages over numbers, the least and the greatest of whatever can be
ordered, and groups by any of those columns. The computed row has a column for each of these, by a
dotted name (`count`, `sum.score`, `key.category`), so that `having` and the groups' `orderBy` are
conditions and orders like any other.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import strawberry
from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import capitalize_first

from gateway.schema.arguments import TOTAL_ORDER
from gateway.schema.catalog import Aggregates, ColumnInfo, Measure
from gateway.schema.columns import kinds as k
from gateway.schema.lists.inputs import Direction, of_column
from gateway.schema.members import Member, argument, make_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.lists.inputs import Inputs


@strawberry.enum(description="A span of time.")
class TimeUnit(enum.Enum):
    """What dates and times are cut down to; values are PostgreSQL's."""

    HOUR = strawberry.enum_value("hour", description="Of times alone.")
    DAY = strawberry.enum_value("day", description="From midnight on.")
    WEEK = strawberry.enum_value("week", description="From Monday on.")
    MONTH = strawberry.enum_value("month", description="From its first day on.")
    QUARTER = strawberry.enum_value("quarter", description="Three months, from January on.")
    YEAR = strawberry.enum_value("year", description="From the first of January on.")


_FROM = "Where the first span lies; without it the first that has rows."
_TO = "Where the last span lies; without it the last that has rows."


@strawberry.input(description="From when to when there are groups at least.")
class DateTimeRange:
    """Both ends count."""

    from_: datetime | None = strawberry.field(name="from", default=UNSET, description=_FROM)
    to: datetime | None = strawberry.field(default=UNSET, description=_TO)


@strawberry.input(description="From when to when there are groups at least.")
class DateRange:
    """Both ends count."""

    from_: date | None = strawberry.field(name="from", default=UNSET, description=_FROM)
    to: date | None = strawberry.field(default=UNSET, description=_TO)


_DATED = {k.MOMENT.name, k.DATE.name}
_SUMS: Mapping[str, tuple[k.Kind, Any]] = {
    k.INT.name: (k.BIGINT, sa.BigInteger()),
    k.BIGINT.name: (k.DECIMAL, sa.Numeric()),
    k.FLOAT.name: (k.FLOAT, sa.Float()),
    k.DECIMAL.name: (k.DECIMAL, sa.Numeric()),
}
_FUNCTIONS: Mapping[str, tuple[str, str, str]] = {
    "sum": ("Sums", "The sums; null where there is no value.", "The sum of"),
    "avg": ("Averages", "The averages; null where there is no value.", "The average of"),
    "min": ("The least values", "The least values; null where there is none.", "The least"),
    "max": (
        "The greatest values",
        "The greatest values; null where there is none.",
        "The greatest",
    ),
    "countDistinct": (
        "Numbers of different values",
        "How many different values; a null is none.",
        "How many different values of",
    ),
}
"""By name, what the type of its results, the member of that type and a result say."""


def aggregates_of(entity: EntityInfo, columns: Mapping[str, ColumnInfo]) -> Aggregates:
    """What can be computed over these columns of an entity."""
    ordered = {name: info for name, info in columns.items() if info.kind.orderable}
    count = Measure("count", None, _column("count", "~count", sa.BigInteger(), k.INT, null=False))
    measures = {"count": count}
    for number, (name, info) in enumerate(ordered.items()):
        for function, (kind, type_) in _amounts_of(info).items():
            place = f"{function}.{name}", f"~{function}{number}"
            result = _column(*place, type_, kind, null=function != "countDistinct")
            measures[result.name] = Measure(function, info, result)
    keys = {
        name: (
            info,
            replace(
                info,
                name=f"key.{name}",
                column=sa.Column(f"~key{number}", info.column.type, nullable=info.column.nullable),
            ),
        )
        for number, (name, info) in enumerate(ordered.items())
    }
    computed = {name: measure.result for name, measure in measures.items()}
    computed |= {result.name: result for _, result in keys.values()}
    group = replace(
        entity,
        name=f"{entity.name}AggregateGroup",
        columns=computed,
        relations={},
        attributes={},
        rule=None,
    )
    return Aggregates(measures, keys, group)


def _amounts_of(info: ColumnInfo) -> dict[str, tuple[k.Kind, Any]]:
    """The functions of a column: each one's result, by its kind and its type in SQL."""
    own = info.kind, info.column.type
    ends = {"min": own, "max": own, "countDistinct": (k.INT, sa.BigInteger())}
    if info.kind.name not in _SUMS:
        return ends
    exact = info.kind.name == k.DECIMAL.name  # its average has more digits than the column
    average = (k.DECIMAL, sa.Numeric()) if exact else (k.FLOAT, sa.Float())
    return {"sum": _SUMS[info.kind.name], "avg": average, **ends}


def _column(name: str, column: str, type_: Any, kind: k.Kind, *, null: bool) -> ColumnInfo:
    return ColumnInfo(name, sa.Column(column, type_, nullable=null), kind, null)


def whole_list(
    name: str, aggregates: Aggregates, inputs: Inputs, ordered: type | None
) -> tuple[dict[str, Member], set[str]]:
    """`aggregate` and `groups` of a connection, and the names of the types they are made of.

    For the entity called `name`, whose columns `ordered` has.
    """
    prefix = f"{name}Aggregate"
    made: set[str] = set()

    def output(suffix: str, members: Mapping[str, Member], says: str) -> type:
        made.add(prefix + suffix)
        return make_type(prefix + suffix, members, says)

    results = _results(aggregates)
    orders = _orders(name, aggregates, results, inputs)
    functions: dict[str, Member] = {"count": Member(int, "How many rows.")}
    for function, found in results.items():
        what, says, _ = _FUNCTIONS[function]
        members = {
            column: Member(_shown(info), _amount(function, column))
            for column, info in found.items()
        }
        type_ = output(capitalize_first(function), members, f"{what} of {name} columns.")
        functions[function] = Member(type_, says)
    whole = output("", functions, f"What a list of {name} amounts to.")
    members = {"aggregate": Member(whole, "Of all rows of the list, not only of this page.")}
    if ordered is not None:
        keys = {
            column: Member(_shown(info), of_column(info))
            for column, (info, _) in aggregates.keys.items()
        }
        key = output("Key", keys, "What the rows of a group have in common; ask for those in `by`.")
        group = output(
            "Group",
            {"key": Member(key, "The values of the columns in `by`."), **functions},
            f"Some {name} rows that have the same key, and what they amount to.",
        )
        members["groups"] = Member(
            list[group],  # type: ignore[valid-type]  # made at run time
            "All rows of the list, not only of this page, in groups.",
            [
                argument("by", list[ordered], "The columns whose values make a group."),  # type: ignore[valid-type]  # likewise
                *_truncation(name, aggregates, inputs),
                argument("having", _having(name, results, inputs) | None, "Only groups like this."),
                argument("orderBy", list[orders] | None, TOTAL_ORDER),  # type: ignore[valid-type]  # likewise
                argument("first", int | None, "At most this many groups."),
            ],
        )
    return members, made


def _amount(function: str, column: str) -> str:
    """What a function of a column says."""
    return f"{_FUNCTIONS[function][2]} `{column}`."


def _shown(info: ColumnInfo) -> Any:
    return info.kind.annotation | None if info.nullable else info.kind.annotation


def _results(aggregates: Aggregates) -> dict[str, dict[str, ColumnInfo]]:
    """The results of each function, by the name of the column it is applied to."""
    found: dict[str, dict[str, ColumnInfo]] = {function: {} for function in _FUNCTIONS}
    for measure in aggregates.measures.values():
        if measure.column is not None:
            found[measure.function][measure.column.name] = measure.result
    return {function: results for function, results in found.items() if results}


def _truncation(name: str, aggregates: Aggregates, inputs: Inputs) -> list[StrawberryArgument]:
    """The arguments that make groups of spans of time, where a column is a date or a time."""
    dated = [column for column, (info, _) in aggregates.keys.items() if info.kind.name in _DATED]
    if not dated:
        return []
    says = "Columns in `by` of which only the beginning of a span counts."
    spans = {column: (TimeUnit | None, f"The span of `{column}`.") for column in dated}
    cut = inputs.make(f"{name}GroupTruncate", spans, says)
    zoned = any(info.kind is k.MOMENT for info, _ in aggregates.keys.values())
    says = "Where days begin for `truncate`, as the IANA time zone database names it."
    zone = [argument("timeZone", str, says, "UTC")] if zoned else []
    ranges = {
        column: (
            (DateRange if aggregates.keys[column][0].kind is k.DATE else DateTimeRange) | None,
            f"By `{column}`.",
        )
        for column in dated
    }
    fill = inputs.make(f"{name}GroupFill", ranges, "Of which column spans without rows are shown.")
    says = "Cuts dates and times in `by` down to the beginning of their day, week and so on."
    told = "Makes groups of spans that have no rows, too; of one column that `truncate` has."
    return [
        argument("truncate", cut | None, says),
        argument("fill", fill | None, told),
        *zone,
    ]


def _having(name: str, results: Mapping[str, Mapping[str, ColumnInfo]], inputs: Inputs) -> type:
    own: Any = inputs.of(f"{name}Having")
    members: dict[str, tuple[Any, str]] = {
        "and": (list[own] | None, "All of these hold."),
        "or": (list[own] | None, "At least one of these holds."),
        "not": (own | None, "This does not hold."),
        "count": (inputs.filter_of(k.INT) | None, "By how many rows they have."),
    }
    for function, found in results.items():
        filters = {
            column: (inputs.filter_of(of.kind) | None, _amount(function, column))
            for column, of in found.items()
        }
        says = "All given members hold."
        made = inputs.make(f"{name}Having{capitalize_first(function)}", filters, says)
        members[function] = (made | None, "By what their rows amount to.")
    return inputs.make(f"{name}Having", members, "Which groups; all given members hold.")


def _orders(
    name: str,
    aggregates: Aggregates,
    results: Mapping[str, Mapping[str, ColumnInfo]],
    inputs: Inputs,
) -> type:
    """`<Entity>GroupOrderBy`, beside `<Entity>ListOrderBy`, the same without `key`."""

    def make(own: str, members: dict[str, tuple[Any, str]], says: str) -> type:
        return inputs.make(own, members, says, one_of=True)

    def columns(own: str, names: Iterable[str]) -> type:
        members = {one: (Direction | None, f"By `{one}`.") for one in names}
        return make(own, members, "One key of an ordering.")

    amounts: dict[str, tuple[Any, str]] = {
        "count": (Direction | None, "By how many rows they have.")
    }
    key = {}
    if results:
        every = columns(f"{name}OrderByColumn", aggregates.keys)
        key = {"key": (every | None, "By a column in `by`.")}
        numbers = columns(f"{name}OrderByNumber", results["sum"]) if "sum" in results else every
        amounts |= {
            function: (
                (numbers if function in {"sum", "avg"} else every) | None,
                "By what their rows amount to.",
            )
            for function in results
        }
    make(f"{name}ListOrderBy", amounts, f"One key of an ordering by lists of {name}.")
    return make(f"{name}GroupOrderBy", {**key, **amounts}, "One key of an ordering of groups.")
