"""Settings of workflows and of the jobs they run as."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Jobs(Section, frozen=True, kw_only=True):
    """Doing jobs; their tables are in `[postgres.default]`."""

    inside: Annotated[
        bool,
        Meta(description="Do jobs in each process that serves, too; else by `plait worker` only."),
    ] = False
    concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="Jobs that one process does at once.")
    ] = 4
    lease_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Silence after which a worker counts as dead and others do its jobs.",
        ),
    ] = 30.0


class Workflows(Section, frozen=True, kw_only=True):
    """Which workflows there are, and who may run them."""

    enabled: Annotated[
        str,
        Meta(min_length=1, description="The domain's workflows to offer, by spaces; `*` is all."),
    ] = ""
    documents: Annotated[
        str,
        Meta(min_length=1, description="Files with workflows as JSON documents, by spaces."),
    ] = ""
    run: Annotated[
        str,
        Meta(
            min_length=1,
            description="The roles that may start, resume and cancel runs, by spaces; "
            "`*` is anybody.",
        ),
    ] = ""
    keep_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=316_224_000,
            description="How long runs that ended, and their contexts, are kept; 0 for ever.",
        ),
    ] = 2_592_000.0
