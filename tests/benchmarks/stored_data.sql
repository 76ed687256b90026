-- Fills a database with runs of the past 30 days: what it looks like after a month of use. Every run has twelve
-- steps and its counters. Everything about run n follows from n, so that a reader knows what a filter finds.

-- name: partitions
-- Those of the past, which the product made when those days were today.
DO $$
DECLARE
    parent text;
    first_day date;
    partition_name text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['agent_steps', 'agent_failures'] LOOP
        FOR first_day IN SELECT (now() AT TIME ZONE 'UTC')::date - i FROM generate_series(1, 31) i LOOP
            partition_name := parent || '_' || to_char(first_day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(partition_name) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name, parent);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition_name, first_day, first_day + 1);
        END LOOP;
    END LOOP;
END $$

-- name: functions
-- Run n's id, a UUIDv7 of its start; and the start of run n of so many, the last of which starts at the end.
CREATE FUNCTION pg_temp.run_id(n bigint, start_time timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM start_time) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
            || '8' || substr(md5(n::text), 4, 15))::uuid
$$;
CREATE FUNCTION pg_temp.start_time(n bigint, runs bigint, until timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
AS $$ SELECT date_trunc('milliseconds', until - interval '30 days' * ((runs - n)::double precision / runs)) $$

-- name: runs
-- A run that fails, and one in ten that do not, has a step that failed and was tried again.
CREATE TEMP TABLE bench_runs ON COMMIT DROP AS
SELECT n, run_id, start_time, status, (start_time AT TIME ZONE 'UTC')::date AS day,
       status IN ('FAILURE', 'PARTIAL') AS failed,
       status IN ('FAILURE', 'PARTIAL') OR mod(n, 10) = 1 AS retried,
       (ARRAY['TOOL', 'MODEL', 'RETRIEVAL', 'ORCHESTRATION'])[1 + mod(n / 10, 4)] AS failure_type,
       CASE WHEN mod(n, 1000) = 3 THEN 'rate_limited' ELSE 'timeout' END AS failure_code
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n,
LATERAL (SELECT pg_temp.start_time(n, %(runs)s, %(until)s) AS start_time) t,
LATERAL (SELECT pg_temp.run_id(n, start_time) AS run_id,
                CASE WHEN mod(n, 20) = 3 THEN 'FAILURE' WHEN mod(n, 33) = 4 THEN 'PARTIAL'
                     WHEN mod(n, 50) = 5 THEN 'CANCELLED' WHEN mod(n, 1000) = 6 THEN 'RUNNING'
                     ELSE 'SUCCESS' END AS status) r;

INSERT INTO agent_runs (
    project_id, run_id, day, is_stub, agent_id, agent_version, environment, status, start_time, end_time, session_id,
    user_key, parent_run_id, tags, attributes, expected_step_count, step_count, failed_step_count, retry_count,
    failure_count, failure_types, failure_codes, input_tokens, output_tokens, cost_micro_usd, create_time)
SELECT 1, run_id, day, false, CASE WHEN mod(n, 10000) = 7 THEN 'rare' ELSE 'agent-' || mod(n, 20) END,
       '1.' || mod(n, 5) || '.0', CASE WHEN mod(n, 7) = 0 THEN 'staging' END, status, start_time,
       CASE WHEN status <> 'RUNNING' THEN start_time + interval '1 second' * (5 + mod(n, 97)) END, 'session-' || n / 4,
       md5('user' || n / 50) || md5('key' || n / 50),
       CASE WHEN mod(n, 40) = 9 THEN pg_temp.run_id(n - 1, pg_temp.start_time(n - 1, %(runs)s, %(until)s)) END,
       CASE WHEN mod(n, 100) = 8 THEN '{canary}'::text[] ELSE '{}' END,
       jsonb_build_object('channel', (ARRAY['chat', 'mail'])[1 + mod(n, 2)], 'tenant', mod(n, 1000)),
       CASE WHEN mod(n, 500) = 11 THEN 13 ELSE 12 END, 12, retried::int + failed::int, retried::int,
       retried::int + failed::int, CASE WHEN retried THEN ARRAY[failure_type] ELSE '{}' END,
       CASE WHEN retried THEN ARRAY[failure_code] ELSE '{}' END, 4300, 450, 15400, start_time
FROM bench_runs ORDER BY n

-- name: steps
CREATE TEMP TABLE bench_steps ON COMMIT DROP AS
SELECT r.*, k, md5(n || '/' || k)::uuid AS step_id,
       retried AND k = 7 OR failed AND k = 8 AS step_failed, retried AND k = 8 AS is_retry, mod(k, 3) = 0 AS is_model,
       start_time + interval '400 ms' * k AS step_start, interval '20 ms' * (1 + mod(n + k, 50)) AS took
FROM bench_runs r, generate_series(1, 12) k;

INSERT INTO agent_steps (
    project_id, run_id, step_id, day, sequence, type, name, status, attempt, retry_of_step_id, start_time, end_time,
    provider, request_model, response_model, input_tokens, output_tokens, finish_reason, cost_micro_usd, tool_name,
    attributes)
SELECT 1, run_id, step_id, day, k,
       CASE WHEN k = 1 THEN 'PLAN' WHEN is_model THEN 'MODEL' WHEN k IN (7, 8) THEN 'TOOL' ELSE 'RETRIEVE' END,
       (ARRAY['plan', 'search_handbook', 'answer', 'lookup_order', 'lookup_customer', 'summarize'])[1 + mod(k, 6)],
       CASE WHEN step_failed THEN 'ERROR' ELSE 'OK' END, CASE WHEN is_retry THEN 2 ELSE 1 END,
       CASE WHEN is_retry THEN md5(n || '/' || 7)::uuid END, step_start, step_start + took,
       CASE WHEN is_model THEN 'openai' END, CASE WHEN is_model THEN 'gpt-4o' END,
       CASE WHEN is_model THEN 'gpt-4o-2024-08-06' END, CASE WHEN is_model THEN 400 + 90 * k END,
       CASE WHEN is_model THEN 60 + 7 * k END, CASE WHEN is_model THEN 'stop' END,
       CASE WHEN is_model THEN 1600 + 300 * k END, CASE WHEN k IN (7, 8) THEN 'lookup_order' END,
       jsonb_build_object('http.status_code', 200 + mod(n, 4), 'cache.hit', mod(n, 2) = 0, 'region', 'eu-west-1')
FROM bench_steps ORDER BY run_id, step_id;

INSERT INTO agent_failures (
    project_id, run_id, failure_id, day, step_id, type, code, exception_type, retryable, occur_time)
SELECT 1, run_id, md5('failure' || n || '/' || k)::uuid, day, step_id, failure_type, failure_code, 'TimeoutError', true,
       step_start + took
FROM bench_steps WHERE step_failed

-- name: changes
-- What tells the product that something was stored, hour by hour.
INSERT INTO run_changes (project_id, run_id)
SELECT DISTINCT ON (date_trunc('hour', start_time)) project_id, run_id FROM agent_runs
ORDER BY date_trunc('hour', start_time)

-- name: tidy
VACUUM (ANALYZE) agent_runs, agent_steps, agent_failures

-- name: run_ids
SELECT run_id FROM (SELECT run_id FROM agent_runs ORDER BY random() LIMIT %(count)s) r

-- name: check
-- Counters that do not equal a recount, of the runs of the last day.
SELECT count(*) FROM agent_runs r
LEFT JOIN (SELECT run_id, day, count(*) AS steps, count(*) FILTER (WHERE status = 'ERROR') AS failed,
                  count(*) FILTER (WHERE attempt > 1) AS retries, sum(input_tokens) AS input_tokens,
                  sum(output_tokens) AS output_tokens, sum(cost_micro_usd) AS cost
           FROM agent_steps WHERE day >= (now() AT TIME ZONE 'UTC')::date - 1 GROUP BY 1, 2) s USING (run_id, day)
LEFT JOIN (SELECT run_id, day, count(*) AS failures
           FROM agent_failures WHERE day >= (now() AT TIME ZONE 'UTC')::date - 1 GROUP BY 1, 2) f USING (run_id, day)
WHERE r.day >= (now() AT TIME ZONE 'UTC')::date - 1
  AND (r.step_count, r.failed_step_count, r.retry_count, r.failure_count, r.input_tokens, r.output_tokens,
       r.cost_micro_usd)
      IS DISTINCT FROM
      (s.steps::int, s.failed::int, s.retries::int, coalesce(f.failures, 0)::int, s.input_tokens, s.output_tokens, s.cost)
