-- name: tables
-- Every table of the database that holds rows: partitions rather than what they are partitions of.
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\_toast%%' AND n.nspname NOT LIKE 'pg\_temp%%'
ORDER BY 1, 2

-- name: find
-- A row as text shows every column: text, arrays and jsonb as they are, bytea in hex.
SELECT DISTINCT m[1] FROM {table} t, regexp_matches(t::text, %(pattern)s, 'gi') m

-- name: find_in_statements
SELECT DISTINCT m[1] FROM pg_stat_activity a, regexp_matches(a.query, %(pattern)s, 'gi') m
WHERE a.pid <> pg_backend_pid() AND a.datname = current_database()
