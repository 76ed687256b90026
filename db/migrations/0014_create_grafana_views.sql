-- What Grafana reads: these views and functions, and nothing else.
--
-- Whoever may see a dashboard may send any SQL through its data source, so the role is the boundary, not the
-- dashboards. It is the operator's: all projects, and none of what says who a user was (user_key). Timestamps stay
-- timestamptz, amounts are double precision; the dashboards cast what is left to text, because the drivers of
-- Grafana's versions differ in what they make of uuid, jsonb and arrays.

CREATE SCHEMA grafana;

CREATE VIEW grafana.v_projects AS
    SELECT project_id, name AS project FROM projects;

-- `failed` is the one definition of the failure rate: avg(failed) is (FAILURE + ABANDONED) over these and SUCCESS and
-- PARTIAL. Null where a run does not count: RUNNING, CANCELLED.
CREATE VIEW grafana.v_runs AS
    SELECT project_id, run_id, day, is_stub, agent_id, agent_version,
           coalesce(environment, 'production') AS environment, status,
           CASE WHEN status IN ('FAILURE', 'ABANDONED') THEN 1.0::float8
                WHEN status IN ('SUCCESS', 'PARTIAL') THEN 0.0::float8 END AS failed,
           start_time, end_time, heartbeat_time, lease_duration,
           extract(epoch FROM end_time - start_time)::float8 AS duration_seconds,
           session_id, parent_run_id, tags, attributes, expected_step_count, step_count, failed_step_count, retry_count,
           failure_count, failure_types, failure_codes, input_tokens, output_tokens, cache_read_tokens,
           cache_write_tokens, reasoning_tokens, cost_micro_usd / 1e6::float8 AS cost_usd, create_time, update_time
    FROM agent_runs;

CREATE VIEW grafana.v_steps AS
    SELECT project_id, run_id, day, step_id, parent_step_id, sequence, type, name, status, attempt, retry_of_step_id,
           start_time, end_time, extract(epoch FROM end_time - start_time)::float8 AS duration_seconds, provider,
           coalesce(response_model, request_model) AS model, input_tokens, output_tokens, cache_read_tokens,
           cache_write_tokens, reasoning_tokens, finish_reason,
           extract(epoch FROM time_to_first_token)::float8 AS time_to_first_token_seconds,
           cost_micro_usd / 1e6::float8 AS cost_usd, tool_name, retrieval_source, result_count, attributes
    FROM agent_steps;

-- `recovered`: a later attempt of the same step ended OK. Where the failed step itself is missing, it can only be the
-- first attempt, which the others refer to. Computed only where it is read.
CREATE VIEW grafana.v_failures AS
    SELECT f.project_id, f.run_id, f.day, f.failure_id, f.step_id, f.type, f.code, f.exception_type, f.http_status,
           f.grpc_status, f.retryable, f.caused_by_failure_id, f.occur_time, r.agent_id, r.agent_version,
           coalesce(r.environment, 'production') AS environment, r.status AS run_status,
           r.start_time AS run_start_time, r.end_time AS run_end_time, c.title, c.remedy,
           EXISTS (
               SELECT FROM agent_steps later
               LEFT JOIN agent_steps s
                   ON s.project_id = f.project_id AND s.run_id = f.run_id AND s.step_id = f.step_id AND s.day = f.day
               WHERE r.retry_count > 0
                   AND later.project_id = f.project_id AND later.run_id = f.run_id AND later.day = f.day
                   AND later.retry_of_step_id = coalesce(s.retry_of_step_id, f.step_id)
                   AND later.status = 'OK' AND later.attempt > coalesce(s.attempt, 1)
               OFFSET 0  -- or the planner might join whole tables
           ) AS recovered
    FROM agent_failures f
    LEFT JOIN agent_runs r ON r.project_id = f.project_id AND r.run_id = f.run_id
    LEFT JOIN failure_codes c ON c.type = f.type AND c.code = f.code;

-- A run and its steps as the traces panel wants them. The run is the root, so that a run without steps has one; what
-- has not ended lasts until now.
CREATE VIEW grafana.v_trace_spans AS
    SELECT r.project_id, r.run_id, r.day, r.run_id AS span_id, NULL::uuid AS parent_span_id,
           coalesce(r.agent_id, '(unknown agent)') AS name, 'RUN'::text AS kind, r.start_time,
           coalesce(r.end_time, CASE r.status WHEN 'ABANDONED' THEN greatest(r.heartbeat_time, r.start_time) END,
                    greatest(now(), r.start_time)) AS end_time,
           CASE WHEN r.status IN ('FAILURE', 'ABANDONED') THEN 2 WHEN r.status = 'SUCCESS' THEN 1 ELSE 0 END
               AS status_code,
           array_to_string(r.failure_codes, ', ') AS status_message,
           jsonb_build_array(
               jsonb_build_object('key', 'status', 'value', r.status),
               jsonb_build_object('key', 'error', 'value', r.status IN ('FAILURE', 'ABANDONED'))
           ) || coalesce((SELECT jsonb_agg(jsonb_build_object('key', a.key, 'value', a.value) ORDER BY a.key)
                          FROM jsonb_each(r.attributes) a), '[]') AS tags,
           jsonb_build_array(
               jsonb_build_object('key', 'agent.version', 'value', r.agent_version),
               jsonb_build_object('key', 'environment', 'value', coalesce(r.environment, 'production'))
           ) AS service_tags,
           '[]'::jsonb AS logs
    FROM agent_runs r
    UNION ALL
    SELECT s.project_id, s.run_id, s.day, s.step_id, coalesce(s.parent_step_id, s.run_id), s.name, s.type, s.start_time,
           s.end_time, CASE s.status WHEN 'ERROR' THEN 2 ELSE 1 END,
           coalesce((SELECT string_agg(f.code, ', ' ORDER BY f.occur_time) FROM agent_failures f
                     WHERE f.project_id = s.project_id AND f.run_id = s.run_id AND f.day = s.day
                         AND f.step_id = s.step_id), ''),
           (SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.place, t.key)
            FROM (SELECT 1 AS place, * FROM jsonb_each(jsonb_strip_nulls(jsonb_build_object(
                      'status', s.status, 'error', s.status = 'ERROR', 'attempt', s.attempt,
                      'model', coalesce(s.response_model, s.request_model), 'tool', s.tool_name,
                      'retrieval.source', s.retrieval_source, 'retrieval.results', s.result_count,
                      'tokens.input', s.input_tokens, 'tokens.output', s.output_tokens,
                      'finish_reason', s.finish_reason)))
                  UNION ALL SELECT 2, * FROM jsonb_each(s.attributes)) t),
           '[]',
           coalesce((SELECT jsonb_agg(jsonb_build_object(
                         'timestamp', (extract(epoch FROM f.occur_time) * 1000)::float8, 'name', 'failure',
                         'fields', jsonb_build_array(jsonb_build_object('key', 'type', 'value', f.type),
                                                     jsonb_build_object('key', 'code', 'value', f.code)))
                         ORDER BY f.occur_time)
                     FROM agent_failures f
                     WHERE f.project_id = s.project_id AND f.run_id = s.run_id AND f.day = s.day
                         AND f.step_id = s.step_id), '[]')
    FROM agent_steps s;

-- Rollups, for ranges of weeks. An hour that is not over, or waits to be computed (v_stale_hours), is not in them.
CREATE VIEW grafana.v_run_stats_hourly AS
    SELECT project_id, hour, agent_id, agent_version, environment, run_count, running_count, success_count,
           failure_count, partial_count, cancelled_count, abandoned_count
    FROM run_stats_hourly;

CREATE VIEW grafana.v_step_stats_hourly AS
    SELECT project_id, hour, agent_id, agent_version, environment, type, step_count, failed_step_count, retry_count,
           input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
           cost_micro_usd / 1e6::float8 AS cost_usd
    FROM step_stats_hourly;

CREATE VIEW grafana.v_failure_stats_hourly AS
    SELECT project_id, hour, agent_id, agent_version, environment, type, code, failure_count, recovered_failure_count,
           run_count, first_occur_time, last_occur_time
    FROM failure_stats_hourly;

CREATE VIEW grafana.v_stale_hours AS
    SELECT project_id, hour, min(mark_time) AS since FROM stats_dirty GROUP BY project_id, hour;

CREATE VIEW grafana.v_failure_codes AS
    SELECT type, code, title, remedy FROM failure_codes;

-- What the tables of this database take, from the catalogue: a daily partition under its parent's name.
CREATE VIEW grafana.v_tables AS
    SELECT coalesce(parent.relname, c.relname)::text AS table_name, c.relname::text AS relation,
           CASE WHEN parent.relname IS NOT NULL THEN to_date(right(c.relname, 8), 'YYYYMMDD') END AS day,
           greatest(c.reltuples, 0)::float8 AS estimated_rows, pg_table_size(c.oid)::float8 AS table_bytes,
           pg_indexes_size(c.oid)::float8 AS index_bytes, pg_stat_get_live_tuples(c.oid)::float8 AS live_rows,
           pg_stat_get_dead_tuples(c.oid)::float8 AS dead_rows,
           greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS last_vacuum_time
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    WHERE c.relkind = 'r';

CREATE VIEW grafana.v_indexes AS
    SELECT coalesce(parent.relname, t.relname)::text AS table_name, coalesce(parent_index.relname, x.relname)::text
               AS index_name, sum(pg_relation_size(x.oid))::float8 AS bytes,
           sum(pg_stat_get_numscans(x.oid))::float8 AS scans
    FROM pg_index i
    JOIN pg_class x ON x.oid = i.indexrelid AND x.relkind = 'i'
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
    LEFT JOIN pg_inherits h ON h.inhrelid = t.oid
    LEFT JOIN pg_class parent ON parent.oid = h.inhparent
    LEFT JOIN pg_inherits hx ON hx.inhrelid = x.oid
    LEFT JOIN pg_class parent_index ON parent_index.oid = hx.inhparent
    GROUP BY 1, 2;

-- What a viewer types into a text box: null where it is none, rather than an error.
CREATE FUNCTION grafana.to_uuid(text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $1 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN $1::uuid END
$$;
CREATE FUNCTION grafana.to_number(text) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $1 ~ '^[0-9]{1,9}([.][0-9]{1,6})?$' THEN $1::double precision END
$$;

-- The run of an id, of whichever project. The key begins with the project, hence the list.
CREATE FUNCTION grafana.find_run(text) RETURNS TABLE (project_id integer, run_id uuid, day date)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.project_id, r.run_id, r.day FROM grafana.v_runs r
    WHERE r.run_id = grafana.to_uuid($1)
        AND r.project_id = ANY (ARRAY(SELECT p.project_id FROM grafana.v_projects p))
$$;

REVOKE ALL ON FUNCTION grafana.to_uuid, grafana.to_number, grafana.find_run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.to_uuid, grafana.to_number, grafana.find_run TO agenttrace_grafana;
GRANT USAGE ON SCHEMA grafana TO agenttrace_grafana;
GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO agenttrace_grafana;
