-- Writes a job down, in the transaction of the caller; gives its id. Jobs of one `lock` run one after
-- the other. A job that waits with the same `once` is given back instead of a second one. It is
-- updated, not just found: so no worker can begin it before this transaction has ended, and what it
-- then reads holds what this transaction wrote.
CREATE OR REPLACE FUNCTION public.plait_defer(
    job text,
    arguments jsonb DEFAULT '{}',
    lock text DEFAULT NULL,
    once text DEFAULT NULL,
    delay interval DEFAULT '0',
    priority integer DEFAULT 0
) RETURNS bigint LANGUAGE sql SET search_path = plait_engine, public AS $$
    INSERT INTO procrastinate_jobs
        (task_name, args, lock, queueing_lock, scheduled_at, priority)
    VALUES (
        job, arguments, lock, once, CASE WHEN delay > '0' THEN now() + delay END, priority
    )
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE SET args = excluded.args
    RETURNING id
$$
