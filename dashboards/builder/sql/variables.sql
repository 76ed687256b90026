-- What the variables offer: never more than a list that a person can read.

-- name: project
SELECT p.project FROM grafana.v_projects p ORDER BY 1 LIMIT 200

-- name: agent
SELECT DISTINCT r.agent_id FROM grafana.v_runs r
WHERE r.project_id = @project AND $__timeFilter(r.start_time) AND r.agent_id IS NOT NULL
ORDER BY 1 LIMIT 200

-- name: env
-- Of the newest 20,000 runs.
SELECT DISTINCT n.environment FROM (
    SELECT r.environment FROM grafana.v_runs r
    WHERE r.project_id = @project AND $__timeFilter(r.start_time)
    ORDER BY r.start_time DESC, r.run_id DESC LIMIT 20000
) n
ORDER BY 1 LIMIT 200

-- name: agent_regex
-- The chosen agents as PromQL wants them. Characters of a name that mean something there stand in brackets.
SELECT CASE WHEN '__all__' IN (${agent:sqlstring}) THEN '.*'
            ELSE string_agg(regexp_replace(a.agent, '([.+|])', '[\1]', 'g'), '|') END AS agent_regex
FROM unnest(ARRAY[${agent:sqlstring}]::text[]) a (agent)
LIMIT 200

-- name: model
-- Of the newest 2,000 runs.
SELECT DISTINCT s.model FROM (
    SELECT r.project_id, r.run_id, r.day FROM @runs_in_range
    ORDER BY r.start_time DESC, r.run_id DESC LIMIT 2000
) r
CROSS JOIN LATERAL (
    SELECT s.model FROM grafana.v_steps s
    WHERE s.project_id = r.project_id AND s.run_id = r.run_id AND s.day = r.day AND s.model IS NOT NULL
        AND s.day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1
    OFFSET 0
) s
ORDER BY 1 LIMIT 200

-- name: step_id
SELECT lpad(s.sequence::text, 3, '0') || ' ' || s.name AS __text, s.step_id::text AS __value
FROM @steps_of_this_run
ORDER BY 1 LIMIT 200
