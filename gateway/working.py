"""The jobs of a process, and the worker that does them."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import ConfigurationError, PlaitError
from gateway.execution.exchange import GraphQLRequest
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping

    from gateway.context.registry import Datasources
    from gateway.embedding.contract import Embedder
    from gateway.execution.engine import Engine
    from gateway.schema.domain import Domain
    from gateway.settings import Settings
    from gateway.sync.filling import Changed, Filler
    from gateway.workflows.context import Ask
    from gateway.workflows.declaring import Workflow
    from gateway.workflows.jobs import Job
    from gateway.workflows.offering import Workflows
    from gateway.workflows.worker import Worker


def workflows_of(
    settings: Settings, domain: Domain, datasources: Datasources | None, engine: Engine
) -> Workflows | None:
    """The workflows that the settings offer; None, and nothing loaded, where they offer none."""
    if not (settings.workflows.enabled or settings.workflows.documents):
        return None
    from gateway.workflows.compose import workflows_of  # noqa: PLC0415 - only where wanted

    sources = datasources.by_name() if datasources is not None else {}
    asking = _asking(engine, settings.serve.deadline_seconds)
    return workflows_of(settings, domain.workflows, domain.nodes, sources, asking)


def fillers_of(
    settings: Settings,
    domain: Domain,
    engines: Mapping[str, Any],
    model: Embedder,
    changed: Changed | None,
) -> Mapping[str, Filler]:
    """By name the collections that are kept in step with rows; nothing is loaded where none is."""
    if not (domain.syncs and engines):
        return {}
    from gateway.sync.compose import fillers_of  # noqa: PLC0415 - only where wanted

    return fillers_of(settings, domain.syncs, engines, model, changed)


def jobs_of(fillers: Mapping[str, Filler]) -> list[Job]:
    """The jobs that keep these collections in step."""
    if not fillers:
        return []
    from gateway.sync.jobs import sync_jobs  # noqa: PLC0415 - only where wanted

    return sync_jobs(fillers)


def _asking(engine: Engine, seconds: float) -> Callable[[Workflow], Ask]:
    """How the steps of a workflow ask the gateway."""

    def of(workflow: Workflow) -> Ask:
        viewer = Viewer(f"workflow:{workflow.name}", workflow.roles)

        async def ask(document: str, variables: Mapping[str, Any]) -> Any:
            answer = await engine.answer(
                GraphQLRequest(document, None, dict(variables)),
                viewer,
                allow_mutations=True,
                deadline=time.monotonic() + seconds,
            )
            body = orjson.loads(answer.body)
            if body.get("errors"):
                first = body["errors"][0]
                raise PlaitError(str(first.get("message", "The gateway refused the operation.")))
            return body["data"]

        return ask

    return of


def worker_of(settings: Settings, jobs: Iterable[Job]) -> Worker:
    """A worker for these jobs. Raises ConfigurationError where there is no database for them."""
    from gateway.workflows.worker import Worker  # noqa: PLC0415 - the job engine, for workers only

    return Worker(
        _database(settings),
        jobs,
        concurrency=settings.jobs.concurrency,
        lease=settings.jobs.lease_seconds,
    )


def _database(settings: Settings) -> str:
    database = settings.postgres.get("default")
    if database is None:
        raise ConfigurationError(
            "postgres.default.url (POSTGRES_URL): jobs are kept in this database."
        )
    return (database.direct_url or database.dsn).reveal()


def chores_of(
    settings: Settings,
    datasources: Datasources | None,
    workflows: Workflows | None,
    model: Embedder,
) -> Iterator[Coroutine[Any, Any, None]]:
    """What a gateway does beside serving, by itself.

    Workers prune the datasources that workflows use. The model is got ready for the first text.
    """
    if datasources is not None and workflows is None:
        from gateway.context.registry import keep_pruned  # noqa: PLC0415 - only where wanted

        yield keep_pruned(datasources.by_name())
    if settings.embedding.warm and settings.qdrant:
        yield model.warm()


@asynccontextmanager
async def working(
    settings: Settings, jobs: Iterable[Job], chores: Iterable[Coroutine[Any, Any, None]] = ()
) -> AsyncIterator[None]:
    """Do chores during the block; and jobs, where this process is to."""
    tasks = [asyncio.create_task(chore, name="chore") for chore in chores]
    wanted = list(jobs) if settings.jobs.inside else []
    if wanted:
        tasks.append(asyncio.create_task(worker_of(settings, wanted).run(), name="jobs"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
