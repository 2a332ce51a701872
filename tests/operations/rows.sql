-- The rows behind the golden operations. Every value is written out: nothing depends on the clock.
-- Trend 6 has no point in the vector engine; topic 4 has neither items nor trends.

INSERT INTO topics
    (id, title, summary, category, language, keywords, engagement_score, first_seen, last_updated, metadata, created_at, updated_at)
VALUES
    (1, 'Solar storms', 'Eruptions of the sun and what they do on Earth.', 'science', 'en', '{sun,aurora}', 12.5, '2025-03-01T00:00Z', '2025-03-20T12:30:15.25Z', '{"region": "north", "peak": {"kp": 9}}', '2025-04-01Z', '2025-04-01Z'),
    (2, 'Passwords in browsers', 'Stealing and guarding saved passwords.', 'credential_access', 'en', '{passwords,browser}', 40, '2025-02-01T00:00Z', '2025-03-25T00:00Z', '{"region": "world"}', '2025-04-01Z', '2025-04-01Z'),
    (3, 'Running records', 'Who runs how fast.', 'sports', 'de', '{running}', 3.75, NULL, NULL, '{}', '2025-04-01Z', '2025-04-01Z'),
    (4, 'A quiet topic', '', 'other', 'en', '{}', 0, NULL, NULL, '{}', '2025-04-01Z', '2025-04-01Z');

INSERT INTO trends
    (id, topic_id, rank, title, summary, category, state, score, item_count, velocity, first_seen, last_updated, upvotes, comments, engagement_score, sources, language, keywords, metadata, created_at, updated_at, owner_id)
VALUES
    (1, 1, 1, 'Aurora over Rome', 'Northern lights were seen far in the south.', 'science', 'viral', 98.5, 3, 1.5, '2025-03-01T00:00Z', '2025-03-20T12:30:15.25Z', 1200, 340, 12.5, '{reddit,rss}', 'en', '{aurora,sun}', '{"country": "IT", "tags": ["sky", "night"]}', '2025-04-01Z', '2025-04-01Z', 'hide-and-seek'),
    (2, 1, 3, 'Satellites fail', 'A solar storm disturbed satellites and navigation.', 'technology', 'emerging', 71.25, 2, 0.5, '2025-03-05T00:00Z', '2025-03-19T00:00Z', 150, 20, 4.5, '{hackernews}', 'en', '{satellite,sun}', '{"country": "US"}', '2025-04-01Z', '2025-04-01Z', 'hide-and-seek'),
    (3, 2, 2, 'Password stealers', 'Malware steals passwords saved in a browser.', 'credential_access', 'sustained', 88, 3, -0.25, '2025-02-01T00:00Z', '2025-03-25T00:00Z', 800, 95, 40, '{mitre_attack,rss}', 'en', '{passwords,malware}', '{}', '2025-04-01Z', '2025-04-01Z', 'lost-keys'),
    (4, 2, 4, 'Passkeys arrive', 'Sign in without a password by a key on the phone.', 'security', 'emerging', 60, 1, 0, '2025-03-10T00:00Z', '2025-03-24T00:00Z', 90, 8, 2.25, '{hackernews,rss}', 'en', '{passkeys,passwords}', '{"tags": ["phone"]}', '2025-04-01Z', '2025-04-01Z', 'lost-keys'),
    (5, 3, 5, 'Marathon unter zwei Stunden', 'Der schnellste Marathon aller Zeiten.', 'sports', 'declining', 42.5, 1, -2, '2025-01-10T00:00Z', '2025-02-10T00:00Z', 60, 0, 1, '{youtube}', 'de', '{running}', '{}', '2025-04-01Z', '2025-04-01Z', NULL),
    (6, 3, 6, 'Trail running', 'Running where there is no road.', 'sports', 'dead', 0, 0, -1, '2024-06-01T00:00Z', '2024-09-01T00:00Z', 0, 0, 0, '{}', 'en', '{}', '{}', '2025-04-01Z', '2025-04-01Z', 'gone');

INSERT INTO processed_items
    (id, source, source_id, title, content, author, url, language, published_at, collected_at, metrics, metadata, created_at, updated_at)
VALUES
    (1, 'reddit', 'r-1', 'Red sky at night', E'Seen from a roof.\nWith "quotes" and a\ttab.', 'ada', 'https://example.org/1', 'en', '2025-03-19T21:00Z', '2025-03-20T06:00Z', '{"votes": 120}', '{}', '2025-04-01Z', '2025-04-01Z'),
    (2, 'rss', 'a-2', 'Storm of the decade', 'The strongest since 2003.', NULL, 'https://example.org/2', 'en', '2025-03-18T08:00Z', '2025-03-20T06:00Z', '{"votes": 4}', '{"section": "weather"}', '2025-04-01Z', '2025-04-01Z'),
    (3, 'mitre_attack', 'S-3', 'Radio noise and stolen logins', 'Two things at once: a storm, and a theft under its cover.', 'Zoë 🌞', NULL, 'en', NULL, '2025-03-20T06:00Z', '{}', '{}', '2025-04-01Z', '2025-04-01Z'),
    (4, 'mitre_attack', 'S-4', 'Credentials from web browsers', 'Adversaries read the store of saved passwords.', NULL, NULL, 'en', '2025-02-03T00:00Z', '2025-03-21T06:00Z', '{"references": 7}', '{}', '2025-04-01Z', '2025-04-01Z'),
    (5, 'hackernews', 'h-5', 'Show: a password safe', 'Keeps your passwords.', 'bob', 'https://example.org/5', 'en', '2025-03-01T10:00Z', '2025-03-21T06:00Z', '{"votes": 33}', '{}', '2025-04-01Z', '2025-04-01Z'),
    (6, 'youtube', 'y-6', 'Der Lauf', 'Zwei Stunden.', 'ada', 'https://example.org/6', 'de', '2025-02-09T09:00Z', '2025-03-22T06:00Z', '{"views": 9000}', '{}', '2025-04-01Z', '2025-04-01Z'),
    (7, 'other', 'o-7', 'Alone', '', NULL, NULL, 'en', NULL, '2025-03-22T06:00Z', '{}', '{}', '2025-04-01Z', '2025-04-01Z');

INSERT INTO topic_items (topic_id, item_id, position, relevance) VALUES
    (1, 1, 1, 1), (1, 2, 2, 0.75), (1, 3, 3, 0.5),
    (2, 4, 1, 1), (2, 5, 2, 0.5), (2, 3, 3, 0.25),
    (3, 6, 1, 1);

INSERT INTO users (id, email, role, password_hash, api_key_hashes, active, created_at, updated_at) VALUES
    ('11111111-1111-4111-8111-111111111111', 'ada@example.org', 'admin', '$argon2id$none', '{}', true, '2025-01-01Z', '2025-01-01Z'),
    ('22222222-2222-4222-8222-222222222222', 'bob@example.org', 'viewer', '$argon2id$none', '{}', false, '2025-01-02Z', '2025-01-02Z');

INSERT INTO collections
    (id, name, vector_size, distance, embedding_model, owner_id, point_count, status, created_at, updated_at)
VALUES
    (1, 'trend_embeddings', 256, 'cosine', 'wordllama', '11111111-1111-4111-8111-111111111111', 6, 'ready', '2025-04-01Z', '2025-04-01Z'),
    (2, 'item_embeddings', 4, 'dot', 'by hand', NULL, 9007199254740993, 'syncing', '2025-04-02Z', '2025-04-02Z');

INSERT INTO vector_metadata (id, collection_id, point_id, entity_type, entity_id, content_hash, model, embedded_at) VALUES
    (1, 1, '1', 'trends', '1', repeat('a', 64), 'wordllama', '2025-04-01Z'),
    (2, 1, '2', 'trends', '2', repeat('b', 64), 'wordllama', '2025-04-01Z'),
    (3, 2, '1', 'processed_items', '1', repeat('c', 64), 'by hand', '2025-04-02Z');

INSERT INTO embedding_jobs
    (id, collection_id, status, total, done, failed, attempts, last_error, started_at, finished_at, created_at, updated_at)
VALUES
    ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 1, 'succeeded', 6, 6, 0, 1, NULL, '2025-04-01T01:00Z', '2025-04-01T01:00:02.5Z', '2025-04-01Z', '2025-04-01Z'),
    ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', 2, 'running', 7, 3, 1, 2, 'engine restarted', '2025-04-02T01:00Z', NULL, '2025-04-02Z', '2025-04-02Z');

INSERT INTO plugin_health
    (id, name, status, last_run, last_success, last_error, success_count, error_count, consecutive_errors, metadata, created_at, updated_at)
VALUES
    (1, 'reddit', 'healthy', '2025-03-22T06:00Z', '2025-03-22T06:00Z', NULL, 90, 1, 0, '{}', '2025-04-01Z', '2025-04-01Z'),
    (2, 'rss', 'failing', '2025-03-22T06:00Z', '2025-03-20T06:00Z', 'HTTP 503', 40, 9, 4, '{}', '2025-04-01Z', '2025-04-01Z'),
    (3, 'twitter', 'disabled', NULL, NULL, NULL, 0, 0, 0, '{"reason": "no key"}', '2025-04-01Z', '2025-04-01Z');

INSERT INTO pipeline_runs (id, pipeline, status, started_at, ended_at, items_collected, items_processed, errors, metadata) VALUES
    ('cccccccc-cccc-4ccc-8ccc-cccccccccccc', 'daily', 'succeeded', '2025-03-22T05:00Z', '2025-03-22T05:10Z', 7, 7, '[]', '{}'),
    ('dddddddd-dddd-4ddd-8ddd-dddddddddddd', 'daily', 'failed', '2025-03-21T05:00Z', '2025-03-21T05:01Z', 2, 0, '["rss: HTTP 503"]', '{}');

-- Rows that are inserted later get the next numbers.
SELECT setval(pg_get_serial_sequence(name, 'id'), 1000)
FROM unnest('{topics,trends,processed_items,collections,vector_metadata,plugin_health}'::text[]) AS name;

REFRESH MATERIALIZED VIEW top_trends_today;
ANALYZE;
