-- What the statements of the dashboards share. A macro's arguments may hold no parenthesis.

-- name: project
(SELECT p.project_id FROM grafana.v_projects p WHERE p.project = ${project:sqlstring})

-- name: of_agents
('__all__' IN (${agent:sqlstring}) OR r.agent_id IN (${agent:sqlstring}))
    AND ('__all__' IN (${env:sqlstring}) OR r.environment IN (${env:sqlstring}))

-- name: runs_in_range
grafana.v_runs r
WHERE r.project_id = @project
    AND $__timeFilter(r.start_time)
    AND @of_agents

-- name: previous_start
$__timeFrom()::timestamptz - ($__timeTo()::timestamptz - $__timeFrom()::timestamptz)

-- name: two_periods
-- The range before the one that is looked at, and this one: each a row, empty or not.
(VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) period (ends)
LEFT JOIN (
    SELECT CASE WHEN r.start_time < $__timeFrom()::timestamptz THEN $__timeFrom()::timestamptz
                ELSE $__timeTo()::timestamptz END AS ends, r.*
    FROM grafana.v_runs r
    WHERE r.project_id = @project
        AND r.start_time >= @previous_start AND r.start_time <= $__timeTo()::timestamptz
        AND @of_agents
) r ON r.ends = period.ends
GROUP BY period.ends
ORDER BY period.ends

-- name: steps_in_range
-- Steps of the runs in range. A run's day, and so its partition, is never earlier than the day before its start.
grafana.v_runs r
JOIN grafana.v_steps s ON s.project_id = r.project_id AND s.run_id = r.run_id AND s.day = r.day
WHERE r.project_id = @project
    AND s.project_id = @project
    AND $__timeFilter(r.start_time)
    AND s.day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1
    AND @of_agents

-- name: failures_in_range
grafana.v_failures r
WHERE r.project_id = @project
    AND $__timeFilter(r.occur_time)
    AND r.day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1
    AND @of_agents
    AND ('__all__' IN (${failure_type:sqlstring}) OR r.type IN (${failure_type:sqlstring}))

-- name: run_range
-- What a link to a run needs: its time range, as text, for a number would be formatted.
((extract(epoch FROM r.start_time) * 1000)::bigint - 1000)::text AS from_ms,
    ((extract(epoch FROM coalesce(r.end_time, now())) * 1000)::bigint + 1000)::text AS to_ms

-- name: this_run
grafana.find_run(${run_id:sqlstring}) k
JOIN grafana.v_runs r ON r.project_id = k.project_id AND r.run_id = k.run_id

-- name: steps_of_this_run
grafana.find_run(${run_id:sqlstring}) k
JOIN grafana.v_steps s ON s.project_id = k.project_id AND s.run_id = k.run_id AND s.day = k.day

-- name: matching_runs
-- The filters that have an index first, newest first, so many; then those that have none.
candidates AS (
    SELECT r.* FROM @runs_in_range
        AND ('__all__' IN (${status:sqlstring}) OR r.status IN (${status:sqlstring}))
    ORDER BY r.start_time DESC, r.run_id DESC LIMIT 20000
), matching AS (
    SELECT r.* FROM candidates r
    WHERE ('__all__' IN (${failure_type:sqlstring}) OR r.failure_types && ARRAY[${failure_type:sqlstring}]::text[])
        AND ('__all__' IN (${model:sqlstring}) OR EXISTS (
            SELECT FROM grafana.v_steps s
            WHERE s.project_id = r.project_id AND s.run_id = r.run_id AND s.day = r.day
                AND s.day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1
                AND s.model IN (${model:sqlstring}) OFFSET 0))
        AND (${tag:sqlstring} = '' OR ${tag:sqlstring} = ANY (r.tags)
            OR r.attributes ->> split_part(${tag:sqlstring}, '=', 1) = split_part(${tag:sqlstring}, '=', 2))
        AND (${search:sqlstring} = '' OR starts_with(r.run_id::text, lower(${search:sqlstring}))
            OR starts_with(r.agent_id, ${search:sqlstring}) OR starts_with(r.session_id, ${search:sqlstring})
            OR EXISTS (SELECT FROM unnest(r.failure_codes) c WHERE starts_with(c, ${search:sqlstring})))
        AND coalesce(r.duration_seconds >= grafana.to_number(${min_duration_s:sqlstring}),
                     grafana.to_number(${min_duration_s:sqlstring}) IS NULL)
)
