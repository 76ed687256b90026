-- Fragments of which a selection of runs is put together. `where_…` stands for the filter's field of that name.

-- name: columns
run_id, day, agent_id, agent_version, environment, status, start_time, end_time, heartbeat_time, lease_duration,
session_id, user_key, parent_run_id, tags, attributes, expected_step_count, step_count, failed_step_count,
retry_count, failure_count, failure_types, failure_codes, input_tokens, output_tokens, cache_read_tokens,
cache_write_tokens, reasoning_tokens, cost_micro_usd, create_time, update_time

-- name: key_columns
run_id, day, start_time, step_count

-- name: page
SELECT {columns} FROM ({scan}) runs WHERE {others} ORDER BY start_time DESC, run_id DESC LIMIT %(limit)s

-- name: scan
-- Read lazily: a page that fills early stops it.
SELECT * FROM ({branches}) branches ORDER BY start_time DESC, run_id DESC LIMIT %(scan_rows)s

-- name: scan_end
SELECT start_time, run_id FROM ({branches}) branches
ORDER BY start_time DESC, run_id DESC OFFSET %(scan_rows)s - 1 LIMIT 1

-- name: branch
-- Walks an index. Its own order and limit make the planner merge branches instead of sorting all of them.
(SELECT * FROM api.runs WHERE {conditions} ORDER BY start_time DESC, run_id DESC LIMIT %({bound})s)

-- name: after
(start_time, run_id) < (%(after_time)s, %(after_id)s)

-- name: onward_from
(start_time, run_id) <= (%(after_time)s, %(after_id)s)

-- name: lead_agent_ids
agent_id = %({lead})s

-- name: lead_environments
environment = %({lead})s

-- name: lead_statuses
status = %({lead})s

-- name: lead_session_id
session_id = %({lead})s

-- name: lead_TOOL
-- The indexes by type are partial: their predicate has to stand here word for word.
'TOOL' = ANY (failure_types)

-- name: lead_MODEL
'MODEL' = ANY (failure_types)

-- name: lead_RETRIEVAL
'RETRIEVAL' = ANY (failure_types)

-- name: lead_ORCHESTRATION
'ORCHESTRATION' = ANY (failure_types)

-- name: where_agent_ids
agent_id = ANY (%(agent_ids)s)

-- name: where_agent_versions
agent_version = ANY (%(agent_versions)s)

-- name: where_environments
environment = ANY (%(environments)s)

-- name: where_statuses
status = ANY (%(statuses)s)

-- name: where_start_time_from
start_time >= %(start_time_from)s

-- name: where_start_time_before
start_time < %(start_time_before)s

-- name: where_failure_types
failure_types && %(failure_types)s

-- name: where_failure_codes
-- A run keeps its first 8 codes: where it has so many, it may have others. No EXISTS, which the planner would
-- be free to turn into a join of whole tables.
(failure_codes && %(failure_codes)s OR cardinality(failure_codes) >= 8 AND (
    SELECT true FROM api.failures f
    WHERE f.run_id = runs.run_id AND f.day = runs.day AND f.code = ANY (%(failure_codes)s) LIMIT 1
))

-- name: where_min_duration
end_time - start_time >= %(min_duration)s

-- name: where_max_duration
end_time - start_time <= %(max_duration)s

-- name: where_session_id
session_id = %(session_id)s

-- name: where_tags
tags @> %(tags)s

-- name: where_attributes
-- Containment compares numbers by their value: 1 and 1.0 are the same.
attributes @> %(attributes)s

-- name: where_has_retries
(retry_count > 0) = %(has_retries)s

-- name: where_incomplete
(end_time IS NOT NULL AND coalesce(step_count < expected_step_count, false)) = %(incomplete)s

-- name: where_user_key
user_key = %(user_key)s

-- name: where_parent_run_id
parent_run_id = %(parent_run_id)s::uuid
