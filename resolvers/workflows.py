"""Workflows: the daily digest of trends, and the runs of all of them."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from gateway import (
    Change,
    Connection,
    StepContext,
    Workflow,
    WorkflowMutations,
    WorkflowRun,
    by_key,
    changes,
    listing,
    queries,
    subscriptions,
)

__all__ = [
    "TREND_DIGEST",
    "WorkflowMutations",
    "WorkflowQueries",
    "WorkflowRun",
    "WorkflowSubscriptions",
]

TREND_DIGEST = Workflow(
    "trend-digest",
    description="What is on the rise today, kept under `digests/<day>` and `digests/latest`.",
    datasources=["contexts"],
    targets=["contexts"],
)
MOST = 50
"""Trends that a digest looks at."""

_STRONGEST = """
query Strongest($first: Int!) {
  trends(first: $first, orderBy: [{ score: DESC }, { id: ASC }]) {
    nodes { id title category score velocity }
  }
}
"""


@TREND_DIGEST.step
async def collect(ctx: StepContext) -> list[dict[str, Any]]:
    """The strongest trends, as anybody sees them."""
    found = await ctx.query(_STRONGEST, {"first": MOST})
    nodes: list[dict[str, Any]] = found["trends"]["nodes"]
    return nodes


@TREND_DIGEST.step
async def weigh(ctx: StepContext) -> dict[str, Any]:
    """How many there are of each category, and which move fastest."""
    trends = ctx.vars["collect"]
    fastest = sorted(trends, key=lambda one: one["velocity"] or 0.0, reverse=True)
    return {
        "categories": dict(Counter(one["category"] for one in trends).most_common()),
        "fastest": [one["title"] for one in fastest[:5]],
        "strongest": [one["title"] for one in trends[:5]],
    }


@TREND_DIGEST.step
async def publish(ctx: StepContext) -> str:
    """Keep the digest where everybody finds it; doing so again changes nothing."""
    day = str(ctx.vars.get("day") or datetime.now(UTC).date().isoformat())
    digest = {"day": day, **ctx.vars["weigh"]}
    await ctx.source("contexts").save_batch({f"digests/{day}": digest, "digests/latest": digest})
    return day


@queries
class WorkflowQueries:
    """Reading runs."""

    workflow_run: WorkflowRun | None = by_key(description="The run with this id.")
    workflow_runs: Connection[WorkflowRun] | None = listing(description="All runs.")


@subscriptions
class WorkflowSubscriptions:
    """Hearing of runs."""

    workflow_run_changed: Change[WorkflowRun] | None = changes(
        description="A run was started, came further, or ended."
    )
