-- name: ingest_runs
SELECT ordinal, verdict, field, run_id, day, step_count, agent_id, first_end, run_seconds
FROM ingest_runs(
    %(project_id)s, %(tag_limit)s, %(attribute_limit)s, %(run_count)s, %(ordinal)s, %(is_combined)s,
    %(touch_time)s, %(run_id)s, %(is_stub)s, %(agent_id)s, %(agent_version)s, %(environment)s, %(status)s,
    %(start_time)s, %(end_time)s, %(heartbeat_time)s, %(lease_duration)s, %(session_id)s, %(user_key)s,
    %(parent_run_id)s, %(tags)s, %(attributes)s, %(expected_step_count)s, %(erasure_keys)s, %(mark_place)s,
    %(mark_field)s, %(mark_key)s, %(mark)s)

-- name: copy_steps
COPY agent_steps ({columns}, project_id, day) FROM STDIN (FORMAT BINARY)

-- name: stage_steps
COPY ingest_step_stage ({columns}, project_id, day, ordinal) FROM STDIN (FORMAT BINARY)

-- name: merge_steps
SELECT ordinal, verdict FROM ingest_merge_steps(%(step_limit)s)

-- name: copy_failures
COPY agent_failures ({columns}, project_id, day) FROM STDIN (FORMAT BINARY)

-- name: stage_failures
COPY ingest_failure_stage ({columns}, project_id, day, ordinal) FROM STDIN (FORMAT BINARY)

-- name: merge_failures
SELECT ordinal, verdict FROM ingest_merge_failures()
