"""What can be read from a vector collection; the name of a reading is what `explain` shows."""

from __future__ import annotations

from enum import StrEnum


class Reading(StrEnum):
    """The sorts of reading a field can be bound to."""

    SEARCH = "search"
    NEAREST = "nearest"
    RECOMMEND = "recommend"
    BATCH = "search batch"
    GROUPS = "search groups"
    FACET = "facet"
    POINTS = "points"
    COUNT = "point count"
    PAGE = "point page"
