"""The GraphQL types of vector writes and of collections; `Vector` is the scalar of their input.

A list of floats would be checked number by number: of 10,000 points with 256 dimensions that alone
takes seconds. The scalar is checked as a whole.
"""

from __future__ import annotations

import enum
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import scalar

from gateway.schema.columns.scalars import BigInt
from gateway.schema.members import member, optional_member

MAX_DIMENSIONS = 65_536

Vector = NewType("Vector", list)  # type: ignore[type-arg]  # of int and float, as JSON has them


def parse_numbers(value: Any) -> list[float]:
    """A list of numbers as it is. Raises GraphQLError."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_DIMENSIONS:
        right = f"a list of 1 to {MAX_DIMENSIONS} numbers"
    elif not {type(one) for one in value} <= {int, float}:
        right = "a list of numbers"
    else:
        return value
    raise GraphQLError(f"Vector must be {right}.", extensions={"code": "BAD_USER_INPUT"})


VECTOR = scalar(
    name="Vector",
    description="A vector: a list of finite numbers, as many as the collection has dimensions.",
    serialize=list,
    parse_value=parse_numbers,
)


@strawberry.enum(description="How far a write has come when it is answered.")
class VectorWriteStatus(enum.Enum):
    """Of the engine's answer."""

    COMPLETED = strawberry.enum_value("COMPLETED", description="Stored, and found by searches.")
    ACKNOWLEDGED = strawberry.enum_value(
        "ACKNOWLEDGED", description="Accepted; searches may not see it yet."
    )


@strawberry.type(description="What became of a write to points.")
class VectorWrite:
    """The result of every change of points."""

    status: VectorWriteStatus = member("How far it has come.")
    count: int = member("How many points were sent, named by id, or picked by the filter.")


@strawberry.type(description="What became of a change of a vector collection.")
class CollectionWrite:
    """The result of every change of a collection."""

    collection: str = member("Its name.")
    changed: bool = member("False where everything was so already.")


@strawberry.enum(name="VectorMetric", description="How far apart two vectors are.")
class Distance(enum.Enum):
    """Qdrant's distances; the values are its names."""

    COSINE = strawberry.enum_value("Cosine", description="By the angle between them.")
    EUCLID = strawberry.enum_value("Euclid", description="By the straight line between them.")
    DOT = strawberry.enum_value("Dot", description="By their dot product.")
    MANHATTAN = strawberry.enum_value("Manhattan", description="By the sum over all dimensions.")


@strawberry.enum(description="What a payload index takes a field's values for.")
class PayloadIndexType(enum.Enum):
    """Qdrant's payload schema types."""

    KEYWORD = strawberry.enum_value("keyword", description="Whole texts.")
    INTEGER = strawberry.enum_value("integer", description="Whole numbers.")
    FLOAT = strawberry.enum_value("float", description="Numbers.")
    BOOL = strawberry.enum_value("bool", description="True and false.")
    GEO = strawberry.enum_value("geo", description="Places on the globe.")
    DATETIME = strawberry.enum_value("datetime", description="Moments.")
    TEXT = strawberry.enum_value("text", description="The words of texts.")
    UUID = strawberry.enum_value("uuid", description="UUIDs.")


@strawberry.type(description="A dense vector of a collection's points.")
class VectorParams:
    """Name, size and distance."""

    name: str | None = member("Null for the one that has no name.")
    size: int = member("Its dimensions.")
    distance: Distance = member("How it is compared.")


@strawberry.type(description="A payload field that is indexed.")
class PayloadIndexInfo:
    """Field and type, and how many points have it."""

    field: str = member("Its path.")
    type: str = member("What its values are taken for.")
    point_count: BigInt = member("How many points have it.")


@strawberry.type(description="A collection of the vector engine, as it is now.")
class VectorCollectionInfo:
    """What the engine says of a collection."""

    name: str = member("As the engine calls it.")
    status: str = member("`green` is ready; `yellow` is being optimised.")
    point_count: BigInt = member("How many points it has, about.")
    vectors: list[VectorParams] = member("Its dense vectors.")
    sparse_vectors: list[str] = member("The names of its sparse vectors.")
    payload_indexes: list[PayloadIndexInfo] = member("The payload fields that are indexed.")
    embedding_model: str | None = member(
        "The model that made its vectors of text; null where nobody said."
    )
    embedding_dimensions: int | None = member("The dimensions that model had.")


@strawberry.input(description="A vector under its name: dense, or sparse with `indices`.")
class NamedVectorInput:
    """For collections with named vectors."""

    name: str = member("As the collection calls it.")
    values: Vector = member("Its numbers.")
    indices: list[int] | None = optional_member(
        "Of a sparse vector: which dimensions the values are of."
    )


@strawberry.input(description="A dense vector of a new collection.")
class NamedVectorParamsInput:
    """Name, size and distance."""

    name: str = member("What points call it.")
    size: int = member("Its dimensions.")
    distance: Distance = member("How it is compared.", Distance.COSINE)
