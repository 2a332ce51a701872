"""Runs a workflow: its steps in their order, from the last saved one on.

take the run → restore the context → for each step: note, do, save, note → end

A crash at any point loses at most the step under way: a context that was saved but not noted is
found again by its key. What is noted is fenced: a worker that lost its run writes nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from gateway.context.registry import first_kept
from gateway.errors import PlaitError, SourceDataError, SourceError
from gateway.telemetry import log_internal
from gateway.workflows.context import StepContext
from gateway.workflows.jobs import Job, TryAgain
from gateway.workflows.records import StepState, unlike
from gateway.workflows.store import JOB, LostRun, last_saved
from gateway.workflows.tables import WorkflowStatus
from gateway.workflows.templates import fill_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.context.datasource import Datasource
    from gateway.workflows.context import Ask
    from gateway.workflows.declaring import Step, Workflow
    from gateway.workflows.jobs import Attempt
    from gateway.workflows.records import Run, StepRecord
    from gateway.workflows.store import Runs

_LONGEST_PAUSE = 300.0
_SOON = 2.0
"""Seconds for a note without which it goes on as well."""
_TOLD = 2_000
"""Characters of an error that are kept."""


class _Stop(Exception):  # noqa: N818 - carries the reason, and is caught here
    """The run ends now, and is not tried again."""


class Runner:
    """Runs `workflows` over `sources`, both by name. `ask`: the gateway, for a workflow."""

    def __init__(
        self,
        runs: Runs,
        workflows: Mapping[str, Workflow],
        sources: Mapping[str, Datasource],
        ask: Callable[[Workflow], Ask],
    ) -> None:
        self._runs = runs
        self._workflows = workflows
        self._sources = sources
        self._ask = ask

    def job(self) -> Job:
        """What a worker does for a run; its own tries are counted step by step."""
        return Job(JOB, self._perform, attempts=1_000_000, pause=1.0, longest=60.0)

    async def _perform(self, attempt: Attempt) -> None:
        run = await self._runs.take(attempt.arguments["run"])
        if run is None:
            return
        with suppress(LostRun):
            try:
                await self._through(run, self._workflow(run))
            except _Stop as stop:
                await self._runs.note(run, WorkflowStatus.FAILED, str(stop))
            except SourceError as error:
                for step in run.steps[last_saved(run.steps) + 1 :][:1]:
                    step.error = f"It waits: {error.message}"
                await self._runs.note(run)
                raise
            else:
                await self._runs.note(run, WorkflowStatus.SUCCEEDED)

    def _workflow(self, run: Run) -> Workflow:
        workflow = self._workflows.get(run.workflow)
        if workflow is None:
            listed = ", ".join(sorted(self._workflows)) or "none"
            raise _Stop(f"There is no workflow {run.workflow!r} any more; there is {listed}.")
        reason = unlike(workflow, run.version, run.steps)
        if reason is not None:
            raise _Stop(f"The run {reason}")
        return workflow

    async def _through(self, run: Run, workflow: Workflow) -> None:
        """All steps that are not done. Raises _Stop, LostRun, TryAgain, SourceError."""
        saved = last_saved(run.steps)
        variables = dict(run.variables)
        if saved >= 0:
            variables = await self._restored(run, run.steps[saved])
        looking = run.attempt > 1  # the first taker cannot have left anything
        for step, record in list(zip(workflow.steps, run.steps, strict=True))[saved + 1 :]:
            kept = await self._kept(run, record) if looking else None
            if kept is not None:
                variables = kept
                record.end(StepState.SAVED)
                await self._runs.note(run)
            else:
                looking = False
                await self._one(run, workflow, step, record, variables)

    async def _one(
        self,
        run: Run,
        workflow: Workflow,
        step: Step,
        record: StepRecord,
        variables: dict[str, Any],
    ) -> None:
        """Do one step and save the context after it."""
        if record.state is StepState.DONE:  # done again because of another one: that is no failure
            record.reset()
        if record.tries >= workflow.attempts:
            record.end(StepState.FAILED, f"Its worker ended in each of {record.tries} tries.")
            raise _Stop(f"Step {step.name}: {record.error}")
        record.begin()
        await self._runs.note(run)
        try:
            result = await self._result(run, workflow, step, record, variables)
            if result is not None:
                variables[step.name] = result
            await self._save(run, record, variables)
        except asyncio.CancelledError:
            await self._interrupted(run, record)
            raise
        record.end(StepState.SAVED if record.targets else StepState.DONE)
        await self._runs.note(run)

    async def _result(
        self,
        run: Run,
        workflow: Workflow,
        step: Step,
        record: StepRecord,
        variables: dict[str, Any],
    ) -> Any:
        """What the step's node gives. Raises TryAgain or _Stop where it fails, LostRun."""
        sources = {name: self._sources[name] for name in workflow.datasources}
        context = StepContext(
            request_id=run.id,
            step=record,
            variables=variables,
            sources=sources,
            note=lambda: self._runs.note(run),
            ask=self._ask(workflow),
        )
        try:
            async with asyncio.timeout(workflow.timeout):
                inputs = await fill_inputs(step.inputs, run.id, variables, context.datasource)
                return await step.node(context, **inputs)
        except LostRun:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            await self._failed(run, workflow, record, error)  # something of its own was cancelled
        except Exception as error:  # noqa: BLE001 - whatever a step raises, it has failed
            await self._failed(run, workflow, record, error)

    async def _failed(
        self, run: Run, workflow: Workflow, record: StepRecord, error: BaseException
    ) -> NoReturn:
        """Note it, and try again later or stop: raises TryAgain or _Stop."""
        record.end(StepState.FAILED, _told(error))
        if record.tries >= workflow.attempts:
            raise _Stop(f"Step {record.name}: {record.error}")
        await self._runs.note(run)
        raise TryAgain(min(workflow.pause * 2 ** min(record.tries - 1, 30), _LONGEST_PAUSE))

    async def _interrupted(self, run: Run, record: StepRecord) -> None:
        """The worker stops: that is no failure of the step."""
        record.tries -= 1
        record.end(StepState.PENDING)
        with suppress(LostRun):
            await self._note_soon(run)

    async def _note_soon(self, run: Run) -> None:
        """Note the run, or let it be where the database does not answer at once. Raises LostRun."""
        with suppress(SourceError, TimeoutError):
            async with asyncio.timeout(_SOON):
                await self._runs.note(run)

    # The context after a step.

    async def _save(self, run: Run, record: StepRecord, variables: dict[str, Any]) -> None:
        """Keep the context at every target. Raises _Stop: the last good one stays where it is.

        From then on the variables are what a run that is resumed here would find.
        """
        if not record.targets:
            return
        await self._note_soon(run)  # who was away for long may have lost the run: LostRun
        kept = {**_mark(run, record), "vars": variables}
        for target in record.targets:
            try:
                await self._source(target).save(record.key, kept)
            except PlaitError as error:
                reason = f"its context could not be saved to {target}: {_told(error)}"
                record.end(StepState.FAILED, reason)
                raise _Stop(f"Step {record.name}: {reason}") from None
        variables.update(orjson.loads(orjson.dumps(variables)))

    async def _kept(self, run: Run, record: StepRecord) -> dict[str, Any] | None:
        """The variables after a step, from the first target that holds them.

        Only where every target does: otherwise the step is done again. Raises SourceError.
        """
        found = None
        for target in record.targets:
            found = await self._load(run, record, target)
            if found is None:
                return None
        return found

    async def _restored(self, run: Run, record: StepRecord) -> dict[str, Any]:
        """The variables after the last saved step, from any target that still holds them."""
        loads = (self._load(run, record, target) for target in record.targets)
        found: dict[str, Any] | None = await first_kept(loads)
        if found is not None:
            return found
        raise _Stop(f"The context after step {record.name} is kept no longer; start a new run.")

    def _source(self, name: str) -> Datasource:
        """A datasource by name. Raises _Stop: the settings have changed since the run began."""
        if name not in self._sources:
            listed = ", ".join(sorted(self._sources)) or "none"
            raise _Stop(f"There is no datasource {name!r} any more; there is {listed}.")
        return self._sources[name]

    async def _load(self, run: Run, record: StepRecord, target: str) -> dict[str, Any] | None:
        """The variables as a target keeps them; None for what is broken, or not this run's."""
        try:
            kept = await self._source(target).load(record.key)
        except SourceDataError:
            return None
        mark = _mark(run, record)
        if not isinstance(kept, dict) or any(kept.get(name) != one for name, one in mark.items()):
            return None
        return dict(kept["vars"])


def _mark(run: Run, record: StepRecord) -> dict[str, Any]:
    """Whose context it is, so that no other is taken for it."""
    return {
        "run": run.id,
        "workflow": run.workflow,
        "version": run.version,
        "step": record.name,
        "created": run.created_at.isoformat(),
    }


def _told(error: BaseException) -> str:
    """An error in words that may be shown, and that the database takes."""
    if isinstance(error, PlaitError):
        text = error.message[:_TOLD].replace("\0", "\N{REPLACEMENT CHARACTER}")
        return text.encode(errors="replace").decode()
    if isinstance(error, TimeoutError):
        return "it took too long."
    return f"an internal error, logged as {log_internal(error)}."
