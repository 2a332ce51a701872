-- The trigger of every synced table: notes which rows' points may be out of date.
--
-- Arguments: the collection, and the SQL of the keys that an insert or delete, and that an update
-- concerns; `plait_sync_watch` fills them in. Once for a statement, in the order of the keys, so
-- that two writers of the same rows wait and do not deadlock.
--
-- The job that brings the points up to date is deferred with it, unless entries wait already: then
-- there is one. Where that one has just ended, the worker's regular look finds ours. Waiting for
-- it instead would make every writer wait for all others.
CREATE OR REPLACE FUNCTION public.plait_sync_changed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text := TG_ARGV[1];
    waiting boolean;
    marked bigint;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        keys := format(
            'SELECT entity_id AS key FROM public.vector_metadata AS m'
            ' JOIN public.collections AS c ON c.id = m.collection_id WHERE c.name = %L', TG_ARGV[0]
        );
    ELSIF TG_OP = 'UPDATE' THEN
        keys := TG_ARGV[2];
    END IF;
    waiting := EXISTS (
        SELECT FROM plait_sync.vector_changes
        WHERE collection = TG_ARGV[0] AND NOT failed AND due_at <= now()
    );
    EXECUTE 'INSERT INTO plait_sync.vector_changes AS known (collection, key) SELECT $1, key FROM ('
        || keys || ') AS changed ORDER BY key'
        ' ON CONFLICT (collection, key) DO UPDATE SET revision = DEFAULT, due_at = DEFAULT,'
        ' attempts = DEFAULT, failed = DEFAULT, last_error = DEFAULT'
    USING TG_ARGV[0];
    GET DIAGNOSTICS marked = ROW_COUNT;
    IF marked > 0 AND NOT waiting THEN
        PERFORM public.plait_defer(
            'vector-sync', jsonb_build_object('collection', TG_ARGV[0]),
            lock => 'vector-sync:' || TG_ARGV[0]
        );
    END IF;
    RETURN NULL;
END
$$
