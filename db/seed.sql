-- Sample data without a secret in it: three invented agents, a week of runs up to now, every kind of failure, retries
-- that recover and retries that do not. The same statements on the same day add nothing.
--
-- Run by `agenttrace-server seed` as the owner.

-- One line of dice: the same number in [0, 1) for the same words, every time.
CREATE FUNCTION pg_temp.dice(VARIADIC words text[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || substr(md5(array_to_string(words, '/')), 1, 8))::bit(32)::bigint / 4294967296.0
$$;
CREATE FUNCTION pg_temp.id(VARIADIC words text[]) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(array_to_string(ARRAY['agenttrace-sample'] || words, '/'))::uuid
$$;

CREATE TEMP TABLE sample_runs ON COMMIT DROP AS
SELECT n,
       pg_temp.id('run', current_date::text, n::text) AS run_id,
       (ARRAY['support', 'research', 'coder'])[1 + n % 3] AS agent_id,
       CASE WHEN pg_temp.dice('version', n::text) < 0.3 THEN '1.5.0' ELSE '1.4.0' END AS agent_version,
       CASE WHEN n % 7 = 0 THEN 'staging' END AS environment,
       date_trunc('hour', now(), 'UTC') - interval '40 minutes' * n AS start_time,
       4 + floor(pg_temp.dice('steps', n::text) * 6)::integer AS planned_steps,
       CASE WHEN pg_temp.dice('fate', n::text) < 0.74 THEN 'SUCCESS'
            WHEN pg_temp.dice('fate', n::text) < 0.90 THEN 'FAILURE'
            WHEN pg_temp.dice('fate', n::text) < 0.97 THEN 'PARTIAL'
            ELSE 'CANCELLED' END AS status
FROM generate_series(1, 240) n;

-- Step k of a run; a fifth of the tool calls fail once and are tried again as a step of their own.
CREATE TEMP TABLE sample_steps ON COMMIT DROP AS
WITH planned AS (
    SELECT r.*, k,
           CASE WHEN k = 1 THEN 'PLAN' WHEN k = r.planned_steps THEN 'RESPOND'
                ELSE (ARRAY['RETRIEVE', 'TOOL', 'MODEL', 'TOOL'])[1 + k % 4] END AS type
    FROM sample_runs r, generate_series(1, r.planned_steps) k
), attempts AS (
    SELECT p.*, attempt,
           attempt = 1 AND p.type = 'TOOL' AND pg_temp.dice('flaky', p.n::text, p.k::text) < 0.2
           OR p.status IN ('FAILURE', 'PARTIAL') AND p.k = p.planned_steps - 1 AS failed
    FROM planned p, generate_series(1, 2) attempt
    WHERE attempt = 1 OR p.type = 'TOOL' AND pg_temp.dice('flaky', p.n::text, p.k::text) < 0.2
)
SELECT a.*,
       row_number() OVER (PARTITION BY a.n ORDER BY a.k, a.attempt)::integer AS sequence,
       pg_temp.id('step', a.run_id::text, a.k::text, a.attempt::text) AS step_id,
       (ARRAY['classify_request', 'search_handbook', 'lookup_order', 'draft_answer', 'issue_refund'])[
           CASE a.type WHEN 'PLAN' THEN 1 WHEN 'RETRIEVE' THEN 2 WHEN 'TOOL' THEN 3 + 2 * (a.k % 2) ELSE 4 END] AS name,
       a.start_time + interval '900 ms' * (2 * a.k + a.attempt) AS step_start,
       interval '20 ms' + interval '700 ms' * pg_temp.dice('long', a.n::text, a.k::text, a.attempt::text) AS took
FROM attempts a;

INSERT INTO agent_runs (
    project_id, run_id, day, is_stub, agent_id, agent_version, environment, status, start_time, end_time, session_id,
    tags, attributes, expected_step_count)
SELECT 1, run_id, (now() AT TIME ZONE 'UTC')::date, false, agent_id, agent_version, environment, status, start_time,
       start_time + interval '900 ms' * (2 * planned_steps + 4), 'sample-' || n / 4, '{sample}',
       jsonb_build_object('channel', (ARRAY['chat', 'mail'])[1 + n % 2]),
       (SELECT count(*) FROM sample_steps s WHERE s.n = r.n)
FROM sample_runs r
ORDER BY run_id
ON CONFLICT DO NOTHING;
INSERT INTO run_changes (project_id, run_id) SELECT 1, run_id FROM sample_runs;

INSERT INTO agent_steps (
    project_id, run_id, step_id, day, sequence, type, name, status, attempt, retry_of_step_id, start_time, end_time,
    provider, request_model, response_model, input_tokens, output_tokens, cost_micro_usd, retrieval_source, result_count)
SELECT 1, s.run_id, s.step_id, r.day, s.sequence, s.type, s.name, CASE WHEN s.failed THEN 'ERROR' ELSE 'OK' END,
       s.attempt, CASE WHEN s.attempt > 1 THEN pg_temp.id('step', s.run_id::text, s.k::text, '1') END,
       s.step_start, s.step_start + s.took,
       CASE WHEN m THEN 'openai' END, CASE WHEN m THEN 'gpt-4o' END, CASE WHEN m THEN 'gpt-4o-2024-08-06' END,
       CASE WHEN m THEN 400 + 90 * s.k END, CASE WHEN m THEN 60 + 7 * s.k END, CASE WHEN m THEN 1600 + 300 * s.k END,
       CASE WHEN s.type = 'RETRIEVE' THEN 'handbook' END, CASE WHEN s.type = 'RETRIEVE' THEN s.k END
FROM sample_steps s
JOIN agent_runs r ON r.project_id = 1 AND r.run_id = s.run_id,
LATERAL (SELECT s.type IN ('PLAN', 'MODEL', 'RESPOND') AS m) model
ON CONFLICT DO NOTHING;

INSERT INTO agent_failures (project_id, run_id, failure_id, day, step_id, type, code, exception_type, retryable, occur_time)
SELECT 1, s.run_id, pg_temp.id('failure', s.step_id::text), r.day, s.step_id,
       CASE s.type WHEN 'TOOL' THEN 'TOOL' WHEN 'RETRIEVE' THEN 'RETRIEVAL'
                   WHEN 'PLAN' THEN 'ORCHESTRATION' ELSE 'MODEL' END,
       CASE s.type WHEN 'TOOL' THEN (ARRAY['timeout', 'rate_limited', 'not_found'])[1 + s.n % 3]
                   WHEN 'RETRIEVE' THEN 'empty_retrieval' WHEN 'PLAN' THEN 'plan_invalid' ELSE 'schema_invalid' END,
       CASE WHEN s.type = 'TOOL' THEN 'TimeoutError' END, s.type = 'TOOL', s.step_start + s.took
FROM sample_steps s
JOIN agent_runs r ON r.project_id = 1 AND r.run_id = s.run_id
WHERE s.failed
ON CONFLICT DO NOTHING;
