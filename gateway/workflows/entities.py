"""Runs in GraphQL: an entity over their table, and the mutations that start and end them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - Strawberry reads annotations at run time
from typing import TYPE_CHECKING, Annotated, cast

import msgspec
import strawberry
from strawberry import ID, argument
from strawberry.scalars import JSON

from gateway.errors import InputError
from gateway.execution.context import reference
from gateway.schema.bindings import field
from gateway.schema.definitions import describe_values
from gateway.schema.entity import entity
from gateway.schema.roots import mutations
from gateway.settings.workflows import RUN_READERS
from gateway.workflows import records
from gateway.workflows.records import StepState, steps_of
from gateway.workflows.tables import WorkflowStatus, workflow_runs

if TYPE_CHECKING:
    from gateway.workflows.offering import Workflows

_ANSWERING = 0.02
"""Seconds before the request's end at which a source is given up, so that its error arrives."""
strawberry.enum(StepState, name="WorkflowStepState", description="How far a step has come.")
describe_values(
    StepState,
    {
        StepState.PENDING: "Not begun, or to begin again.",
        StepState.RUNNING: "Begun, and not ended.",
        StepState.SAVED: "Done, and the context after it is kept.",
        StepState.DONE: "Done, and not to be saved: resumed, the run goes back before it.",
        StepState.FAILED: "Ended by an error.",
        StepState.CANCELLED: "Ended because the run was cancelled.",
    }.__getitem__,
)


@strawberry.type(name="WorkflowStep", description="A step of a run.")
class WorkflowStep:
    """What is known of a step."""

    name: str = strawberry.field(description="Its name in the workflow.")
    state: StepState = strawberry.field(description="How far it has come.")
    tries: int = strawberry.field(description="How often it was begun.")
    started_at: datetime | None = strawberry.field(description="When it last began.")
    saved_at: datetime | None = strawberry.field(description="When the context was saved after it.")
    ended_at: datetime | None = strawberry.field(description="When it last ended.")
    error: str | None = strawberry.field(description="Why it last failed.")
    done: float | None = strawberry.field(description="How much of it is done, as it says itself.")
    total: float | None = strawberry.field(description="Of how much.")
    record: strawberry.Private[records.StepRecord]

    @field(description="The context that was saved after it; null where none is kept.")
    async def context(self, info: strawberry.Info) -> JSON | None:
        """See the description; raises SourceError where the datasource does not answer."""
        workflows = cast("Workflows | None", info.context.workflows)
        if workflows is None or self.record.saved_at is None:
            return None
        deadline = info.context.deadline - _ANSWERING
        found = await workflows.context(self.record.targets, self.record.key, deadline)
        return cast("JSON | None", found)


@entity(workflow_runs, key="id", roles=(RUN_READERS,))
class WorkflowRun:
    """One run of a workflow."""

    id: ID
    workflow: str
    version: int
    status: WorkflowStatus
    variables: JSON
    record: JSON
    error: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @field(needs=("record",), description="Its steps in their order.")
    def steps(self) -> list[WorkflowStep]:
        """See the description."""
        return [_step(one) for one in steps_of(records.text_of(self.record))]


def _step(record: records.StepRecord) -> WorkflowStep:
    shown = msgspec.structs.asdict(record)
    del shown["targets"], shown["key"]
    return WorkflowStep(**shown, record=record)


Name = Annotated[str, argument(description="The name of a workflow of the domain.")]
RequestId = Annotated[
    ID | None,
    argument(description="The id of the run, for your own reference; left out, one is made."),
]
Variables = Annotated[
    JSON | None, argument(description="What its steps find as `ctx.vars`: a JSON object.")
]
RunId = Annotated[ID, argument(description="The id of the run.")]


@mutations
class WorkflowMutations:
    """Running workflows, for the roles that the settings name."""

    @field(
        description="Start a run of a workflow. With the id of a run that failed or was cancelled "
        "that one goes on after its last saved step; one that is under way or has succeeded is "
        "left as it is."
    )
    async def start_workflow(
        self,
        info: strawberry.Info,
        name: Name,
        request_id: RequestId = None,
        variables: Variables = None,
    ) -> WorkflowRun | None:
        """See the description; raises InputError."""
        return _run(await _of(info).start(name, request_id, variables))

    @field(description="Let a run go on after its last saved step.")
    async def resume_workflow(self, info: strawberry.Info, id: RunId) -> WorkflowRun | None:  # noqa: A002 - as in `workflowRun(id)`
        """See the description; raises InputError for an unknown id."""
        return _run(await _of(info).resume(id))

    @field(description="End a run that has not ended; the step under way is interrupted.")
    async def cancel_workflow(self, info: strawberry.Info, id: RunId) -> WorkflowRun | None:  # noqa: A002 - likewise
        """See the description; raises InputError for an unknown id."""
        return _run(await _of(info).cancel(id))


def _of(info: strawberry.Info) -> Workflows:
    """The workflows of this process, for a viewer who may run them."""
    found = info.context.workflows
    if found is None:
        raise InputError("There is no workflow; the settings enable none.")
    workflows = cast("Workflows", found)
    workflows.permit(info.context.viewer)
    return workflows


def _run(request_id: str) -> WorkflowRun:
    return reference(WorkflowRun, request_id)
