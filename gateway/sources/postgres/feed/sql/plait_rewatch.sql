-- Brings the functions of all watched tables up to date, and drops those of tables that are gone.
--
-- Partitions come before their tables, whose functions they are to have.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT c.oid::regclass AS watched, c.relispartition,
            split_part(encode(t.tgargs, 'escape'), '\000', 1) AS channel
        FROM pg_trigger AS t
        JOIN pg_proc AS p ON p.oid = t.tgfoid
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE starts_with(p.proname, 'plait_changed')
        ORDER BY c.relispartition DESC
    LOOP
        PERFORM plait_watch(one.watched, one.channel);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure AS function FROM pg_proc AS p
        WHERE starts_with(p.proname, 'plait_changed')
            AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = p.oid)
    LOOP
        EXECUTE format('DROP FUNCTION %s', one.function);
    END LOOP;
END
$$;
