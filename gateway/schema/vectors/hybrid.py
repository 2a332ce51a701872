"""What rows have to do with a vector search, as the schema shows it: how it is fused with words."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import strawberry

from gateway.errors import ConfigurationError
from gateway.schema.members import member, optional_member
from gateway.schema.vectors.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.catalog import EntityInfo


@strawberry.enum(description="What a search goes by.")
class SearchMode(enum.Enum):
    """Vectors, words, or both."""

    VECTOR = strawberry.enum_value("VECTOR", description="By what the text means.")
    TEXT = strawberry.enum_value(
        "TEXT", description="By its words: any of them, or all with a phrase or `-without` in it."
    )
    HYBRID = strawberry.enum_value(
        "HYBRID", description="By both, fused by reciprocal rank: `weight / (rrfK + rank)`, summed."
    )


@strawberry.input(description="How much each ranking counts in a hybrid search.")
class FusionWeights:
    """Numbers of 0 or more, not both 0."""

    vector: float = member("The ranking by vectors.", 1.0)
    text: float = member("The ranking by words.", 1.0)


@strawberry.input(
    description="The nearest points to one of `text`, `vector` and `id`; a list takes their rows."
)
class NearInput:
    """Which rows a list is narrowed to by what they mean."""

    text: str | None = optional_member("Near what this means.")
    vector: list[float] | None = optional_member("Near this vector.")
    id: strawberry.ID | None = optional_member("Near this stored point.")
    limit: int = member("How many points at most.", 100)
    score_threshold: float | None = optional_member("Leave out points scored below this.")


SIDES: Mapping[str, tuple[Any, str]] = {
    "vectorRank": (int | None, "Its rank by vectors, from 1; null where they did not find it."),
    "vectorScore": (float | None, "Its score by vectors."),
    "textRank": (int | None, "Its rank by words, from 1; null where they did not find it."),
    "textScore": (float | None, "Its score by words."),
}
"""What a hit of an entity with full text shows of either ranking: type and description."""


def check_narrowing(entity: EntityInfo, what: str) -> None:
    """Refuse what needs points that tell their rows. Raises ConfigurationError naming the entity.

    `what` is how the error calls it.
    """
    if not may_be_narrowed(entity):
        raise ConfigurationError(
            f"{entity.name}: {what} needs one key column, an integer, a text or a UUID, by which "
            "a point tells its row."
        )


def may_be_narrowed(entity: EntityInfo) -> bool:
    """Whether rows of an entity can take part in a vector search: its key is one id or text."""
    return len(entity.key) == 1 and entity.key[0].kind.name in KEYS
