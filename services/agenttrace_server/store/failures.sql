-- name: reach_of_run
SELECT coalesce(array_agg(day), '{{}}') AS days, coalesce(array_agg(run_id), '{{}}') AS run_ids
FROM api.runs WHERE run_id = %(run_id)s::uuid

-- name: reach_of_scan
SELECT coalesce(array_agg(DISTINCT f.day), '{{}}') AS days,
       coalesce(array_agg(DISTINCT f.run_id) FILTER (WHERE r.retry_count > 0), '{{}}') AS run_ids
FROM ({scan}) f
CROSS JOIN LATERAL (SELECT retry_count FROM api.runs WHERE run_id = f.run_id OFFSET 0) r

-- name: details
-- OFFSET 0 keeps the planner from joining in any other way than row by row: no statistics can make it read whole
-- tables. The days leave out partitions when the statement is planned: with a partition for each day of a quarter
-- that takes longer than running it. The successes are found once and looked up by key: a run may have thousands
-- of failures, and as many steps to look at for each, and a join may be planned as a loop over both.
WITH successes AS MATERIALIZED (
    SELECT jsonb_object_agg(found.run_id::text || found.step_id, found.attempt) AS attempts
    FROM unnest(%(run_ids)s::uuid[]) AS w (run_id) CROSS JOIN LATERAL ({successes} OFFSET 0) found
)
SELECT f.run_id, f.failure_id, f.day, f.step_id, f.type, f.code, f.exception_type, f.http_status, f.grpc_status,
       f.retryable, f.caused_by_failure_id, f.occur_time, r.agent_id, r.agent_version, r.environment,
       r.failure_count, s.name AS step_name, s.attempt, {recovered} AS recovered
FROM ({source}) f
CROSS JOIN LATERAL (
    SELECT agent_id, agent_version, environment, failure_count FROM api.runs WHERE run_id = f.run_id OFFSET 0
) r
LEFT JOIN LATERAL (
    SELECT name, attempt, retry_of_step_id
    FROM api.steps WHERE run_id = f.run_id AND step_id = f.step_id AND day = f.day AND day = ANY (%(days)s) OFFSET 0
) s ON true
WHERE {conditions}
ORDER BY {order}
LIMIT %(limit)s

-- name: recovered
-- The one definition of a recovered failure: a later attempt of the same step ended OK. Where the failed step
-- itself is missing, it can only be the first attempt, which the others refer to.
coalesce({last_success} > coalesce(s.attempt, 1), false)

-- name: last_success
((SELECT attempts FROM successes) ->> (f.run_id::text || {first_attempt}))::integer

-- name: first_attempt
coalesce(s.retry_of_step_id, f.step_id)

-- name: successes
-- The last attempt that ended OK, by the first attempt's id. Of first attempts none is later.
SELECT run_id, retry_of_step_id AS step_id, max(attempt) AS attempt
FROM api.steps
WHERE {scope} AND attempt > 1 AND status = 'OK'
GROUP BY run_id, retry_of_step_id

-- name: scope
run_id = w.run_id AND day = ANY (%(days)s)

-- name: latest_first
f.occur_time DESC, f.failure_id DESC, f.run_id DESC

-- name: earliest_first
f.occur_time, f.failure_id

-- name: scan
SELECT * FROM api.failures f WHERE {conditions} ORDER BY {order} LIMIT %({bound})s

-- name: scan_end
SELECT occur_time, failure_id, run_id FROM api.failures f WHERE {conditions}
ORDER BY {order} OFFSET %(scan_rows)s - 1 LIMIT 1

-- name: of_runs
SELECT f.* FROM unnest(%(run_ids)s::uuid[], %(days)s::date[]) AS w (run_id, day)
CROSS JOIN LATERAL (
    SELECT * FROM api.failures f WHERE f.run_id = w.run_id AND f.day = w.day AND f.day = ANY (%(days)s)
    ORDER BY f.occur_time, f.failure_id LIMIT %(failures_per_run)s
) f

-- name: is_candidate
-- A failure that may be its run's root: not recovered, and no other stored failure caused it. Not EXISTS: the
-- planner would be free to turn that into a join of whole tables.
NOT {recovered} AND (
    SELECT cause.failure_id FROM api.failures cause
    WHERE cause.run_id = f.run_id AND cause.day = f.day AND cause.day = ANY (%(days)s)
      AND cause.failure_id = f.caused_by_failure_id
      AND cause.failure_id <> f.failure_id
) IS NULL

-- name: parents
SELECT step_id, parent_step_id FROM api.steps
WHERE run_id = %(run_id)s AND day = %(day)s AND parent_step_id IS NOT NULL

-- name: after
(f.occur_time, f.failure_id, f.run_id) < (%(after_time)s, %(after_id)s, %(after_run_id)s)

-- name: where_run
f.run_id = %(run_id)s::uuid

-- name: on_days
f.day = ANY (%(days)s)

-- name: where_types
f.type = ANY (%(types)s)

-- name: where_codes
f.code = ANY (%(codes)s)

-- name: where_occur_time_from
f.occur_time >= %(occur_time_from)s

-- name: where_occur_time_before
f.occur_time < %(occur_time_before)s

-- name: where_agent_ids
r.agent_id = ANY (%(agent_ids)s)

-- name: where_agent_versions
r.agent_version = ANY (%(agent_versions)s)

-- name: where_environments
r.environment = ANY (%(environments)s)

-- name: where_recovered
{recovered} = %(recovered)s
