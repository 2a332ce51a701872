-- Lets changes of a table reach a vector collection: of new and deleted rows, and of `columns`.
--
-- `key` is the primary key, an integer or UUID. Watching again replaces what was watched for this
-- table and collection. Needs the right TRIGGER on the table; takes a lock that waits for writers.
--
-- The trigger's function is made for the collection, with its SQL written out: PostgreSQL then
-- plans it once in a session, not at every change. It notes the keys once for a statement, in their
-- order, so that two writers of the same rows wait and do not deadlock; and it defers the job that
-- brings the points up to date, unless entries wait already: then there is one. Where that one has
-- just ended, the worker's regular look finds ours. Waiting for it instead would make every writer
-- wait for all others.
CREATE OR REPLACE FUNCTION public.plait_sync_watch(
    watched regclass, collection text, key name, columns name[]
) RETURNS void LANGUAGE plpgsql STRICT
AS $watch$
DECLARE
    function text := 'changed_' || left(md5(watched::text || ' ' || collection), 16);
    trigger text := 'plait_sync_' || left(md5(collection), 8);
    news text := (SELECT string_agg(format('n.%I', each), ', ') FROM unnest(columns) AS each);
    olds text := (SELECT string_agg(format('o.%I', each), ', ') FROM unnest(columns) AS each);
    noted text := 'ON CONFLICT (collection, key) DO UPDATE SET revision = DEFAULT,'
        ' due_at = DEFAULT, attempts = DEFAULT, failed = DEFAULT, last_error = DEFAULT;';
BEGIN
    EXECUTE format(
        $function$
CREATE OR REPLACE FUNCTION plait_sync.%1$I() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    waiting boolean := EXISTS (
        SELECT FROM plait_sync.vector_changes AS entry
        WHERE entry.collection = %2$L AND NOT entry.failed AND entry.due_at <= now()
    );
    noted bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO plait_sync.vector_changes (collection, key)
        SELECT %2$L, coalesce(n.%3$I, o.%3$I)::text
        FROM plait_rows AS n FULL JOIN plait_old AS o ON n.%3$I = o.%3$I
        WHERE n.%3$I IS NULL OR o.%3$I IS NULL OR ROW(%4$s)::record *<> ROW(%5$s)::record
        ORDER BY 2
        %6$s
    ELSIF TG_OP = 'TRUNCATE' THEN
        INSERT INTO plait_sync.vector_changes (collection, key)
        SELECT %2$L, known.entity_id FROM public.vector_metadata AS known
        JOIN public.collections AS filled ON filled.id = known.collection_id
        WHERE filled.name = %2$L ORDER BY 2
        %6$s
    ELSE
        INSERT INTO plait_sync.vector_changes (collection, key)
        SELECT %2$L, one.%3$I::text FROM plait_rows AS one ORDER BY 2
        %6$s
    END IF;
    GET DIAGNOSTICS noted = ROW_COUNT;
    IF noted > 0 AND NOT waiting THEN
        PERFORM public.plait_defer(
            'vector-sync', jsonb_build_object('collection', %2$L),
            lock => 'vector-sync:' || %2$L
        );
    END IF;
    RETURN NULL;
END
$body$
        $function$,
        function, collection, key, news, olds, noted
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS plait_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION plait_sync.%I()',
        trigger || '_inserted', watched, function
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER DELETE ON %s REFERENCING OLD TABLE AS plait_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION plait_sync.%I()',
        trigger || '_deleted', watched, function
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER UPDATE ON %s'
        ' REFERENCING NEW TABLE AS plait_rows OLD TABLE AS plait_old'
        ' FOR EACH STATEMENT EXECUTE FUNCTION plait_sync.%I()',
        trigger || '_updated', watched, function
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION plait_sync.%I()',
        trigger || '_truncated', watched, function
    );
END
$watch$
