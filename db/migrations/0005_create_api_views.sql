-- What the query role may read: these views, each cut to one project by a setting of the transaction. Without
-- the setting they are empty. It guards against a forgotten WHERE, not against injected SQL.
--
-- Not security barriers: the planner does not look through one for an order, so that every page of a listing would
-- read and sort all runs that match. Not row-level security: COPY FROM is refused on a table that has it.

CREATE SCHEMA api;

CREATE VIEW api.runs AS
    SELECT run_id, day, is_stub, agent_id, agent_version, coalesce(environment, 'production') AS environment, status,
           start_time, end_time, heartbeat_time, lease_duration, session_id, user_key, parent_run_id, tags,
           attributes, expected_step_count, step_count, failed_step_count, retry_count, failure_count, failure_types,
           failure_codes, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
           cost_micro_usd, create_time, update_time
    FROM agent_runs
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

CREATE VIEW api.steps AS
    SELECT run_id, step_id, day, parent_step_id, sequence, type, name, status, attempt, retry_of_step_id, start_time,
           end_time, provider, request_model, response_model, input_tokens, output_tokens, cache_read_tokens,
           cache_write_tokens, reasoning_tokens, input_token_semantics, finish_reason, time_to_first_token,
           cost_micro_usd, tool_name, tool_call_id, retrieval_source, result_count, attributes
    FROM agent_steps
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

CREATE VIEW api.failures AS
    SELECT run_id, failure_id, day, step_id, type, code, exception_type, http_status, grpc_status, retryable,
           caused_by_failure_id, occur_time
    FROM agent_failures
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

CREATE VIEW api.run_changes AS
    SELECT xid, seq, run_id, change_time
    FROM run_changes
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

-- The catalogue is the operator's, the same for every project.
CREATE VIEW api.failure_codes AS
    SELECT type, code, title, remedy FROM failure_codes;

GRANT USAGE ON SCHEMA api TO agenttrace_query;
GRANT SELECT ON ALL TABLES IN SCHEMA api TO agenttrace_query;
