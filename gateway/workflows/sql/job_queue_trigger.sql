CREATE OR REPLACE TRIGGER job_queue BEFORE INSERT ON plait_engine.procrastinate_jobs
FOR EACH ROW EXECUTE FUNCTION plait_engine.job_queue()
