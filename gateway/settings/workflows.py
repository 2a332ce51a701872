"""Settings of workflows and of the jobs they run as."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section, Text

RUN_READERS = "workflows.read"
"""The role of the schema that the roles stand for which may see runs."""


class Jobs(Section, frozen=True, kw_only=True):
    """Doing jobs; their tables are in `[postgres.default]`."""

    inside: bool = False
    """Do jobs in each process that serves, too; else by `plait worker` only."""
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 4
    """Jobs that one process does at once."""
    lease_seconds: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """Silence after which a worker counts as dead and others do its jobs."""


class Workflows(Section, frozen=True, kw_only=True):
    """Which workflows there are, who may run them, and who may see runs."""

    enabled: Text = ""
    """The domain's workflows to offer, by spaces; `*` is all."""
    documents: Text = ""
    """Files with workflows as JSON documents, by spaces."""
    run: Text = ""
    """The roles that may start, end and see runs, by spaces; `*` is who has signed in."""
    read: Text = ""
    """The roles that may see runs, beside those, by spaces; `*` is who has signed in."""
    keep_seconds: Annotated[float, Meta(ge=0, le=316_224_000)] = 2_592_000.0
    """How long runs that ended, and their contexts, are kept; 0 for ever."""
