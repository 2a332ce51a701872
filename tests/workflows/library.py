"""A small domain with workflows, for the tests of their API."""

import strawberry

from gateway import (
    Change,
    Connection,
    Domain,
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

count = Workflow("count", datasources=["notes"], targets=["notes"], roles=["robot"])


@count.step
async def look(ctx: StepContext):
    """Ask the gateway who asks."""
    return (await ctx.query("{ asker }"))["asker"]


@count.step
async def store(ctx: StepContext):
    """Keep what was found."""
    await ctx.progress(1, 2)
    await ctx.source("notes").save("found", ctx.vars["look"])


hidden = Workflow("hidden")


@hidden.step
async def nothing(_):
    """Do nothing."""


async def shout(ctx: StepContext, text: str, times: int = 1):
    """A node for documents."""
    return {"said": text * times, "by": ctx.step}


@queries
class Library:
    """Reading."""

    workflow_run: WorkflowRun | None = by_key()
    workflow_runs: Connection[WorkflowRun] | None = listing()

    @strawberry.field
    def asker(self, info: strawberry.Info) -> str | None:
        """Who asks, and as what."""
        viewer = info.context.viewer
        return f"{viewer.subject} {' '.join(sorted(viewer.roles))}"


@subscriptions
class Listening:
    """Hearing of runs."""

    workflow_run_changed: Change[WorkflowRun] | None = changes()


domain = Domain(
    entities=[WorkflowRun],
    queries=[Library],
    mutations=[WorkflowMutations],
    subscriptions=[Listening],
    workflows=[count, hidden],
    nodes={"shout": shout},
)
