-- The trigger of every watched table: tells a channel which rows a statement changed.
--
-- Arguments: the channel, the key columns as a JSON array ([] without a primary key), and the SQL
-- that makes a row's key a JSON array; `plait_watch` fills them in.
--
-- A message is JSON: {"table": [schema, name], "operation": …, "columns": [name, …],
-- "keys": [[value, …], …] or null for the whole table, "number": …, "transaction": …}.
-- More than 500 rows, or keys of more than about 30,000 bytes, are the whole table.
--
-- `number` counts the messages of a session. It lives in a session setting because that is undone
-- with the transaction or savepoint, as its messages are: without a loss no number is missing, and
-- no writer waits for another to get one.
--
-- There are few expressions: PostgreSQL prepares each anew in every transaction, which is most of
-- the cost. And no variable stands in a query on the table's rows, whose columns may bear its name.
CREATE OR REPLACE FUNCTION plait_changed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET bytea_output = 'hex'
AS $$
DECLARE
    keys text[];
    old_keys text[];
    named json;
    head text;
    body text;
    room integer;
    key text;
    part text := '';
    parts text[] := '{}';
    number bigint;
BEGIN
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            EXECUTE 'SELECT ARRAY(SELECT ' || TG_ARGV[2] || ' FROM plait_rows LIMIT 501),'
                ' ARRAY(SELECT ' || TG_ARGV[2] || ' FROM plait_old LIMIT 501)' INTO keys, old_keys;
        ELSIF TG_OP <> 'TRUNCATE' THEN
            EXECUTE 'SELECT ARRAY(SELECT ' || TG_ARGV[2] || ' FROM plait_rows LIMIT 501)' INTO keys;
        END IF;
    EXCEPTION WHEN undefined_column THEN
        keys := NULL; -- a key column has another name now: that must not fail the write
    END;
    IF keys = '{}' THEN
        RETURN NULL;
    ELSIF cardinality(keys) > 500 OR TG_ARGV[1] = '[]' THEN
        keys := NULL;
    ELSIF keys <> old_keys THEN -- by its key, a row whose key was changed is two rows
        keys := ARRAY(SELECT unnest(keys) UNION SELECT unnest(old_keys));
    END IF;

    IF pg_partition_root(TG_RELID) <> TG_RELID THEN
        SELECT json_build_array(n.nspname, c.relname) INTO named
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = pg_partition_root(TG_RELID);
    ELSE
        named := json_build_array(TG_TABLE_SCHEMA, TG_TABLE_NAME);
    END IF;

    head := '{"table":' || named || ',"operation":"' || TG_OP
        || '","columns":' || TG_ARGV[1] || ',"keys":';
    body := '[' || array_to_string(keys, ',') || ']';
    room := 7900 - octet_length(head); -- of 8,000; the rest is for number and transaction
    IF octet_length(body) <= room THEN
        parts := ARRAY[body];
    ELSIF octet_length(body) <= room * 4
        AND (SELECT max(octet_length(each)) FROM unnest(keys) AS each) <= room - 2
    THEN
        FOREACH key IN ARRAY keys LOOP
            IF octet_length(part) + octet_length(key) + 3 > room THEN
                parts := parts || ('[' || part || ']');
                part := '';
            END IF;
            part := part || CASE part WHEN '' THEN '' ELSE ',' END || key;
        END LOOP;
        parts := parts || ('[' || part || ']');
    ELSE
        parts := ARRAY['null'];
    END IF;

    FOREACH part IN ARRAY parts LOOP
        number := coalesce(nullif(current_setting('plait.messages', true), ''), '0')::bigint + 1;
        PERFORM pg_notify(
            TG_ARGV[0],
            head || part || ',"number":' || set_config('plait.messages', number::text, false)
                || ',"transaction":' || pg_current_xact_id() || '}'
        );
    END LOOP;
    RETURN NULL;
END
$$;
