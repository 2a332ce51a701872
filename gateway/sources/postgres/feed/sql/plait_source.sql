-- The body of a watched table's trigger function: tells a channel which rows a statement changed.
--
-- `columns` are those of the key as a JSON array, [] without a primary key; `key` is the SQL that
-- makes a JSON array of that of the row `n`. `plait_watch` fills them in. It is written out for each
-- table, as PostgreSQL would plan a key's SQL anew for every statement if it were put together then.
-- No other column is named: whatever becomes of the others is seen at once.
--
-- A message is JSON: {"table": [schema, name], "operation": …, "columns": [name, …],
-- "changed": [name, …] or null for any column, "keys": [[value, …], …] or null for the whole table,
-- "number": …, "transaction": …}.
-- More than 500 rows, or keys of more than about 30,000 bytes, are the whole table.
--
-- `changed` are the columns of which an update changed the value in some row. Rows of more than
-- 100,000 bytes are not compared, and more than 1,000 bytes of names not told: any column. The rows
-- are compared as JSON because that needs no names of columns, so that PostgreSQL prepares it once a
-- session and table, and anew after an ALTER TABLE. JSON's null is both SQL's and that of a JSON
-- column, and stands for a generated column that is not stored: those count as changed where null.
--
-- `number` counts the messages of a session. It lives in a session setting because that is undone
-- with the transaction or savepoint, as its messages are: without a loss no number is missing, and
-- no writer waits for another to get one.
--
-- There are few expressions: PostgreSQL prepares each anew in every transaction, which is most of
-- the cost. And no variable stands in a query on the table's rows, whose columns may bear its name;
-- columns are named with the row's alias for the same reason.
CREATE OR REPLACE FUNCTION plait_source(channel text, columns text, key text)
    RETURNS text LANGUAGE sql IMMUTABLE
AS $plait$
SELECT format($source$
DECLARE
    keys text[];
    old_keys text[];
    changed text;
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
            SELECT
                ARRAY(SELECT %3$s FROM plait_rows AS n LIMIT 501),
                ARRAY(SELECT %3$s FROM plait_old AS n LIMIT 501)
            INTO keys, old_keys;
            changed := CASE
                -- The same keys show that both tables have their rows in the same order.
                WHEN keys = old_keys AND cardinality(keys) <= 500 AND %2$L <> '[]'
                    AND (SELECT sum(pg_column_size(n.*)) FROM plait_rows AS n) <= 100000
                THEN to_json(ARRAY(
                    SELECT DISTINCT cell.name
                    FROM unnest(
                        ARRAY(SELECT row_to_json(n.*) FROM plait_rows AS n),
                        ARRAY(SELECT row_to_json(o.*) FROM plait_old AS o)
                    ) AS line (after, before),
                    ROWS FROM (json_each(line.after), json_each(line.before))
                        AS cell (name, after, same, before)
                    WHERE cell.after::text <> cell.before::text
                        OR cell.after::text = 'null' AND cell.name = ANY (ARRAY(
                            SELECT a.attname
                            FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                            WHERE a.attrelid = TG_RELID AND (
                                a.attgenerated = 'v' OR t.typname IN ('json', 'jsonb')
                                OR t.typtype = 'd' AND t.typcategory = 'U'
                            )
                        ))
                ))
            END;
        ELSIF TG_OP <> 'TRUNCATE' THEN
            keys := ARRAY(SELECT %3$s FROM plait_rows AS n LIMIT 501);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        NULL; -- as when a key column has another name now: that must not fail the write
    END;
    IF keys || old_keys = '{}' THEN -- a partition may drop what an update moves to it: old ones alone
        RETURN NULL;
    ELSIF cardinality(keys) > 500 OR %2$L = '[]' THEN
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
        || '","columns":' || %2$L || ',"changed":'
        || CASE WHEN octet_length(changed) <= 1000 THEN changed ELSE 'null' END || ',"keys":';
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
            %1$L,
            head || part || ',"number":' || set_config('plait.messages', number::text, false)
                || ',"transaction":' || pg_current_xact_id() || '}'
        );
    END LOOP;
    RETURN NULL;
END
$source$, channel, columns, key)
$plait$;
