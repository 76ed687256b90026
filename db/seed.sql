-- Sample data without a secret in it: three invented agents, a week of runs up to now, every kind of failure, retries
-- that recover and retries that do not. The same statements on the same day add nothing.
--
-- Run by `agenttrace-server seed` as the owner.

-- One line of dice: the same number in [0, 1) for the same words, every time.
CREATE FUNCTION pg_temp.dice(VARIADIC words text[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || substr(md5(array_to_string(words, '/')), 1, 8))::bit(32)::bigint / 4294967296.0
$$;
-- As often far below 1 as far above, and mostly near it, as how long things take: three dice are nearly a bell.
CREATE FUNCTION pg_temp.spread(VARIADIC words text[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT exp(1.2 * (sum(pg_temp.dice(VARIADIC words || throw::text)) - 1.5)) FROM generate_series(1, 3) throw
$$;
CREATE FUNCTION pg_temp.id(VARIADIC words text[]) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(array_to_string(ARRAY['agenttrace-sample'] || words, '/'))::uuid
$$;

-- Prices are of a million tokens: so many millionths of a dollar is one.
CREATE TEMP TABLE sample_agents (
    agent_id text, share numrange, tools text[], model text, input_price float, output_price float) ON COMMIT DROP;
INSERT INTO sample_agents VALUES
    ('support', '[0,0.45)', '{lookup_order,issue_refund,track_parcel}', 'gpt-4o-mini-2024-07-18', 0.15, 0.6),
    ('research', '[0.45,0.75)', '{search_web,read_page}', 'gpt-4o-2024-08-06', 2.5, 10),
    ('coder', '[0.75,1)', '{read_file,edit_file,run_tests}', 'gpt-4o-2024-08-06', 2.5, 10);

-- What fails, how often among the failures of its type, and what it looks like. Where a retry could not help none is.
CREATE TEMP TABLE sample_codes (
    type text, code text, share numrange, exception_type text, http_status integer, retryable boolean) ON COMMIT DROP;
INSERT INTO sample_codes VALUES
    ('TOOL', 'timeout', '[0,0.45)', 'TimeoutError', NULL, true),
    ('TOOL', 'rate_limited', '[0.45,0.6)', 'HTTPStatusError', 429, true),
    ('TOOL', 'unavailable', '[0.6,0.7)', 'HTTPStatusError', 503, true),
    ('TOOL', 'not_found', '[0.7,0.9)', 'LookupError', 404, false),
    ('TOOL', 'invalid_arguments', '[0.9,1)', 'ValidationError', 422, false),
    ('MODEL', 'schema_invalid', '[0,0.5)', 'ValidationError', NULL, false),
    ('MODEL', 'context_length_exceeded', '[0.5,0.8)', 'BadRequestError', 400, false),
    ('MODEL', 'content_filtered', '[0.8,1)', 'BadRequestError', 400, false),
    ('RETRIEVAL', 'empty_retrieval', '[0,0.8)', NULL, NULL, false),
    ('RETRIEVAL', 'timeout', '[0.8,1)', 'TimeoutError', NULL, true),
    ('ORCHESTRATION', 'max_steps_exceeded', '[0,0.6)', NULL, NULL, false),
    ('ORCHESTRATION', 'loop_detected', '[0.6,1)', NULL, NULL, false);

CREATE TEMP TABLE sample_runs ON COMMIT DROP AS
SELECT n,
       pg_temp.id('run', current_date::text, n::text) AS run_id,
       a.*,
       CASE WHEN pg_temp.dice('version', n::text) < 0.3 THEN '1.5.0' ELSE '1.4.0' END AS agent_version,
       CASE WHEN n % 7 = 0 THEN 'staging' ELSE 'production' END AS environment,
       date_trunc('hour', now(), 'UTC')
           - interval '40 minutes' * (n - 0.9 * pg_temp.dice('start', n::text)) AS start_time,
       4 + floor(pg_temp.dice('steps', n::text) * 6)::integer AS planned_steps,
       CASE WHEN pg_temp.dice('fate', n::text) < 0.74 THEN 'SUCCESS'
            WHEN pg_temp.dice('fate', n::text) < 0.90 THEN 'FAILURE'
            WHEN pg_temp.dice('fate', n::text) < 0.97 THEN 'PARTIAL'
            ELSE 'CANCELLED' END AS status,
       -- Of the runs that fail a few do so as a whole, and not at a step.
       pg_temp.dice('fate', n::text) BETWEEN 0.74 AND 0.77 AS fails_as_a_whole
FROM generate_series(1, 240) n
JOIN sample_agents a ON a.share @> pg_temp.dice('agent', n::text)::numeric;

-- Step k of a run. It ends with its answer, or where it failed. A fifth of the tool calls fail and are tried again.
CREATE TEMP TABLE sample_steps ON COMMIT DROP AS
WITH planned AS (
    SELECT r.*, k, n::text AS run, k::text AS step,
           CASE WHEN k = 1 THEN 'PLAN'
                WHEN k = planned_steps AND status IN ('SUCCESS', 'PARTIAL') THEN 'RESPOND'
                ELSE (ARRAY['TOOL', 'TOOL', 'MODEL', 'RETRIEVE'])[
                    1 + floor(4 * pg_temp.dice('type', n::text, k::text))::integer] END AS type,
           status = 'FAILURE' AND NOT fails_as_a_whole AND k = planned_steps
           OR status = 'PARTIAL' AND k = planned_steps - 1 AS is_lost
    FROM sample_runs r, generate_series(1, planned_steps) k
), faulty AS (
    SELECT p.*, c.code, c.exception_type, c.http_status, c.retryable, c.type AS failure_type
    FROM planned p
    LEFT JOIN sample_codes c
        ON (is_lost OR p.type = 'TOOL' AND pg_temp.dice('flaky', run, step) < 0.2 AND c.retryable)
        AND c.type = CASE p.type WHEN 'RETRIEVE' THEN 'RETRIEVAL' ELSE p.type END
        AND c.share @> pg_temp.dice('code', run, step)::numeric
), attempts AS (
    SELECT f.*, attempt, code IS NOT NULL AND (is_lost OR attempt = 1) AS failed
    FROM faulty f,
         generate_series(1, CASE WHEN retryable AND is_lost THEN 3 WHEN retryable THEN 2 ELSE 1 END) attempt
), timed AS (
    SELECT a.*,
           CASE WHEN a.failed AND code = 'timeout' THEN interval '8 s'
                WHEN a.failed AND http_status IS NOT NULL THEN interval '60 ms' * pg_temp.spread('refusal', run, step)
                ELSE interval '1 ms' * pg_temp.spread('long', run, step, attempt::text) * pg_temp.spread('load', run)
                     * CASE type WHEN 'PLAN' THEN 900 WHEN 'RETRIEVE' THEN 180 WHEN 'TOOL' THEN 350 ELSE 1600 END
                END AS took,
           interval '20 ms' + interval '60 ms' * pg_temp.dice('pause', run, step)
           + interval '500 ms' * (attempt - 1) AS pause
    FROM attempts a
)
SELECT t.*,
       row_number() OVER in_order::integer AS sequence,
       pg_temp.id('step', run_id::text, step, attempt::text) AS step_id,
       CASE type WHEN 'PLAN' THEN 'classify_request' WHEN 'RETRIEVE' THEN 'search_handbook' WHEN 'MODEL' THEN 'reason'
                 WHEN 'RESPOND' THEN 'draft_answer'
                 ELSE tools[1 + floor(cardinality(tools) * pg_temp.dice('tool', run, step))::integer] END AS name,
       start_time + sum(pause + took) OVER in_order - took AS step_start,
       type IN ('PLAN', 'MODEL', 'RESPOND') AS asks_model,
       300 + (250 * k * pg_temp.spread('in', run, step))::integer AS input_tokens,
       (90 * pg_temp.spread('out', run, step))::integer AS output_tokens
FROM timed t
WINDOW in_order AS (PARTITION BY n ORDER BY k, attempt);

INSERT INTO agent_runs (
    project_id, run_id, day, is_stub, agent_id, agent_version, environment, status, start_time, end_time, session_id,
    tags, attributes, expected_step_count)
SELECT 1, run_id, (now() AT TIME ZONE 'UTC')::date, false, agent_id, agent_version, environment, status, start_time,
       last_end + interval '15 ms', 'sample-' || agent_id || '-' || n / 8, '{sample}',
       jsonb_build_object('channel', (ARRAY['chat', 'mail'])[
           1 + round(pg_temp.dice('channel', agent_id, (n / 8)::text))::integer]),
       step_count
FROM sample_runs r
JOIN (SELECT n, max(step_start + took) AS last_end, count(*) AS step_count FROM sample_steps GROUP BY n) s USING (n)
ORDER BY run_id
ON CONFLICT DO NOTHING;
INSERT INTO run_changes (project_id, run_id) SELECT 1, run_id FROM sample_runs;

INSERT INTO agent_steps (
    project_id, run_id, step_id, day, sequence, type, name, status, attempt, retry_of_step_id, start_time, end_time,
    provider, request_model, response_model, input_tokens, output_tokens, cost_micro_usd, retrieval_source, result_count)
SELECT 1, s.run_id, s.step_id, r.day, s.sequence, s.type, s.name, CASE WHEN s.failed THEN 'ERROR' ELSE 'OK' END,
       s.attempt, CASE WHEN s.attempt > 1 THEN pg_temp.id('step', s.run_id::text, s.step, '1') END,
       s.step_start, s.step_start + s.took,
       m.provider, m.request_model, m.response_model, m.input_tokens, m.output_tokens, m.cost,
       CASE WHEN s.type = 'RETRIEVE' THEN 'handbook' END,
       CASE WHEN s.type = 'RETRIEVE' AND NOT s.failed THEN 1 + floor(8 * pg_temp.dice('found', s.run, s.step))
            WHEN s.code = 'empty_retrieval' THEN 0 END
FROM sample_steps s
JOIN agent_runs r ON r.project_id = 1 AND r.run_id = s.run_id
LEFT JOIN LATERAL (
    SELECT 'openai' AS provider, regexp_replace(s.model, '-\d{4}-.*', '') AS request_model, s.model AS response_model,
           s.input_tokens, s.output_tokens,
           (s.input_tokens * s.input_price + s.output_tokens * s.output_price)::bigint AS cost) m ON s.asks_model
ON CONFLICT DO NOTHING;

INSERT INTO agent_failures (
    project_id, run_id, failure_id, day, step_id, type, code, exception_type, http_status, retryable, occur_time)
SELECT 1, s.run_id, pg_temp.id('failure', s.step_id::text), r.day, s.step_id, s.failure_type, s.code, s.exception_type,
       s.http_status, s.retryable, s.step_start + s.took
FROM sample_steps s
JOIN agent_runs r ON r.project_id = 1 AND r.run_id = s.run_id
WHERE s.failed
UNION ALL
SELECT 1, s.run_id, pg_temp.id('failure', s.run_id::text), r.day, NULL, c.type, c.code, c.exception_type, c.http_status,
       c.retryable, r.end_time
FROM sample_runs s
JOIN agent_runs r ON r.project_id = 1 AND r.run_id = s.run_id
JOIN sample_codes c ON c.type = 'ORCHESTRATION' AND c.share @> pg_temp.dice('code', s.n::text)::numeric
WHERE s.fails_as_a_whole
ON CONFLICT DO NOTHING;
