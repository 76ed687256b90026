-- name: more_memory
-- Sorting and hashing in memory what is counted takes half the time.
SELECT set_config('work_mem', '32MB', true)

-- name: without_statistics
-- Of a table that was never analyzed, a fresh one or that of a new day, the planner expects a row or two of a project
-- and joins by loops over all of the others. Compiling is off, because it goes by costs that this makes huge.
SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)
WHERE EXISTS (SELECT FROM pg_class
              WHERE reltuples < 0
                AND relname IN (SELECT 'agent_runs'
                                UNION ALL
                                SELECT name || to_char(day, '_YYYYMMDD')
                                FROM unnest(%(days)s::date[]) day, unnest(ARRAY['agent_steps', 'agent_failures']) name))

-- name: selection
-- The days are the partitions that have steps of the runs. Of few runs the ids are worth knowing: their steps
-- are then found by key.
WITH selected AS ({selected})
SELECT coalesce(array_agg(DISTINCT day), '{{}}') AS days,
       CASE WHEN count(*) <= %(few_runs)s THEN array_agg(run_id) END AS run_ids
FROM selected

-- name: selected
SELECT run_id, day, agent_id, agent_version, environment, status, start_time, end_time
FROM api.runs WHERE {conditions}

-- name: steps
SELECT * FROM api.steps WHERE {scope}

-- name: scope
day = ANY (%(days)s)

-- name: scope_of_few
day = ANY (%(days)s) AND run_id = ANY (%(run_ids)s)

-- name: top
-- The groups with the most runs.
SELECT {key} AS key, coalesce({version}, '') AS agent_version
FROM ({runs}) r
WHERE {key} IS NOT NULL
GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT %(groups)s

-- name: runs_of_step_dimension
-- Each run once for each value of its steps.
SELECT r.*, k.step_key
FROM ({selected}) r JOIN (SELECT DISTINCT s.run_id, {step_key} AS step_key FROM ({steps}) s) k USING (run_id)

-- name: run_counts
SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
       count(*) AS run_count,
       count(*) FILTER (WHERE status = 'RUNNING') AS running_count,
       count(*) FILTER (WHERE status = 'SUCCESS') AS success_count,
       count(*) FILTER (WHERE status = 'FAILURE') AS failure_count,
       count(*) FILTER (WHERE status = 'PARTIAL') AS partial_count,
       count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled_count,
       count(*) FILTER (WHERE status = 'ABANDONED') AS abandoned_count,
       count(end_time) AS run_duration_count,
       percentile_disc(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY r.end_time - r.start_time)
           FILTER (WHERE end_time IS NOT NULL) AS run_durations
FROM ({runs}) r
WHERE {in_group}
GROUP BY 1, 2, 3

-- name: step_counts
SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
       count(*) AS step_count,
       count(*) FILTER (WHERE s.status = 'ERROR') AS failed_step_count,
       count(*) FILTER (WHERE s.attempt > 1) AS retry_count,
       percentile_disc(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY s.end_time - s.start_time)
           AS step_durations,
       least(coalesce(sum(s.input_tokens), 0), 9223372036854775807)::bigint AS input_tokens,
       least(coalesce(sum(s.output_tokens), 0), 9223372036854775807)::bigint AS output_tokens,
       least(coalesce(sum(s.cache_read_tokens), 0), 9223372036854775807)::bigint AS cache_read_tokens,
       least(coalesce(sum(s.cache_write_tokens), 0), 9223372036854775807)::bigint AS cache_write_tokens,
       least(coalesce(sum(s.reasoning_tokens), 0), 9223372036854775807)::bigint AS reasoning_tokens,
       least(coalesce(sum(s.cost_micro_usd), 0), 9223372036854775807)::bigint AS cost_micro_usd
FROM ({selected}) r JOIN ({steps}) s USING (run_id, day)
WHERE {in_group}
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

-- name: failures
-- Every failure of the selected runs beside its step.
({selected}) r
JOIN (SELECT * FROM api.failures WHERE {scope}) f USING (run_id, day)
LEFT JOIN ({steps}) s USING (run_id, day, step_id)
LEFT JOIN ({successes}) later ON later.run_id = f.run_id AND later.step_id = {first_attempt}

-- name: last_success
later.attempt

-- name: recovered_counts
SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
       count(*) AS recovered_failure_count
FROM {failures}
WHERE {recovered} AND {in_group}
GROUP BY 1, 2, 3

-- name: failure_counts
SELECT f.type, f.code, coalesce(r.agent_id, '') AS agent_id, coalesce(r.agent_version, '') AS agent_version,
       count(*) AS failure_count,
       count(*) FILTER (WHERE {recovered}) AS recovered_failure_count,
       count(DISTINCT f.run_id) AS run_count,
       min(f.occur_time) AS first_occur_time,
       max(f.occur_time) AS last_occur_time
FROM {failures}
GROUP BY 1, 2, 3, 4
ORDER BY failure_count DESC, 1, 2, 3, 4
LIMIT %(failures)s

-- name: everything
true

-- name: has_key
{key} IS NOT NULL

-- name: in_top
-- Not IN over two arrays, which is planned as a join of unknown size. No key or version has a space in it.
{key} || ' ' || coalesce({version}, '') = ANY (%(names)s)

-- name: nothing
NULL::text

-- name: bucket
date_bin(%(bucket)s, r.start_time, '1970-01-01T00:00:00Z')

-- name: no_bucket
NULL::timestamptz

-- name: key_AGENT
coalesce(r.agent_id, '')

-- name: key_AGENT_VERSION
coalesce(r.agent_id, '')

-- name: version
coalesce(r.agent_version, '')

-- name: key_ENVIRONMENT
r.environment

-- name: step_key
-- In statements that have the run once for each value.
r.step_key

-- name: key_STEP_TYPE
s.type

-- name: key_MODEL
-- Steps that are no call of a model have no key and are in no group.
coalesce({model}, CASE WHEN s.type = 'MODEL' THEN '' END)

-- name: key_TOOL
{tool}
