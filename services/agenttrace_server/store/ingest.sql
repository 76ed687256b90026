-- name: ingest_runs
SELECT ordinal, verdict, field, run_id, day
FROM ingest_runs(%(project_id)s, %(messages)s::jsonb, %(tag_limit)s, %(attribute_limit)s)

-- name: stage_steps
COPY ingest_step_stage (
    project_id, day, ordinal, run_id, step_id, parent_step_id, sequence, type, name, status, attempt,
    retry_of_step_id, start_time, end_time, provider, request_model, response_model, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens, input_token_semantics, finish_reason,
    time_to_first_token, cost_micro_usd, tool_name, tool_call_id, retrieval_source, result_count, attributes
) FROM STDIN

-- name: merge_steps
SELECT ordinal, verdict FROM ingest_merge_steps(%(step_limit)s)

-- name: stage_failures
COPY ingest_failure_stage (
    project_id, day, ordinal, run_id, failure_id, step_id, type, code, exception_type, http_status, grpc_status,
    retryable, caused_by_failure_id, occur_time
) FROM STDIN

-- name: merge_failures
SELECT ordinal, verdict FROM ingest_merge_failures()
