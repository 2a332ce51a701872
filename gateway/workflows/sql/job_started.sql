-- A job that has begun gives its `once` away: while it runs, and while it waits for another try, a
-- new one may wait beside it.
CREATE OR REPLACE FUNCTION plait_engine.job_started() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.queueing_lock := NULL;
    RETURN NEW;
END
$$
