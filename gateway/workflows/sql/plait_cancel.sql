-- Cancels the jobs of a lock, in the transaction of the caller: one that waits is never begun, one
-- that runs is interrupted by its worker. Gives how many there were.
CREATE OR REPLACE FUNCTION public.plait_cancel(cancelled text)
RETURNS bigint LANGUAGE sql SET search_path = plait_engine, public AS $$
    SELECT count(procrastinate_cancel_job_v1(id, true, true))
    FROM procrastinate_jobs WHERE lock = cancelled AND status IN ('todo', 'doing')
$$
