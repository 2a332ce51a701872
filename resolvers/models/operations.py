"""How collecting goes: the health of collectors, the runs of pipelines."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from resolvers.models.base import (
    created,
    document,
    instant,
    metadata,
    moment,
    optional,
    plugin_status,
    required,
    run_status,
    serial_key,
    updated,
    uuid_key,
)

plugin_health = sa.Table(
    "plugin_health",
    metadata,
    serial_key("The entry's number."),
    required("name", sa.Text, "The collector's name."),
    required("status", plugin_status, "How the collector is doing."),
    moment("last_run", "When it last ran."),
    moment("last_success", "When it last ran without an error."),
    optional("last_error", sa.Text, "What its last error said."),
    required("success_count", sa.Integer, "How many runs went well.", "0"),
    required("error_count", sa.Integer, "How many runs failed.", "0"),
    required("consecutive_errors", sa.Integer, "Failed runs since the last good one.", "0"),
    document("metadata", "Whatever else is known, by name."),
    created(),
    updated(),
    sa.UniqueConstraint("name"),
    sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.CheckConstraint(
        "success_count >= 0 AND error_count >= 0 "
        "AND consecutive_errors >= 0 AND consecutive_errors <= error_count",
        name="counts_range",
    ),
    sa.Index(
        "ix_plugin_health_unwell",
        "status",
        postgresql_where=sa.text("status IN ('degraded', 'failing')"),
    ),
    comment="How a collector is doing.",
)

pipeline_runs = sa.Table(
    "pipeline_runs",
    metadata,
    uuid_key("The run's id."),
    required("pipeline", sa.Text, "The pipeline's name."),
    required("status", run_status, "How far the run has come.", "'pending'"),
    instant("started_at", "When it started.", "now()"),
    moment("ended_at", "When it ended; null while it runs."),
    required("items_collected", sa.Integer, "How many items it took in.", "0"),
    required("items_processed", sa.Integer, "How many items it finished.", "0"),
    required("errors", pg.JSONB, "The errors it met, as a list of messages.", "'[]'::jsonb"),
    document("metadata", "Whatever else is known, by name."),
    sa.CheckConstraint("char_length(pipeline) BETWEEN 1 AND 200", name="pipeline_length"),
    sa.CheckConstraint("items_collected >= 0 AND items_processed >= 0", name="counts_range"),
    sa.CheckConstraint("started_at <= ended_at", name="time_order"),
    sa.CheckConstraint("jsonb_typeof(errors) = 'array'", name="errors_list"),
    sa.Index(None, "pipeline", "started_at"),
    sa.Index(
        "ix_pipeline_runs_unfinished",
        "started_at",
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    ),
    comment="One run of a pipeline.",
)
