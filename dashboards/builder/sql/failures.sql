-- name: failure_rate
SELECT period.ends AS "time", avg(r.failed) AS "Failure rate" FROM @two_periods

-- name: of_type
-- Of this range and of the one before.
SELECT period.ends AS "time", count(r.failure_id)::float8 AS "Failures"
FROM (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) period (ends)
LEFT JOIN (
    SELECT CASE WHEN r.occur_time < $__timeFrom()::timestamptz THEN $__timeFrom()::timestamptz
                ELSE $__timeTo()::timestamptz END AS ends, r.failure_id
    FROM grafana.v_failures r
    WHERE r.project_id = @project AND r.type = '{type}'
        AND r.occur_time >= @previous_start AND r.occur_time <= $__timeTo()::timestamptz
        AND @of_agents
) r ON r.ends = period.ends
GROUP BY period.ends
ORDER BY period.ends

-- name: recovered
SELECT avg(CASE WHEN r.recovered THEN 1.0 ELSE 0.0 END)::float8 AS "Recovered" FROM @failures_in_range

-- name: over_time
SELECT $__timeGroupAlias(r.occur_time,$__interval,0), r.type AS metric, count(*)::float8 AS "failures"
FROM @failures_in_range
GROUP BY 1, 2 ORDER BY 1

-- name: type_by_agent
SELECT coalesce(r.agent_id, '(unknown)') AS agent, count(*) FILTER (WHERE r.type = 'TOOL')::float8 AS tool,
       count(*) FILTER (WHERE r.type = 'MODEL')::float8 AS model,
       count(*) FILTER (WHERE r.type = 'RETRIEVAL')::float8 AS retrieval,
       count(*) FILTER (WHERE r.type = 'ORCHESTRATION')::float8 AS orchestration, count(*)::float8 AS failures
FROM @failures_in_range
GROUP BY 1 ORDER BY count(*) DESC LIMIT 100

-- name: versions
SELECT coalesce(r.agent_id, '(unknown)') AS agent, coalesce(r.agent_version, '(none)') AS version, count(*)::float8 AS runs,
       avg(r.failed) AS failure_rate, min(r.start_time) AS first_run, max(r.start_time) AS last_run
FROM @runs_in_range
GROUP BY 1, 2 ORDER BY 1, min(r.start_time) DESC LIMIT 200

-- name: codes
SELECT r.type, r.code, r.title, count(*)::float8 AS failures, count(DISTINCT r.run_id)::float8 AS runs,
       count(DISTINCT r.agent_id)::float8 AS agents, min(r.occur_time) AS first_seen, max(r.occur_time) AS last_seen,
       r.remedy, (array_agg(r.run_id::text ORDER BY r.occur_time DESC))[1] AS run_id,
       ((extract(epoch FROM min(r.run_start_time)) * 1000)::bigint - 1000)::text AS from_ms,
       ((extract(epoch FROM max(coalesce(r.run_end_time, r.occur_time))) * 1000)::bigint + 1000)::text AS to_ms
FROM @failures_in_range
GROUP BY r.type, r.code, r.title, r.remedy ORDER BY count(*) DESC LIMIT 50

-- name: by_step
SELECT s.type AS step_type, coalesce(s.tool_name, s.model, s.retrieval_source, s.name) AS used, r.type, r.code,
       count(*)::float8 AS failures, count(DISTINCT r.run_id)::float8 AS runs
FROM (SELECT r.* FROM @failures_in_range ORDER BY r.occur_time DESC LIMIT 20000) r
CROSS JOIN LATERAL (
    SELECT s.* FROM grafana.v_steps s
    WHERE s.project_id = r.project_id AND s.run_id = r.run_id AND s.step_id = r.step_id AND s.day = r.day
    OFFSET 0
) s
GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC LIMIT 50

-- name: time_to_success
-- From a failed run to the start of the agent's next run that did not fail: how long its users went without.
SELECT n.agent_id AS agent, percentile_cont(0.5) WITHIN GROUP (ORDER BY n.seconds) AS median_seconds,
       max(n.seconds) AS longest_seconds, count(*) FILTER (WHERE n.seconds IS NULL)::float8 AS not_yet
FROM (
    SELECT r.agent_id, r.failed, extract(epoch FROM min(CASE WHEN r.failed = 0 THEN r.start_time END)
               OVER (PARTITION BY r.agent_id ORDER BY r.start_time DESC) - r.start_time)::float8 AS seconds
    FROM @runs_in_range AND r.failed IS NOT NULL AND r.agent_id IS NOT NULL
) n
WHERE n.failed = 1
GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 100

-- name: type_to_status
SELECT f.type, count(*) FILTER (WHERE r.status = 'SUCCESS')::float8 AS success,
       count(*) FILTER (WHERE r.status = 'PARTIAL')::float8 AS partial,
       count(*) FILTER (WHERE r.status IN ('FAILURE', 'ABANDONED'))::float8 AS failed,
       count(*) FILTER (WHERE r.status IN ('RUNNING', 'CANCELLED'))::float8 AS neither
FROM grafana.v_runs r CROSS JOIN LATERAL unnest(r.failure_types) f (type)
WHERE r.project_id = @project AND $__timeFilter(r.start_time) AND r.failure_count > 0 AND @of_agents
    AND ('__all__' IN (${failure_type:sqlstring}) OR f.type IN (${failure_type:sqlstring}))
GROUP BY 1 ORDER BY 4 DESC

-- name: latest
SELECT r.run_id::text AS run_id, r.occur_time, r.agent_id AS agent, r.agent_version AS version, r.type, r.code,
       r.run_status AS status, r.exception_type,
       ((extract(epoch FROM r.run_start_time) * 1000)::bigint - 1000)::text AS from_ms,
       ((extract(epoch FROM coalesce(r.run_end_time, now())) * 1000)::bigint + 1000)::text AS to_ms
FROM @failures_in_range
ORDER BY r.occur_time DESC LIMIT 100

-- name: deployments
SELECT min(r.start_time) AS "time", r.agent_id || ' ' || r.agent_version AS "text", r.agent_id AS tags
FROM @runs_in_range AND r.agent_version IS NOT NULL AND r.agent_id IS NOT NULL
GROUP BY r.agent_id, r.agent_version ORDER BY 1 LIMIT 100
