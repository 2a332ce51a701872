"""Operations: how the collectors and the pipelines are doing."""

from datetime import datetime
from uuid import UUID

from strawberry import ID
from strawberry.scalars import JSON

from gateway import (
    Connection,
    by_key,
    delete,
    delete_many,
    entity,
    insert,
    listing,
    mutations,
    queries,
    update,
    upsert,
)
from resolvers import models
from resolvers.models import PluginStatus, RunStatus


@entity(models.plugin_health)
class PluginHealth:
    """A collector's state."""

    id: ID
    name: str
    status: PluginStatus
    last_run: datetime | None
    last_success: datetime | None
    last_error: str | None
    success_count: int
    error_count: int
    consecutive_errors: int
    metadata: JSON


@entity(models.pipeline_runs)
class PipelineRun:
    """One run of a pipeline."""

    id: UUID
    pipeline: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None
    items_collected: int
    items_processed: int
    errors: JSON
    metadata: JSON


@queries
class OperationsQueries:
    """Reading operations."""

    plugin: PluginHealth | None = by_key(description="The collector with this id.")
    plugins: Connection[PluginHealth] | None = listing(description="All collectors.")
    pipeline_run: PipelineRun | None = by_key(description="The run with this id.")
    pipeline_runs: Connection[PipelineRun] | None = listing(description="All runs.")


@mutations(roles=["editor", "admin"])
class OperationsMutations:
    """Writing operations: what collectors and pipelines report."""

    upsert_plugin: PluginHealth | None = upsert("name", description="A collector's state.")
    delete_plugin: PluginHealth | None = delete(description="Forgets a collector.")
    insert_pipeline_run: PipelineRun | None = insert(description="A run that begins.")
    update_pipeline_run: PipelineRun | None = update(description="A run's progress or end.")
    delete_pipeline_runs: list[PipelineRun] | None = delete_many(description="Forgets runs.")
