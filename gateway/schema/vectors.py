"""The inputs of vector searches that are the same for every collection."""

from __future__ import annotations

import strawberry
from strawberry import ID
from strawberry.scalars import JSON
from strawberry.types.unset import UNSET

from gateway.schema.scalars import BigInt


@strawberry.input(description="A place on the globe, in degrees.")
class GeoPoint:
    """Latitude and longitude."""

    lat: float
    lon: float


@strawberry.input(description="All places within a distance of another.")
class GeoRadius:
    """A circle."""

    center: GeoPoint
    radius: float = strawberry.field(description="In metres.")


@strawberry.input(description="All places between two corners.")
class GeoBox:
    """A rectangle; it may cross the date line."""

    top_left: GeoPoint
    bottom_right: GeoPoint


@strawberry.input(description="A sparse vector: these values, zeros everywhere else.")
class SparseVector:
    """As many values as indices."""

    indices: list[BigInt] = strawberry.field(description="Different ones, from 0 to 4294967295.")
    values: list[float]


@strawberry.input(
    description="How hits near a sparse vector are fused with those near `text` or `vector`: by "
    "reciprocal rank, `1 / (k + rank / weight)` summed over both."
)
class SparseFusion:
    """The constant, the weights, and how far into either ranking it looks."""

    using: str | None = strawberry.field(
        default=UNSET, description="The sparse vector's name; the only one there is by default."
    )
    vector: float = strawberry.field(default=1.0, description="The weight of `text` or `vector`.")
    sparse: float = strawberry.field(default=1.0, description="The weight of `sparse`.")
    k: int = 60
    candidates: int = strawberry.field(
        default=100, description="How many hits of either ranking count."
    )


@strawberry.input(description="A point liked or disliked.", one_of=True)
class VectorExample:
    """Exactly one way to say it."""

    id: ID | None = strawberry.field(default=UNSET, description="A stored point.")
    text: str | None = strawberry.field(default=UNSET, description="What means this.")
    vector: list[float] | None = UNSET
    sparse: SparseVector | None = UNSET


@strawberry.input(description="How many values a payload field has.")
class CountRange:
    """Bounds, all of which hold."""

    gt: int | None = UNSET
    gte: int | None = UNSET
    lt: int | None = UNSET
    lte: int | None = UNSET


@strawberry.input(
    description="Which points: all given members hold. Conditions such as `match` are on `field`."
)
class VectorFilter:
    """A filter on points, nested as needed."""

    must: "list[VectorFilter] | None" = strawberry.field(  # noqa: UP037 - names itself
        default=UNSET, description="All of these hold."
    )
    should: "list[VectorFilter] | None" = strawberry.field(  # noqa: UP037 - likewise
        default=UNSET, description="At least one of these holds."
    )
    must_not: "list[VectorFilter] | None" = strawberry.field(  # noqa: UP037 - likewise
        default=UNSET, description="None of these holds."
    )
    has_id: list[ID] | None = strawberry.field(
        default=UNSET, description="The point has one of these ids."
    )
    field: str | None = strawberry.field(
        default=UNSET, description="The payload field that the conditions below are on."
    )
    match: JSON | None = strawberry.field(
        default=UNSET, description="It is this text, integer or boolean, or holds it."
    )
    any: list[JSON] | None = strawberry.field(
        default=UNSET, description="It is one of these texts or integers."
    )
    except_: list[JSON] | None = strawberry.field(
        name="except", default=UNSET, description="It is something else than these."
    )
    text: str | None = strawberry.field(default=UNSET, description="It holds all these words.")
    gt: JSON | None = strawberry.field(
        default=UNSET, description="A number greater than this, or a moment after it."
    )
    gte: JSON | None = strawberry.field(default=UNSET, description="The same, or equal.")
    lt: JSON | None = strawberry.field(
        default=UNSET, description="A number less than this, or a moment before it."
    )
    lte: JSON | None = strawberry.field(default=UNSET, description="The same, or equal.")
    is_null: bool | None = strawberry.field(default=UNSET, description="It is null, or is not.")
    is_empty: bool | None = strawberry.field(
        default=UNSET, description="It is missing, null or an empty list, or is not."
    )
    geo_radius: GeoRadius | None = strawberry.field(
        default=UNSET, description="It is a place near another."
    )
    geo_box: GeoBox | None = strawberry.field(
        default=UNSET, description="It is a place between two corners."
    )
    values_count: CountRange | None = strawberry.field(
        default=UNSET, description="It has this many values."
    )
