"""The inputs of vector searches that are the same for every collection."""

from __future__ import annotations

import enum

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from gateway.schema.columns.scalars import BigInt
from gateway.schema.members import member, optional_member


@strawberry.input(description="A place on the globe, in degrees.")
class GeoPoint:
    """Latitude and longitude."""

    lat: float = member("North of the equator; negative to the south.")
    lon: float = member("East of Greenwich; negative to the west.")


@strawberry.input(description="All places within a distance of another.")
class GeoRadius:
    """A circle."""

    center: GeoPoint = member("From where it is measured.")
    radius: float = member("In metres.")


@strawberry.input(description="All places between two corners.")
class GeoBox:
    """A rectangle; it may cross the date line."""

    top_left: GeoPoint = member("The corner in the north-west.")
    bottom_right: GeoPoint = member("The corner in the south-east.")


@strawberry.input(description="A sparse vector: these values, zeros everywhere else.")
class SparseVector:
    """As many values as indices."""

    indices: list[BigInt] = member("Different ones, from 0 to 4294967295.")
    values: list[float] = member("In the order of the indices.")


@strawberry.input(
    description="How hits near a sparse vector are fused with those near `text` or `vector`: by "
    "reciprocal rank, `1 / (k + rank / weight)` summed over both."
)
class SparseFusion:
    """The constant, the weights, and how far into either ranking it looks."""

    using: str | None = optional_member(
        "The sparse vector's name; the only one there is by default."
    )
    vector: float = member("The weight of `text` or `vector`.", 1.0)
    sparse: float = member("The weight of `sparse`.", 1.0)
    k: int = member("The constant: the larger, the less the first ranks stand out.", 60)
    candidates: int = member("How many hits of either ranking count.", 100)


@strawberry.enum(description="How examples become a ranking.")
class RecommendStrategy(enum.Enum):
    """The strategies of `recommend`; the values are Qdrant's names."""

    AVERAGE_VECTOR = strawberry.enum_value(
        "AverageVector", description="Near the average of the liked, away from that of the others."
    )
    BEST_SCORE = strawberry.enum_value(
        "BestScore", description="By the nearest example: better a liked one."
    )
    SUM_SCORES = strawberry.enum_value(
        "SumScores", description="By the sum over all liked, less that over the others."
    )


@strawberry.input(description="A point liked or disliked.", one_of=True)
class VectorExample:
    """Exactly one way to say it."""

    id: ID | None = optional_member("A stored point.")
    text: str | None = optional_member("What means this.")
    vector: list[float] | None = optional_member("What lies here.")
    sparse: SparseVector | None = optional_member("What has this sparse vector.")


@strawberry.input(description="How many values a payload field has.")
class CountRange:
    """Bounds, all of which hold."""

    gt: int | None = optional_member("More than this.")
    gte: int | None = optional_member("At least this.")
    lt: int | None = optional_member("Less than this.")
    lte: int | None = optional_member("At most this.")


@strawberry.input(
    description="Which points: all given members hold. Conditions such as `match` are on `field`."
)
class VectorFilter:
    """A filter on points, nested as needed."""

    must: "list[VectorFilter] | None" = optional_member("All of these hold.")  # noqa: UP037 - names itself
    should: "list[VectorFilter] | None" = optional_member("At least one of these holds.")  # noqa: UP037 - likewise
    must_not: "list[VectorFilter] | None" = optional_member("None of these holds.")  # noqa: UP037 - likewise
    has_id: list[ID] | None = optional_member("The point has one of these ids.")
    field: str | None = optional_member("The payload field that the conditions below are on.")
    match: JSON | None = optional_member("It is this text, integer or boolean, or holds it.")
    any: list[JSON] | None = optional_member("It is one of these texts or integers.")
    except_: list[JSON] | None = optional_member("It is something else than these.", name="except")
    text: str | None = optional_member("It holds all these words.")
    gt: JSON | None = optional_member("A number greater than this, or a moment after it.")
    gte: JSON | None = optional_member("The same, or equal.")
    lt: JSON | None = optional_member("A number less than this, or a moment before it.")
    lte: JSON | None = optional_member("The same, or equal.")
    is_null: bool | None = optional_member("It is null, or is not.")
    is_empty: bool | None = optional_member("It is missing, null or an empty list, or is not.")
    geo_radius: GeoRadius | None = optional_member("It is a place near another.")
    geo_box: GeoBox | None = optional_member("It is a place between two corners.")
    values_count: CountRange | None = optional_member("It has this many values.")
