-- Announces all changes of a table, and of its partitions under its name, on a channel.
--
-- Returns the primary key's columns, which the messages will carry; NULL where there is none, and
-- each message means the whole table. Watching again is harmless, and needed after the primary key
-- has changed or a partition was added. Needs the right TRIGGER on the table; takes a lock that
-- waits for writers.
CREATE OR REPLACE FUNCTION plait_watch(watched regclass, channel text DEFAULT 'plait_changes')
    RETURNS text[] LANGUAGE plpgsql STRICT
AS $$
DECLARE
    columns text[];
    expressions text;
    arguments text;
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
        WHERE c.oid = watched OR c.oid IN (SELECT relid FROM pg_partition_tree(watched))
    LOOP
        IF reason IS NOT NULL THEN
            RAISE EXCEPTION 'plait_watch: % %', member, reason USING ERRCODE = 'wrong_object_type';
        END IF;
    END LOOP;

    -- Integers and booleans stay what they are in JSON; the rest becomes text, dates in ISO 8601.
    SELECT
        array_agg(a.attname::text ORDER BY k.place),
        string_agg(
            quote_ident(a.attname) || CASE
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

    arguments := format(
        '%L, %L, %L', channel, to_json(coalesce(columns, '{}')),
        coalesce('json_build_array(' || expressions || ')::text', 'NULL::text')
    );
    FOR member IN
        SELECT watched UNION SELECT relid FROM pg_partition_tree(watched)
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_inserted AFTER INSERT ON %s'
            ' REFERENCING NEW TABLE AS plait_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION plait_changed(%s)', member, arguments
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_updated AFTER UPDATE ON %s'
            ' REFERENCING NEW TABLE AS plait_rows OLD TABLE AS plait_old'
            ' FOR EACH STATEMENT EXECUTE FUNCTION plait_changed(%s)', member, arguments
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_deleted AFTER DELETE ON %s'
            ' REFERENCING OLD TABLE AS plait_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION plait_changed(%s)', member, arguments
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER plait_truncated AFTER TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION plait_changed(%s)', member, arguments
        );
    END LOOP;
    RETURN columns;
END
$$;
