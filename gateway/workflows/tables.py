"""The table of runs. It lies in the engine's own schema, apart from the domain's tables."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

SCHEMA = "plait_engine"


class WorkflowStatus(StrEnum):
    """How far a run has come."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATUS = sa.Enum(*(one.value for one in WorkflowStatus), name="workflow_status", schema=SCHEMA)
_MOMENT = sa.TIMESTAMP(timezone=True)

workflow_runs = sa.Table(
    "workflow_runs",
    sa.MetaData(schema=SCHEMA),
    sa.Column(
        "id", sa.Text, primary_key=True, comment="The request id, unique over all workflows."
    ),
    sa.Column("workflow", sa.Text, nullable=False, comment="The workflow's name."),
    sa.Column("version", sa.Integer, nullable=False, comment="The workflow's version."),
    sa.Column("status", _STATUS, nullable=False, comment="How far the run has come."),
    sa.Column("variables", pg.JSONB, nullable=False, comment="What it was started with."),
    sa.Column(
        "record", pg.JSONB, nullable=False, comment="What is known of its steps, in their order."
    ),
    sa.Column("error", sa.Text, comment="Why it failed; null where it did not."),
    sa.Column("created_at", _MOMENT, nullable=False, comment="When it was asked for."),
    sa.Column("started_at", _MOMENT, comment="When its first step began."),
    sa.Column("ended_at", _MOMENT, comment="When it ended; null until then."),
    comment="One run of a workflow.",
)
"""As `sql/workflow_runs.sql` makes it; what only workers need of it is left out."""
