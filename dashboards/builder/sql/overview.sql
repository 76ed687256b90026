-- name: run_count
SELECT period.ends AS "time", count(r.run_id)::float8 AS "Runs" FROM @two_periods

-- name: failure_rate
SELECT period.ends AS "time", avg(r.failed) AS "Failure rate" FROM @two_periods

-- name: failed_runs
SELECT period.ends AS "time", coalesce(sum(r.failed), 0) AS "Failed runs" FROM @two_periods

-- name: durations
SELECT period.ends AS "time", percentile_cont(0.5) WITHIN GROUP (ORDER BY r.duration_seconds) AS "p50",
       percentile_cont(0.95) WITHIN GROUP (ORDER BY r.duration_seconds) AS "p95"
FROM @two_periods

-- name: tokens
SELECT period.ends AS "time", coalesce(sum(r.input_tokens + r.output_tokens), 0)::float8 AS "Tokens" FROM @two_periods

-- name: cost
SELECT period.ends AS "time", coalesce(sum(r.cost_usd), 0) AS "Cost" FROM @two_periods

-- name: outcomes
SELECT $__timeGroupAlias(r.start_time,$__interval,0), r.status AS metric, count(*)::float8 AS "runs"
FROM @runs_in_range
GROUP BY 1, 2 ORDER BY 1

-- name: failure_types
-- Runs with at least one such failure, recovered ones included.
SELECT t.type, count(*)::float8 AS runs FROM grafana.v_runs r CROSS JOIN LATERAL unnest(r.failure_types) t (type)
WHERE r.project_id = @project AND $__timeFilter(r.start_time) AND r.failure_count > 0 AND @of_agents
GROUP BY 1 ORDER BY 2 DESC

-- name: agents
SELECT coalesce(r.agent_id, '(unknown)') AS agent, count(*)::float8 AS runs, avg(r.failed) AS failure_rate,
       coalesce(sum(r.failed), 0) AS failed_runs,
       count(*) FILTER (WHERE r.status = 'PARTIAL')::float8 AS partial_runs,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY r.duration_seconds) AS p95_seconds,
       sum(r.input_tokens + r.output_tokens)::float8 AS tokens, sum(r.cost_usd) AS cost, max(r.start_time) AS last_run
FROM @runs_in_range
GROUP BY 1 ORDER BY coalesce(sum(r.failed), 0) DESC, 2 DESC LIMIT 100

-- name: slowest
SELECT r.run_id::text AS run_id, r.agent_id AS agent, r.status, r.duration_seconds, r.start_time, @run_range
FROM @runs_in_range AND r.duration_seconds IS NOT NULL
ORDER BY r.duration_seconds DESC LIMIT 10

-- name: costliest
SELECT r.run_id::text AS run_id, r.agent_id AS agent, r.status, r.cost_usd, r.start_time, @run_range
FROM @runs_in_range AND r.cost_usd > 0
ORDER BY r.cost_usd DESC LIMIT 10

-- name: long_term
SELECT $__timeGroupAlias(h.hour,'1d'),
       sum(h.failure_count + h.abandoned_count)::float8
           / nullif(sum(h.success_count + h.partial_count + h.failure_count + h.abandoned_count), 0)::float8
           AS "Failure rate"
FROM grafana.v_run_stats_hourly h
WHERE h.project_id = @project AND $__timeFilter(h.hour)
    AND ('__all__' IN (${agent:sqlstring}) OR h.agent_id IN (${agent:sqlstring}))
    AND ('__all__' IN (${env:sqlstring}) OR h.environment IN (${env:sqlstring}))
GROUP BY 1 ORDER BY 1
