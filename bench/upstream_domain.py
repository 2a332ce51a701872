"""The gateway's domain in the proxying workloads: an upstream, and rows of ours joined with it."""

from __future__ import annotations

from pathlib import Path

from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time

from gateway import (
    Connection,
    Domain,
    Remote,
    Upstream,
    entity,
    listing,
    queries,
    remote,
)
from resolvers import models

NAME = "service"
"""The upstream's name: the bench sets its address as UPSTREAM_SERVICE_URL."""


@entity(models.trends)
class Trend:
    """A topic that was ranked and analysed."""

    id: ID
    title: str
    owner: Remote | None = remote(NAME, "Member", "id")


@queries
class Queries:
    """The root."""

    trends: Connection[Trend] | None = listing()


domain = Domain(
    entities=[Trend],
    queries=[Queries],
    upstreams=[Upstream(NAME, Path(__file__).with_name("upstream.graphql"))],
)
