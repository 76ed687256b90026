-- name: matched_runs
WITH @matching_runs
SELECT count(*)::float8 AS "Runs" FROM matching

-- name: matched_failed
WITH @matching_runs
SELECT avg(m.failed) AS "Failure rate" FROM matching m

-- name: matched_failures
WITH @matching_runs
SELECT coalesce(sum(m.failure_count), 0)::float8 AS "Failures" FROM matching m

-- name: matched_cost
WITH @matching_runs
SELECT coalesce(sum(m.cost_usd), 0) AS "Cost" FROM matching m

-- name: over_time
WITH @matching_runs
SELECT $__timeGroupAlias(m.start_time,$__interval,0), m.status AS metric, count(*)::float8 AS "runs"
FROM matching m
GROUP BY 1, 2 ORDER BY 1

-- name: durations
WITH @matching_runs
SELECT m.duration_seconds AS "Duration" FROM matching m WHERE m.duration_seconds IS NOT NULL LIMIT 5000

-- name: runs
WITH @matching_runs
SELECT r.run_id::text AS run_id, r.agent_id AS agent, r.agent_version AS version, r.environment, r.status, r.start_time,
       r.duration_seconds, r.step_count::float8 AS steps, r.failed_step_count::float8 AS failed_steps,
       r.retry_count::float8 AS retries, array_to_string(r.failure_types, ', ') AS failure_types,
       array_to_string(r.failure_codes, ', ') AS failure_codes, r.input_tokens::float8 AS input_tokens,
       r.output_tokens::float8 AS output_tokens, r.cost_usd AS cost, r.session_id AS session,
       array_to_string(r.tags, ', ') AS tags, @run_range,
       'row ' || row_number() OVER () || ' of ' || count(*) OVER () AS place
FROM matching r
ORDER BY CASE ${order:sqlstring} WHEN 'slowest' THEN r.duration_seconds WHEN 'costliest' THEN r.cost_usd END
             DESC NULLS LAST, r.start_time DESC, r.run_id DESC
LIMIT least(coalesce(grafana.to_number(${limit:sqlstring}), 500), 2000)::bigint
