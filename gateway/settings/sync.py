"""Settings of vector sync: `[sync]`, `PLAIT_SYNC_BATCH` and so on."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Sync(Section, frozen=True, kw_only=True):
    """How vector collections are kept in step with their rows."""

    batch: Annotated[int, Meta(ge=1, le=2_000)] = 512
    """Rows that are read, embedded and stored at once."""
    attempts: Annotated[int, Meta(ge=1, le=100)] = 5
    """Attempts at a row whose text or point is refused."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0
    """Seconds each call of an engine may take."""
