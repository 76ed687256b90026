-- name: lock
-- One migration at a time. Released with the session: a migration without a transaction needs it too.
SELECT pg_advisory_lock(hashtext('agenttrace.migrate'))

-- name: table_exists
SELECT to_regclass('public.schema_migrations') IS NOT NULL

-- name: create_table
CREATE TABLE schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    apply_time timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migrations TO agenttrace_ingest, agenttrace_query, agenttrace_maintain;
GRANT USAGE ON SCHEMA public TO agenttrace_ingest, agenttrace_query, agenttrace_maintain;

-- name: applied
SELECT version, name, checksum FROM schema_migrations ORDER BY version

-- name: record
INSERT INTO schema_migrations (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s)

-- name: foreign_tables
-- Tables of somebody else's in a database that has no migrations of ours.
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname LIKE 'agent\_%'

-- name: version
SELECT max(version) FROM schema_migrations
