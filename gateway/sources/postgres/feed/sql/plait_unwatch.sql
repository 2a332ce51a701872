-- Ends what `plait_watch` began, for a table and its partitions; says whether it was watched.
CREATE OR REPLACE FUNCTION plait_unwatch(watched regclass)
    RETURNS boolean LANGUAGE plpgsql STRICT
AS $$
DECLARE
    member regclass;
    name text;
    function regprocedure;
    removed boolean := false;
BEGIN
    FOR member, name, function IN
        SELECT t.tgrelid, t.tgname, t.tgfoid FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE starts_with(p.proname, 'plait_changed') AND (
            t.tgrelid = watched OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(watched))
        )
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', name, member);
        IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = function) THEN
            EXECUTE format('DROP FUNCTION %s', function);
        END IF;
        removed := true;
    END LOOP;
    RETURN removed;
END
$$;
