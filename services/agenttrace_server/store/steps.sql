-- name: key_of_run
SELECT run_id, day, start_time, step_count FROM api.runs WHERE run_id = %(run_id)s::uuid

-- name: of_runs
-- The days stand twice: as constants they leave out partitions when the statement is planned.
SELECT w.run_start_time, s.run_id, s.step_id, s.parent_step_id, s.sequence, s.type, s.name, s.status, s.attempt,
       s.retry_of_step_id, s.start_time, s.end_time, s.provider, s.request_model, s.response_model, s.input_tokens,
       s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.input_token_semantics,
       s.finish_reason, s.time_to_first_token, s.cost_micro_usd, s.tool_name, s.tool_call_id, s.retrieval_source,
       s.result_count, s.attributes
FROM unnest(%(run_ids)s::uuid[], %(days)s::date[], %(start_times)s::timestamptz[])
     WITH ORDINALITY AS w (run_id, day, run_start_time, place)
JOIN api.steps s ON s.run_id = w.run_id AND s.day = w.day
WHERE s.run_id = ANY (%(run_ids)s) AND s.day = ANY (%(days)s) AND {conditions}
ORDER BY w.place, s.sequence, s.start_time, s.step_id
LIMIT %(limit)s

-- name: after
(s.run_id <> %(after_run_id)s
 OR (s.sequence, s.start_time, s.step_id) > (%(after_sequence)s, %(after_time)s, %(after_id)s))

-- name: model
-- The one definition of a step's model: what answered, or what was asked for where that is not known.
coalesce(s.response_model, s.request_model)

-- name: tool
-- The one definition of a step's tool.
coalesce(s.tool_name, CASE WHEN s.type = 'TOOL' THEN s.name END)

-- name: where_types
s.type = ANY (%(types)s)

-- name: where_statuses
s.status = ANY (%(statuses)s)

-- name: where_names
s.name = ANY (%(names)s)

-- name: where_models
{model} = ANY (%(models)s)

-- name: where_tools
{tool} = ANY (%(tools)s)

-- name: where_min_duration
s.end_time - s.start_time >= %(min_duration)s

-- name: where_is_retry
(s.attempt > 1) = %(is_retry)s
