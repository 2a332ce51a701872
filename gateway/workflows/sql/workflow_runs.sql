CREATE TYPE plait_engine.workflow_status AS ENUM (
    'queued', 'running', 'succeeded', 'failed', 'cancelled'
);

CREATE TABLE plait_engine.workflow_runs (
    id text NOT NULL,
    workflow text NOT NULL,
    version integer NOT NULL,
    status plait_engine.workflow_status NOT NULL DEFAULT 'queued',
    variables jsonb NOT NULL,
    record jsonb NOT NULL,
    error text,
    attempt bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT pk_workflow_runs PRIMARY KEY (id)
);

CREATE INDEX ix_workflow_runs_workflow_created_at
    ON plait_engine.workflow_runs (workflow, created_at);
CREATE INDEX ix_workflow_runs_ended_at ON plait_engine.workflow_runs (ended_at);

COMMENT ON TABLE plait_engine.workflow_runs IS 'One run of a workflow.';
COMMENT ON COLUMN plait_engine.workflow_runs.id IS 'The request id, unique over all workflows.';
COMMENT ON COLUMN plait_engine.workflow_runs.workflow IS 'The workflow''s name.';
COMMENT ON COLUMN plait_engine.workflow_runs.version IS 'The workflow''s version.';
COMMENT ON COLUMN plait_engine.workflow_runs.status IS 'How far the run has come.';
COMMENT ON COLUMN plait_engine.workflow_runs.variables IS 'What it was started with.';
COMMENT ON COLUMN plait_engine.workflow_runs.record IS 'What is known of its steps, in their order.';
COMMENT ON COLUMN plait_engine.workflow_runs.error IS 'Why it failed; null where it did not.';
COMMENT ON COLUMN plait_engine.workflow_runs.attempt IS
    'Counts the workers that took it on; only the last may write.';
COMMENT ON COLUMN plait_engine.workflow_runs.created_at IS 'When it was asked for.';
COMMENT ON COLUMN plait_engine.workflow_runs.started_at IS 'When its first step began.';
COMMENT ON COLUMN plait_engine.workflow_runs.ended_at IS 'When it ended; null until then.';
