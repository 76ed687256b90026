-- name: begin
-- Settings of the transaction, not of the session: a transaction pooler may stand in between.
SELECT set_config('statement_timeout', %(timeout)s, true),
       set_config('agenttrace.project_id', %(project_id)s, true)

-- name: schema_version
SELECT max(version) FROM schema_migrations
