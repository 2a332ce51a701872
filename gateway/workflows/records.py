"""Runs and their steps as values: what the table keeps, read and written as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.workflows.templates import fill_key

if TYPE_CHECKING:
    from gateway.workflows.declaring import Step, Workflow


class StepState(StrEnum):
    """How far a step has come."""

    PENDING = "pending"
    """Not begun, or to begin again."""
    RUNNING = "running"
    SAVED = "saved"
    """Done, and the context after it is kept."""
    DONE = "done"
    """Done, and not to be saved: resumed, the run goes back before it."""
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepRecord(msgspec.Struct, rename="camel"):
    """One step of a run. `tries`: how often it was begun; `done` of `total`: as it says itself."""

    name: str
    state: StepState = StepState.PENDING
    tries: int = 0
    targets: tuple[str, ...] = ()
    key: str = ""
    started_at: datetime | None = None
    saved_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    done: int | None = None
    total: int | None = None

    def begin(self) -> None:
        """It begins, or begins again."""
        self.state = StepState.RUNNING
        self.tries += 1
        self.started_at = datetime.now(UTC)
        self.ended_at = self.error = self.done = self.total = None

    def end(self, state: StepState, error: str | None = None) -> None:
        """It ended so."""
        self.state = state
        self.error = error
        self.ended_at = datetime.now(UTC)
        if state is StepState.SAVED:
            self.saved_at = self.ended_at

    def reset(self) -> None:
        """It is to begin again, as if it never had."""
        self.state = StepState.PENDING
        self.tries = 0
        self.started_at = self.saved_at = self.ended_at = None
        self.error = self.done = self.total = None


class Seen(msgspec.Struct, frozen=True):
    """A run as it is at a moment."""

    workflow: str
    version: int
    status: str
    error: str | None
    steps: list[StepRecord]


_DECODE = msgspec.json.Decoder(list[StepRecord]).decode


class Run(msgspec.Struct):
    """A run as a worker has taken it on, by the number `attempt`."""

    id: str
    workflow: str
    version: int
    variables: dict[str, Any]
    steps: list[StepRecord]
    created_at: datetime
    attempt: int


def new_steps(workflow: Workflow, request_id: str) -> list[StepRecord]:
    """The steps of a run that has not begun. Raises InputError where a key is too long."""
    return [
        StepRecord(
            step.name,
            targets=step.targets,
            key=fill_key(step.key, {"request.id": request_id, **key_names(workflow, step)}),
        )
        for step in workflow.steps
    ]


def key_names(workflow: Workflow, step: Step) -> dict[str, str]:
    """What the names of a key pattern stand for, but for the run's id."""
    return {
        "stepName": step.name,
        "workflow.name": workflow.name,
        "workflow.version": str(workflow.version),
    }


def unlike(workflow: Workflow, version: int, steps: list[StepRecord]) -> str | None:
    """Why the workflow as it is now cannot go on with a run of these steps; None where it can."""
    if version != workflow.version:
        return (
            f"was begun by version {version} of {workflow.name}; now there is version "
            f"{workflow.version}."
        )
    for place, (then, now) in enumerate(zip_longest(steps, workflow.steps), 1):
        if then is None or now is None or then.name != now.name:
            return (
                f"was begun when step {place} of {workflow.name} was {_name(then)}; now it is "
                f"{_name(now)}, though the version is still {version}."
            )
    return None


def _name(step: StepRecord | Step | None) -> str:
    return "none" if step is None else step.name


def steps_of(text: str | bytes) -> list[StepRecord]:
    """The steps as the table keeps them."""
    return _DECODE(text)


def text_of(value: Any) -> str:
    """As the table keeps it."""
    return msgspec.json.encode(value).decode()
