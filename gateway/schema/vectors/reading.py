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

    @property
    def is_ranking(self) -> bool:
        """Whether it gives one list of hits, in which rows may take part."""
        return self in {Reading.SEARCH, Reading.NEAREST, Reading.RECOMMEND}

    @property
    def has_hits(self) -> bool:
        """Whether it gives lists of hits and nothing above them."""
        return self.is_ranking or self is Reading.BATCH
