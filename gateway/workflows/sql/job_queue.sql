-- A job waits in the queue of its name, whoever writes it down: a worker takes from the queues of the
-- names it knows. Their news comes by channels, whose names have 63 bytes, 23 of them procrastinate's.
CREATE OR REPLACE FUNCTION plait_engine.job_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF octet_length(NEW.task_name) > 40 THEN
        RAISE name_too_long USING MESSAGE = format(
            'the name of a job has at most 40 bytes; %L has %s',
            NEW.task_name, octet_length(NEW.task_name)
        );
    END IF;
    NEW.queue_name := NEW.task_name;
    RETURN NEW;
END
$$
