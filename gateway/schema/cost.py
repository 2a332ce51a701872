"""`@cost` and `@listSize`: what a field costs, as the domain declares it.

The names and meanings of IBM's GraphQL Cost Directives specification
(https://ibm.github.io/graphql-specs/cost-spec.html):

    topics: Connection[Topic] | None = listing(directives=[Cost(weight="5")])

What is not declared has a cost too; `gateway.documents.cost` says which.
"""

from __future__ import annotations

from typing import Any, TypeVar

import strawberry
from strawberry.schema_directive import Location

from gateway.errors import ConfigurationError
from gateway.schema.definitions import directives_on

T = TypeVar("T")


@strawberry.schema_directive(
    locations=[
        Location.FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
        Location.ENUM,
        Location.ARGUMENT_DEFINITION,
    ],
    name="cost",
    description="What it costs: a field or argument once, a type for each of its values.",
)
class Cost:
    """`@cost(weight: "2.5")`."""

    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many entries a list has: what an argument says, or what is assumed.",
)
class ListSize:
    """`@listSize(slicingArguments: ["first"], sizedFields: ["nodes"])`.

    Without `sized_fields` the field itself is the list.
    """

    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = strawberry.UNSET


def declared(element: Any, kind: type[T]) -> T | None:
    """The directive of that kind on an element of the schema; None where it has none."""
    return next((one for one in directives_on(element) if isinstance(one, kind)), None)


def weight_of(element: Any, default: float) -> float:
    """An element's declared weight. Raises ConfigurationError for one that is no number."""
    cost = declared(element, Cost)
    if cost is None:
        return default
    try:
        weight = float(cost.weight)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise ConfigurationError(f"@cost: {cost.weight!r} is no weight; give a number from 0.")
    return weight
