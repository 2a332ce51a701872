CREATE OR REPLACE TRIGGER job_started BEFORE UPDATE OF status ON plait_engine.procrastinate_jobs
FOR EACH ROW WHEN (OLD.status = 'todo' AND NEW.status = 'doing')
EXECUTE FUNCTION plait_engine.job_started()
