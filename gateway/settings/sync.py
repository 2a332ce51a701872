"""Settings of vector sync: `[sync]`, `PLAIT_SYNC_BATCH` and so on."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Sync(Section, frozen=True, kw_only=True):
    """How vector collections are kept in step with their rows."""

    batch: Annotated[
        int, Meta(ge=1, le=2_000, description="Rows that are read, embedded and stored at once.")
    ] = 512
    attempts: Annotated[
        int,
        Meta(ge=1, le=100, description="Attempts at a row whose text or point is refused."),
    ] = 5
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Seconds each call of an engine may take.")
    ] = 30.0
