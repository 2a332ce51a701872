-- Ends what `plait_watch` began, for a table and its partitions; says whether it was watched.
CREATE OR REPLACE FUNCTION plait_unwatch(watched regclass)
    RETURNS boolean LANGUAGE plpgsql STRICT
AS $$
DECLARE
    member regclass;
    name text;
    removed boolean := false;
BEGIN
    FOR member, name IN
        SELECT tgrelid, tgname FROM pg_trigger
        WHERE tgfoid = 'plait_changed()'::regprocedure AND (
            tgrelid = watched OR tgrelid IN (SELECT relid FROM pg_partition_tree(watched))
        )
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', name, member);
        removed := true;
    END LOOP;
    RETURN removed;
END
$$;
