-- name: status
SELECT r.status FROM @this_run

-- name: duration
SELECT coalesce(r.duration_seconds, extract(epoch FROM now() - r.start_time))::float8 AS "Duration" FROM @this_run

-- name: steps
SELECT r.step_count::float8 AS "Steps" FROM @this_run

-- name: missing_steps
SELECT (r.expected_step_count - r.step_count)::float8 AS "Missing" FROM @this_run

-- name: failed_steps
SELECT r.failed_step_count::float8 AS "Failed steps" FROM @this_run

-- name: retries
SELECT r.retry_count::float8 AS "Retries" FROM @this_run

-- name: tokens
SELECT (r.input_tokens + r.output_tokens)::float8 AS "Tokens" FROM @this_run

-- name: cost
SELECT r.cost_usd AS "Cost" FROM @this_run

-- name: facts
SELECT f.fact, f.value FROM @this_run
JOIN grafana.v_projects p ON p.project_id = r.project_id
CROSS JOIN LATERAL (VALUES
    (1, 'Run', r.run_id::text), (2, 'Project', p.project), (3, 'Agent', r.agent_id), (4, 'Version', r.agent_version),
    (5, 'Environment', r.environment), (6, 'Started', r.start_time::text), (7, 'Ended', r.end_time::text),
    (8, 'Last heartbeat', r.heartbeat_time::text), (9, 'Session', r.session_id),
    (10, 'Parent run', r.parent_run_id::text), (11, 'Tags', array_to_string(r.tags, ', ')),
    (12, 'Received after start', (r.create_time - r.start_time)::text)) f (place, fact, value)
WHERE f.value <> ''
UNION ALL
SELECT a.key, a.value FROM @this_run CROSS JOIN LATERAL jsonb_each_text(r.attributes) a

-- name: trace
SELECT s.run_id::text AS "traceID", s.span_id::text AS "spanID", s.parent_span_id::text AS "parentSpanID",
       s.name AS "operationName", s.kind AS "serviceName",
       (extract(epoch FROM s.start_time) * 1000)::float8 AS "startTime",
       (extract(epoch FROM s.end_time - s.start_time) * 1000)::float8 AS "duration",
       s.status_code AS "statusCode", s.status_message AS "statusMessage", s.tags::text AS "tags",
       s.service_tags::text AS "serviceTags", s.logs::text AS "logs"
FROM grafana.find_run(${run_id:sqlstring}) k
JOIN grafana.v_trace_spans s ON s.project_id = k.project_id AND s.run_id = k.run_id AND s.day = k.day
ORDER BY s.start_time, s.parent_span_id NULLS FIRST LIMIT 5000

-- name: failures
SELECT r.occur_time, s.name AS step, s.attempt::float8 AS attempt, r.type, r.code, r.exception_type,
       r.http_status::float8 AS http_status, CASE WHEN r.retryable THEN 'yes' WHEN NOT r.retryable THEN 'no' END
           AS retryable,
       CASE WHEN r.recovered THEN 'yes' ELSE 'no' END AS recovered, r.title, r.remedy
FROM grafana.find_run(${run_id:sqlstring}) k
JOIN grafana.v_failures r ON r.project_id = k.project_id AND r.run_id = k.run_id AND r.day = k.day
LEFT JOIN grafana.v_steps s
    ON s.project_id = r.project_id AND s.run_id = r.run_id AND s.step_id = r.step_id AND s.day = r.day
ORDER BY r.occur_time LIMIT 1000

-- name: step_list
WITH RECURSIVE steps AS MATERIALIZED (
    SELECT s.* FROM @steps_of_this_run
), tree AS (
    SELECT s.step_id, 0 AS depth FROM steps s
    WHERE s.parent_step_id IS NULL OR NOT EXISTS (SELECT FROM steps p WHERE p.step_id = s.parent_step_id)
    UNION ALL
    SELECT s.step_id, t.depth + 1 FROM tree t JOIN steps s ON s.parent_step_id = t.step_id WHERE t.depth < 32
), children AS (
    SELECT s.parent_step_id AS step_id, sum(s.duration_seconds) AS seconds FROM steps s GROUP BY 1
)
SELECT s.sequence::float8 AS sequence, repeat('    ', t.depth) || s.name AS step, s.type, s.status,
       s.attempt::float8 AS attempt,
       extract(epoch FROM s.start_time - min(s.start_time) OVER ())::float8 AS starts_after, s.duration_seconds,
       greatest(s.duration_seconds - coalesce(c.seconds, 0), 0) AS self_seconds,
       coalesce(s.tool_name, s.model, s.retrieval_source) AS used, s.input_tokens::float8 AS input_tokens,
       s.output_tokens::float8 AS output_tokens, s.cost_usd, s.step_id::text AS step_id
FROM steps s
LEFT JOIN tree t ON t.step_id = s.step_id
LEFT JOIN children c ON c.step_id = s.step_id
ORDER BY s.sequence, s.start_time LIMIT 5000

-- name: step_facts
WITH step AS (
    SELECT s.* FROM @steps_of_this_run WHERE s.step_id = grafana.to_uuid(${step_id:sqlstring})
)
SELECT f.fact, f.value FROM step s
CROSS JOIN LATERAL (VALUES
    ('Step', s.step_id::text), ('Name', s.name), ('Type', s.type), ('Status', s.status), ('Attempt', s.attempt::text),
    ('First attempt', s.retry_of_step_id::text), ('Parent', s.parent_step_id::text), ('Started', s.start_time::text),
    ('Seconds', s.duration_seconds::text), ('Provider', s.provider), ('Model', s.model),
    ('Finish reason', s.finish_reason), ('Seconds to first token', s.time_to_first_token_seconds::text),
    ('Input tokens', s.input_tokens::text), ('Output tokens', s.output_tokens::text),
    ('Cached input tokens', s.cache_read_tokens::text), ('Reasoning tokens', s.reasoning_tokens::text),
    ('Tool', s.tool_name), ('Source', s.retrieval_source), ('Results', s.result_count::text)) f (fact, value)
WHERE f.value <> ''
UNION ALL
SELECT a.key, a.value FROM step s CROSS JOIN LATERAL jsonb_each_text(s.attributes) a

-- name: time_by_type
WITH steps AS MATERIALIZED (
    SELECT s.* FROM @steps_of_this_run
), children AS (
    SELECT s.parent_step_id AS step_id, sum(s.duration_seconds) AS seconds FROM steps s GROUP BY 1
)
SELECT s.type, sum(greatest(s.duration_seconds - coalesce(c.seconds, 0), 0)) AS "Seconds"
FROM steps s LEFT JOIN children c ON c.step_id = s.step_id
GROUP BY 1 ORDER BY 2 DESC

-- name: nodes
SELECT s.type || '/' || s.name AS id, s.name AS title, s.type AS subtitle, count(*)::float8 AS mainstat,
       avg(s.duration_seconds)::float8 AS secondarystat,
       count(*) FILTER (WHERE s.status = 'OK')::float8 / count(*) AS arc__success,
       count(*) FILTER (WHERE s.status = 'ERROR')::float8 / count(*) AS arc__failed
FROM @steps_of_this_run
GROUP BY 1, 2, 3 ORDER BY count(*) DESC, 1 LIMIT 200

-- name: edges
-- From each kind of step to the kind that began next, among the nodes above.
WITH steps AS MATERIALIZED (
    SELECT s.type || '/' || s.name AS node, s.sequence, s.start_time FROM @steps_of_this_run
), shown AS (
    SELECT node FROM steps GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 200
), moves AS (
    SELECT s.node AS source, lead(s.node) OVER (ORDER BY s.sequence, s.start_time) AS target
    FROM steps s JOIN shown USING (node)
)
SELECT m.source || '>' || m.target AS id, m.source, m.target, count(*)::float8 AS mainstat
FROM moves m WHERE m.target IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY count(*) DESC LIMIT 500

-- name: gantt
SELECT lpad(s.sequence::text, 3, '0') || ' ' || s.name AS step,
       extract(epoch FROM s.start_time - min(s.start_time) OVER ())::float8 AS "before",
       CASE WHEN s.type IN ('MODEL', 'PLAN', 'RESPOND') THEN s.duration_seconds END AS "model",
       CASE WHEN s.type = 'TOOL' THEN s.duration_seconds END AS "tool",
       CASE WHEN s.type = 'RETRIEVE' THEN s.duration_seconds END AS "retrieve",
       CASE WHEN s.type IN ('HANDOFF', 'GUARDRAIL', 'OTHER') THEN s.duration_seconds END AS "other"
FROM @steps_of_this_run
ORDER BY s.sequence, s.start_time LIMIT 50

-- name: neighbours
-- Ten of the same agent before it, itself, and ten after.
WITH this AS (
    SELECT r.project_id, r.run_id, r.agent_id, r.start_time FROM @this_run
), around AS (
    (SELECT r.* FROM this t CROSS JOIN LATERAL (
        SELECT r.* FROM grafana.v_runs r
        WHERE r.project_id = t.project_id AND r.agent_id = t.agent_id
            AND (r.start_time, r.run_id) <= (t.start_time, t.run_id)
        ORDER BY r.start_time DESC, r.run_id DESC LIMIT 11) r)
    UNION ALL
    (SELECT r.* FROM this t CROSS JOIN LATERAL (
        SELECT r.* FROM grafana.v_runs r
        WHERE r.project_id = t.project_id AND r.agent_id = t.agent_id
            AND (r.start_time, r.run_id) > (t.start_time, t.run_id)
        ORDER BY r.start_time, r.run_id LIMIT 10) r)
)
SELECT CASE WHEN r.run_id = t.run_id THEN 'this run' WHEN r.start_time < t.start_time THEN 'before' ELSE 'after' END
           AS place, r.run_id::text AS run_id, r.agent_version AS version, r.status, r.start_time, r.duration_seconds,
       r.failed_step_count::float8 AS failed_steps, array_to_string(r.failure_codes, ', ') AS failure_codes, @run_range
FROM around r CROSS JOIN this t
ORDER BY r.start_time DESC, r.run_id DESC
