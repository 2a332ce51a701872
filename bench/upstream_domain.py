"""The gateway's domain in the proxying workloads: rows joined with an upstream and Directus."""

from __future__ import annotations

from pathlib import Path

from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time

from gateway import (
    Connection,
    Domain,
    Remote,
    Upstream,
    directus_collection,
    directus_item,
    entity,
    listing,
    queries,
    remote,
)
from resolvers import models

NAME = "service"
"""The upstream's name: the bench sets its address as UPSTREAM_SERVICE_URL."""


@directus_collection("articles", key_type=int)
class Article:
    """What was written about a trend."""

    id: ID
    title: str | None
    slug: str | None


@entity(models.trends)
class Trend:
    """A topic that was ranked and analysed."""

    id: ID
    title: str
    owner: Remote | None = remote(NAME, "Member", "id")
    article: Article | None = directus_item("articles", match="trend_id")


@queries
class Queries:
    """The root."""

    trends: Connection[Trend] | None = listing()


domain = Domain(
    entities=[Trend],
    queries=[Queries],
    collections=[Article],
    upstreams=[Upstream(NAME, Path(__file__).with_name("upstream.graphql"))],
)
