"""The generated types of collections: filters, orders, lists and groups."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.utils.str_converters import capitalize_first

from gateway.schema.columns.kinds import ORDERED, TEXT
from gateway.schema.definitions import names_enum
from gateway.schema.items.kinds import BIGINT, DATE, DECIMAL, FLOAT, INT, MOMENT
from gateway.schema.lists.inputs import Inputs, operand
from gateway.schema.lists.patterns import PARTS
from gateway.schema.members import Member, argument, make_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation
    from gateway.schema.items.kinds import ItemKind


@strawberry.enum(description="Which way a list of items is sorted.")
class SortDirection(enum.Enum):
    """Directions of `sort`; where nulls stand is the source's affair."""

    ASC = strawberry.enum_value("ASC", description="The least first.")
    DESC = strawberry.enum_value("DESC", description="The greatest first.")


_PRESENCE = {"isNull": operand("isNull", TEXT)}
TEXT_MEMBERS: Mapping[str, tuple[Any, str]] = {
    **{operator: operand(operator, TEXT) for operator in ORDERED if operator != "isNull"},
    **{operator: operand(operator, TEXT) for operator in PARTS},
    "isEmpty": (bool | None, "True: null or without a letter. False: has some."),
    **_PRESENCE,
}

_DATES = frozenset({DATE, MOMENT})
"""Of these Directus (11.17) reads whatever it computes as a date, the number of values as well."""

FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "countDistinct": ("How many different values.", "How many different values of"),
    "sum": ("Sums.", "The sum of"),
    "avg": ("Averages.", "The average of"),
    "min": ("The smallest values.", "The smallest"),
    "max": ("The largest values.", "The largest"),
}
"""By name, what the type of their results says, and how a result begins."""


def result_kind(function: str, kind: ItemKind) -> ItemKind:
    """What a function of a field gives; without a name it is the field itself."""
    if function == "countDistinct":
        return INT
    if function in {"", "min", "max"} or kind is DECIMAL:
        return kind
    return BIGINT if function == "sum" and kind in {INT, BIGINT} else FLOAT


def declare_filters(
    inputs: Inputs,
    name: str,
    columns: Mapping[str, ItemColumn],
    relations: Mapping[str, ItemRelation],
) -> tuple[type, type]:
    """`<Type>Filter` and `<Type>Sort`; relations may name types declared later.

    `columns` and `relations` are those that anybody may filter and sort by.
    """
    own: Any = inputs.of(f"{name}Filter")
    members: dict[str, tuple[Any, str]] = {
        "and": (list[own] | None, "All of these hold."),
        "or": (list[own] | None, "At least one of these holds."),
    }
    order: dict[str, tuple[Any, str]] = {}
    for column in columns.values():
        says = column.described or f"By `{column.name}`."
        members[column.name] = (_filter_of(inputs, column.kind) | None, says)
        if column.kind.sortable:
            order[column.name] = (SortDirection | None, says)
    for relation in relations.values():
        if relation.any:
            continue
        (target,) = relation.targets
        if relation.many:
            listed = inputs.of(f"{target}ListFilter")
            members[relation.name] = (listed | None, "By related items.")
        else:
            says = "By the related item."
            members[relation.name] = (inputs.of(f"{target}Filter") | None, says)
            order[relation.name] = (inputs.of(f"{target}Sort") | None, says)
    made = inputs.make(f"{name}Filter", members, "Which items; all given members hold.")
    inputs.make(
        f"{name}ListFilter",
        {
            "some": (own | None, "At least one related item is like this."),
            "none": (own | None, "No related item is like this."),
        },
        "Which related items there must be.",
    )
    sort = inputs.make(f"{name}Sort", order, "One key of an ordering.", one_of=True)
    return made, sort


def _filter_of(inputs: Inputs, kind: ItemKind) -> type:
    if kind.texts:
        says = "Conditions on a text; all given members hold."
        name, members = "ItemTextFilter", TEXT_MEMBERS
    elif kind.filter is None:
        name, members, says = "ItemPresenceFilter", _PRESENCE, "Whether there is a value."
    else:
        return inputs.filter_of(kind.filter)
    return inputs.known(name) or inputs.make(name, members, says)


def list_type(collection: Collection) -> type:
    """`<Type>Items`."""
    counted = "; counted only when asked for."
    return make_type(
        f"{collection.name}Items",
        {
            "nodes": Member(list[collection.cls], "The items."),  # type: ignore[name-defined]  # made at run time
            "totalCount": Member(int | None, f"How many items the collection has{counted}"),
            "filterCount": Member(int | None, f"How many items fit the filter{counted}"),
        },
        "A page of items.",
    )


def group_type(collection: Collection, columns: Mapping[str, ItemColumn]) -> list[type]:
    """`<Type>Group` and the types of its members."""
    name = collection.name
    keys = {one.name: Member(one.kind.annotation | None, one.says) for one in columns.values()}
    members = {
        "count": Member(int, "How many items."),
        "key": Member(
            make_type(f"{name}GroupKey", keys, "What the items of a group have in common."),
            "What its items have in common: values of `groupBy`, null of all else.",
        ),
    }
    for function, (says, each) in FUNCTIONS.items():
        results = {
            one.name: Member(
                result_kind(function, one.kind).annotation | None, f"{each} `{one.name}`."
            )
            for one in columns.values()
            if one.kind.number or (function == "countDistinct" and one.kind not in _DATES)
        }
        if results:
            made = make_type(f"{name}{capitalize_first(function)}", results, says)
            members[function] = Member(made, says)
    inner = [one.annotation for one in members.values() if one.annotation is not int]
    return [make_type(f"{name}Group", members, "Items with something in common."), *inner]


def group_arguments(
    name: str, made: type, columns: Mapping[str, ItemColumn]
) -> list[StrawberryArgument]:
    """The arguments of a root field of groups; `made` is the filter."""
    says = {one.name: one.says for one in columns.values()}
    names: Any = names_enum(f"{name}GroupBy", says, f"The fields to group {name} items by.")
    return [
        argument(
            "groupBy",
            list[names] | None,
            "What the items of a group have in common; all are one group.",
        ),
        argument("filter", made | None, "Only items like this."),
        argument("search", str | None, "Only items with these words."),
        argument("limit", int | None, "How many groups at most, in the order of `groupBy`."),
    ]


def list_arguments(made: type, sort: type) -> list[StrawberryArgument]:
    """The arguments of a list of items, by its filter and order."""
    return [
        argument("filter", made | None, "Only items like this."),
        argument("search", str | None, "Only items with these words."),
        argument("sort", list[sort] | None, "The order; without one as the source has it."),  # type: ignore[valid-type]  # made at run time
        *page_arguments(),
    ]


def page_arguments() -> list[StrawberryArgument]:
    """The part of a list."""
    return [
        argument("limit", int | None, "How many items at most; 100 where it is not said."),
        argument("offset", int | None, "How many items to leave out before those."),
        argument("page", int | None, "Instead of `offset`: which page of `limit` items, from 1."),
    ]
