-- Rows whose points may be out of date: at most one entry for each, however often it changes.
--
-- A change puts a new `revision` into its row's entry. A worker deletes the entry only if it still
-- has the revision that was there before the row was read: so no change is lost, and none that is
-- not committed is seen. `job`: the embedding job that asked for it. `failed`: tried too often.
CREATE TABLE IF NOT EXISTS plait_sync.vector_changes (
    collection text NOT NULL,
    key text NOT NULL,
    revision bigint GENERATED ALWAYS AS IDENTITY,
    job uuid,
    due_at timestamptz DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    failed boolean DEFAULT false NOT NULL,
    last_error text,
    PRIMARY KEY (collection, key)
)
