"""What a list amounts to, in GraphQL types: `TrendAggregate`, groups, and their arguments.

Of every entity: sums and averages over numbers, the least and the greatest of whatever can be
ordered, and groups by any of those columns. The computed row has a column for each of these, by a
dotted name (`count`, `sum.score`, `key.category`), so that `having` and the groups' `orderBy` are
conditions and orders like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gateway.schema import kinds as k
from gateway.schema.arguments import argument
from gateway.schema.catalog import Aggregates, ColumnInfo, Measure
from gateway.schema.inputs import Direction, names_enum
from gateway.schema.outputs import Member, make_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.inputs import Inputs

NUMERIC = {k.INT.name, k.BIGINT.name, k.FLOAT.name, k.DECIMAL.name}

_SUMS: Mapping[str, tuple[k.Kind, Any]] = {
    k.INT.name: (k.BIGINT, sa.BigInteger()),
    k.BIGINT.name: (k.DECIMAL, sa.Numeric()),
    k.FLOAT.name: (k.FLOAT, sa.Float()),
    k.DECIMAL.name: (k.DECIMAL, sa.Numeric()),
}
_SAYS = {
    "sum": "The sums; null where there is no value.",
    "avg": "The averages; null where there is no value.",
    "min": "The least values; null where there is none.",
    "max": "The greatest values; null where there is none.",
}


def aggregates_of(entity: EntityInfo, columns: Mapping[str, ColumnInfo]) -> Aggregates:
    """What can be computed over these columns of an entity."""
    ordered = {name: info for name, info in columns.items() if info.kind.orderable}
    count = Measure("count", None, _column("count", "~count", sa.BigInteger(), k.INT, null=False))
    measures = {"count": count}
    for number, (name, info) in enumerate(ordered.items()):
        for function in _functions(info.kind):
            kind, type_ = _result(function, info)
            result = _column(f"{function}.{name}", f"~{function}{number}", type_, kind)
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


def _functions(kind: k.Kind) -> tuple[str, ...]:
    return ("sum", "avg", "min", "max") if kind.name in NUMERIC else ("min", "max")


def _result(function: str, info: ColumnInfo) -> tuple[k.Kind, Any]:
    if function == "sum":
        return _SUMS[info.kind.name]
    if function == "avg":  # of a decimal column more digits than the column has
        exact = info.kind.name == k.DECIMAL.name
        return (k.DECIMAL, sa.Numeric()) if exact else (k.FLOAT, sa.Float())
    return info.kind, info.column.type


def _column(name: str, column: str, type_: Any, kind: k.Kind, *, null: bool = True) -> ColumnInfo:
    return ColumnInfo(name, sa.Column(column, type_, nullable=null), kind, null)


@dataclass(frozen=True, slots=True)
class WholeList:
    """The members of a connection about the whole list, and the types they are made of."""

    members: Mapping[str, Member]
    structures: frozenset[str]


def whole_list(name: str, aggregates: Aggregates, inputs: Inputs) -> WholeList:
    """`aggregate` and `groups` for the entity called `name`."""
    prefix = f"{name}Aggregate"
    made: set[str] = set()

    def output(suffix: str, members: Mapping[str, Member], says: str) -> type:
        made.add(prefix + suffix)
        return make_type(prefix + suffix, members, says)

    amounts = _amounts(f"{name}Group", aggregates, inputs)
    says = f"One key of an ordering by lists of {name}."
    inputs.make(f"{name}ListOrderBy", amounts, says, one_of=True)
    functions: dict[str, Member] = {"count": Member(int, "How many rows.")}
    for function, suffix, of in (
        ("sum", "Sum", f"Sums of {name} columns."),
        ("avg", "Avg", f"Averages of {name} columns."),
        ("min", "Min", f"The least values of {name} columns."),
        ("max", "Max", f"The greatest values of {name} columns."),
    ):
        results = _results(aggregates, function)
        if results:
            members = {
                column: Member(info.kind.annotation | None) for column, info in results.items()
            }
            functions[function] = Member(output(suffix, members, of), _SAYS[function])
    whole = output("", functions, f"What a list of {name} amounts to.")
    members = {"aggregate": Member(whole, "Of all rows of the list, not only of this page.")}
    if aggregates.keys:
        keys = {
            column: Member(info.kind.annotation | None if info.nullable else info.kind.annotation)
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
            _arguments(name, aggregates, inputs, amounts),
        )
    return WholeList(members, frozenset(made))


def _results(aggregates: Aggregates, function: str) -> dict[str, ColumnInfo]:
    """The results of one function, by the name of the column it is applied to."""
    return {
        measure.column.name: measure.result
        for measure in aggregates.measures.values()
        if measure.column is not None and measure.function == function
    }


def _arguments(
    name: str, aggregates: Aggregates, inputs: Inputs, amounts: Mapping[str, tuple[Any, str]]
) -> list[StrawberryArgument]:
    says = f"The columns to group {name} rows by."
    by: Any = names_enum(f"{name}GroupBy", aggregates.keys, says)
    key = _columns(f"{name}GroupOrderByKey", aggregates.keys, inputs)
    says = "One key of an ordering of groups."
    order = inputs.make(
        f"{name}GroupOrderBy",
        {"key": (key | None, "By a column in `by`."), **amounts},
        says,
        one_of=True,
    )
    having = _having(name, aggregates, inputs)
    return [
        argument("by", list[by], "The columns whose values make a group; at least one."),
        argument("having", having | None, "Only groups like this."),
        argument(
            "orderBy",
            list[order] | None,  # type: ignore[valid-type]  # made at run time
            "The order; the key is always its last part, so that it is total.",
        ),
        argument("first", int | None, "At most this many groups."),
    ]


def _per_function(
    aggregates: Aggregates, make: Callable[[str, dict[str, ColumnInfo]], type], says: str
) -> dict[str, tuple[Any, str]]:
    """A member for each function that applies to some column, of the type `make` gives."""
    found = {function: _results(aggregates, function) for function in _SAYS}
    return {
        function: (make(function, results) | None, says)
        for function, results in found.items()
        if results
    }


def _having(name: str, aggregates: Aggregates, inputs: Inputs) -> type:
    own = f"{name}Having"

    def make(function: str, results: dict[str, ColumnInfo]) -> type:
        members = {column: (inputs.filter_of(of.kind) | None, "") for column, of in results.items()}
        says = "All given members hold."
        return inputs.make(f"{own}{function.capitalize()}", members, says)

    count = inputs.filter_of(aggregates.measures["count"].result.kind)
    return inputs.make(
        own,
        {
            "and": (f"Optional[list[{own}]]", "All of these hold."),
            "or": (f"Optional[list[{own}]]", "At least one of these holds."),
            "not": (f"Optional[{own}]", "This does not hold."),
            "count": (count | None, "By how many rows they have."),
            **_per_function(aggregates, make, "By what their rows amount to."),
        },
        "Which groups; all given members hold.",
    )


def _amounts(name: str, aggregates: Aggregates, inputs: Inputs) -> dict[str, tuple[Any, str]]:
    """The members of an order by what rows amount to."""

    def make(function: str, results: dict[str, ColumnInfo]) -> type:
        return _columns(f"{name}OrderBy{function.capitalize()}", results, inputs)

    return {
        "count": (Direction | None, "By how many rows they have."),
        **_per_function(aggregates, make, "By what their rows amount to."),
    }


def _columns(name: str, columns: Mapping[str, Any], inputs: Inputs) -> type:
    members: dict[str, tuple[Any, str]] = dict.fromkeys(columns, (Direction | None, ""))
    return inputs.make(name, members, "One key of an ordering.", one_of=True)
