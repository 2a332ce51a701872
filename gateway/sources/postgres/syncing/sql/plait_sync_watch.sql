-- Lets changes of a table reach a vector collection: of new and deleted rows, and of `columns`.
--
-- `key` is the primary key, an integer or UUID. Watching again replaces what was watched for this
-- table and collection. Needs the right TRIGGER on the table; takes a lock that waits for writers.
CREATE OR REPLACE FUNCTION public.plait_sync_watch(
    watched regclass, collection text, key name, columns name[]
) RETURNS void LANGUAGE plpgsql STRICT
AS $$
DECLARE
    name text := 'plait_sync_' || left(md5(collection), 8) || '_';
    one text := format('SELECT %I::text AS key FROM plait_rows', key);
    changed text := format(
        'SELECT coalesce(n.%1$I, o.%1$I)::text AS key'
        ' FROM plait_rows AS n FULL JOIN plait_old AS o ON n.%1$I = o.%1$I'
        ' WHERE n.%1$I IS NULL OR o.%1$I IS NULL OR ROW(%2$s)::record *<> ROW(%3$s)::record',
        key,
        (SELECT string_agg(format('n.%I', each), ', ') FROM unnest(columns) AS each),
        (SELECT string_agg(format('o.%I', each), ', ') FROM unnest(columns) AS each)
    );
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS plait_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.plait_sync_changed(%L, %L)',
        name || 'inserted', watched, collection, one
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER DELETE ON %s REFERENCING OLD TABLE AS plait_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.plait_sync_changed(%L, %L)',
        name || 'deleted', watched, collection, one
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER UPDATE ON %s'
        ' REFERENCING NEW TABLE AS plait_rows OLD TABLE AS plait_old'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.plait_sync_changed(%L, %L, %L)',
        name || 'updated', watched, collection, one, changed
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.plait_sync_changed(%L)',
        name || 'truncated', watched, collection
    );
END
$$
