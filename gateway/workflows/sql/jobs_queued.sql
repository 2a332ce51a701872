-- Those that were written down before there was a queue for each name.
UPDATE plait_engine.procrastinate_jobs SET queue_name = task_name WHERE queue_name <> task_name
