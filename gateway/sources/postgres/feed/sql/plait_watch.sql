-- Announces all changes of a table, and of its partitions under its name, on a channel.
--
-- Returns the primary key's columns, which the messages will carry; NULL where there is none, and
-- each message means the whole table. Watching again is harmless, and needed after the primary key
-- has changed or a partition was added. Needs the right TRIGGER on the table, and to create a function
-- in the current schema; takes a lock that waits for writers.
--
-- The function is the table's own, called by its name. Where a table of another name has it, as after
-- that was renamed, or another owner does, it gets another name.
CREATE OR REPLACE FUNCTION plait_watch(watched regclass, channel text DEFAULT 'plait_changes')
    RETURNS text[] LANGUAGE plpgsql STRICT
AS $$
DECLARE
    columns text[];
    expressions text;
    called text := (
        SELECT n.nspname || '.' || c.relname
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = watched
    );
    function text;
    trigger text;
    members regclass[] := ARRAY(
        SELECT watched UNION SELECT relid FROM pg_partition_tree(watched)
    );
    member regclass;
    reason text;
BEGIN
    IF channel !~ '^[a-z_][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'plait_watch: % is no name for a channel', quote_literal(channel)
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Lower-case letters, digits and _, at most 63.';
    END IF;

    FOR member, reason IN
        SELECT c.oid, CASE
            WHEN c.relkind = 'v' THEN 'is a view: watch the tables it reads'
            WHEN c.relkind = 'm' THEN 'is a materialized view: watch the tables it reads'
            WHEN c.relkind = 'f' THEN 'is a foreign table: watch it in its own database'
            WHEN c.relkind NOT IN ('r', 'p') THEN 'is not a table'
            WHEN c.relpersistence = 't' THEN 'is temporary: no other session sees it'
        END
        FROM pg_class AS c
        WHERE c.oid = ANY (members)
    LOOP
        IF reason IS NOT NULL THEN
            RAISE EXCEPTION 'plait_watch: % %', member, reason USING ERRCODE = 'wrong_object_type';
        END IF;
    END LOOP;

    -- Integers and booleans stay what they are in JSON; the rest becomes text, dates in ISO 8601.
    SELECT
        array_agg(a.attname::text ORDER BY k.place),
        string_agg(
            'n.' || quote_ident(a.attname) || CASE
                WHEN coalesce(nullif(t.typbasetype, 0), t.oid) = ANY (
                    '{smallint,integer,bigint,boolean}'::regtype[]
                ) OR t.typcategory = 'D' THEN ''
                ELSE '::text'
            END,
            ', ' ORDER BY k.place
        )
    INTO columns, expressions
    FROM pg_index AS i
    CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE i.indrelid = watched AND i.indisprimary AND k.place <= i.indnkeyatts;

    LOOP
        called := md5(called);
        function := 'plait_changed_' || left(called, 16);
        EXIT WHEN NOT EXISTS (
            SELECT FROM pg_proc AS p
            WHERE p.proname = function AND (
                NOT pg_has_role(p.proowner, 'USAGE')
                OR EXISTS (SELECT FROM pg_trigger WHERE tgfoid = p.oid AND tgrelid <> ALL (members))
            )
        );
    END LOOP;
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql'
        ' SET search_path = pg_catalog, pg_temp'
        ' SET timezone = ''UTC'' SET bytea_output = ''hex'' SET extra_float_digits = 1'
        ' AS %L', function, plait_source(
            channel, to_json(coalesce(columns, '{}'))::text,
            coalesce('json_build_array(' || expressions || ')::text', 'NULL::text')
        )
    );
    trigger := format('FOR EACH STATEMENT EXECUTE FUNCTION %I(%L)', function, channel);
    FOREACH member IN ARRAY members LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_inserted AFTER INSERT ON %s'
            ' REFERENCING NEW TABLE AS plait_rows %s', member, trigger
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_updated AFTER UPDATE ON %s'
            ' REFERENCING NEW TABLE AS plait_rows OLD TABLE AS plait_old %s', member, trigger
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_deleted AFTER DELETE ON %s'
            ' REFERENCING OLD TABLE AS plait_rows %s', member, trigger
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_truncated AFTER TRUNCATE ON %s %s', member, trigger
        );
    END LOOP;
    RETURN columns;
END
$$;
