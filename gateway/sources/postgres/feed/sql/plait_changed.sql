-- The trigger of every watched table: tells a channel which rows a statement changed.
--
-- Arguments: the channel, the key columns as a JSON array, and the SQL that reads them from a row;
-- the last is empty for a table without a primary key. `plait_watch` fills them in.
--
-- A message is JSON: {"table": [schema, name], "operation": …, "columns": [name, …],
-- "keys": [[value, …], …] or null for the whole table, "number": …, "transaction": …}.
-- `number` counts the messages of a session. It lives in a session setting because that is undone
-- with the transaction or savepoint, as its messages are: without a loss no number is missing, and
-- no writer waits for another to get one.
CREATE OR REPLACE FUNCTION plait_changed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET bytea_output = 'hex'
AS $$
DECLARE
    most_rows CONSTANT integer := 500;
    most_messages CONSTANT integer := 8;
    most_bytes CONSTANT integer := 7900; -- pg_notify refuses 8,000
    tail_bytes CONSTANT integer := 80; -- number and transaction, 20 digits each
    relation CONSTANT oid := coalesce(pg_partition_root(TG_RELID), TG_RELID);
    named json := json_build_array(TG_TABLE_SCHEMA, TG_TABLE_NAME);
    rows integer; -- counted up to most_rows + 1
    query text;
    head text;
    room integer;
    keys text[];
    key text;
    longest integer;
    total bigint;
    part text := '';
    parts text[] := '{}';
    number bigint;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        -- No variables here: one could bear the name of a column of the table.
        SELECT count(*) INTO rows FROM (SELECT FROM plait_rows LIMIT 501) AS changed;
        IF rows = 0 THEN
            RETURN NULL;
        END IF;
    END IF;

    IF relation <> TG_RELID THEN
        SELECT json_build_array(n.nspname, c.relname) INTO named
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = relation;
    END IF;

    IF rows <= most_rows AND TG_ARGV[2] <> '' THEN
        query := 'SELECT json_build_array(' || TG_ARGV[2] || ')::text AS key FROM ';
        query := CASE TG_OP
            -- A row whose key was changed is two rows to those who know it by its key.
            WHEN 'UPDATE' THEN query || 'plait_rows UNION ' || query || 'plait_old'
            ELSE query || 'plait_rows'
        END;
        BEGIN
            EXECUTE 'SELECT array_agg(key), max(octet_length(key)), sum(octet_length(key) + 1)'
                ' FROM (' || query || ') AS changed' INTO keys, longest, total;
        EXCEPTION WHEN undefined_column THEN
            total := NULL; -- a key column has another name now: that must not fail the write
        END;
    END IF;

    head := '{"table":' || named || ',"operation":"' || TG_OP
        || '","columns":' || TG_ARGV[1] || ',"keys":';
    room := most_bytes - tail_bytes - octet_length(head);
    IF total <= room THEN
        parts := ARRAY['[' || array_to_string(keys, ',') || ']'];
    ELSIF longest <= room AND total <= room::bigint * (most_messages / 2) THEN
        FOREACH key IN ARRAY keys LOOP
            IF octet_length(part) + octet_length(key) + 1 > room THEN
                parts := parts || ('[' || part || ']');
                part := '';
            END IF;
            part := part || CASE part WHEN '' THEN '' ELSE ',' END || key;
        END LOOP;
        parts := parts || ('[' || part || ']');
    ELSE
        parts := ARRAY['null'];
    END IF;

    number := coalesce(nullif(current_setting('plait.messages', true), '')::bigint, 0);
    FOREACH part IN ARRAY parts LOOP
        number := number + 1;
        PERFORM pg_notify(
            TG_ARGV[0],
            head || part || ',"number":' || number
                || ',"transaction":' || pg_current_xact_id() || '}'
        );
    END LOOP;
    PERFORM set_config('plait.messages', number::text, false);
    RETURN NULL;
END
$$;
