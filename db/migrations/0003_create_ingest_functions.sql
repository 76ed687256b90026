-- What the ingest role may do beside inserting. It can read nothing: these functions answer only about
-- what their caller has just sent.

-- The order of ends at the same end_time.
CREATE FUNCTION run_end_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status WHEN 'FAILURE' THEN 4 WHEN 'PARTIAL' THEN 3 WHEN 'CANCELLED' THEN 2 WHEN 'SUCCESS' THEN 1 END
$$;

-- A run message as ingest_runs() merges it. is_stub: it tells no start_time, and start_time is the earliest time it
-- mentions.
CREATE TYPE run_message AS (
    ordinal integer,
    run_id uuid,
    is_stub boolean,
    agent_id text,
    agent_version text,
    environment text,
    status text,
    start_time timestamptz,
    end_time timestamptz,
    heartbeat_time timestamptz,
    lease_duration interval,
    session_id text,
    user_key text,
    parent_run_id uuid,
    tags text[],
    attributes jsonb,
    expected_step_count integer
);

-- Makes and merges a batch's runs, and locks them.
--
-- Its arrays are columns. The first p_run_count rows are the batch's runs, each once, as they are to be inserted where
-- they are new: with a run's first message, or without (ordinal is then NULL) where only steps and failures touch it;
-- touch_time is the earliest time of those. Behind them stand the further messages, in their order. is_combined: the
-- row is several messages in one, which only fit a new run; of a known one it raises unique_violation, and the caller
-- sends them one by one. tags: separated by spaces. The marks tell what is erased: see ingest_refuse_erased(). They may
-- be left out, with p_erasure_keys empty, for a project that has no tombstones; where it has, AT001 is raised.
--
-- Returns a row with nothing but `day` (since 1970-01-01) of new runs; a row without ordinal for each run that was
-- known: its day, agent and stored steps; and a row for each message that did more than make a new run: its verdict
-- ('ACCEPTED', 'DUPLICATE', or a reason with its field) and whether it ended the run for the first time. Of an erased
-- run it returns a row without ordinal, its verdict 'ERASED' with the field that told it; nothing of it is stored.
--
-- Runs are inserted, or locked where they are known, in the order of run_id: two batches can not deadlock. Most
-- messages are the first of new runs and cost no more than that. Known runs are found one key at a time (a LATERAL with
-- LIMIT leaves no other plan) and changed in their place: planned before the table has statistics, a join would read
-- it whole.
CREATE FUNCTION ingest_runs(
    p_project_id integer, p_tag_limit integer, p_attribute_limit integer, p_run_count integer,
    p_ordinal integer[], p_is_combined boolean[], p_touch_time timestamptz[], p_run_id uuid[], p_is_stub boolean[],
    p_agent_id text[], p_agent_version text[], p_environment text[], p_status text[], p_start_time timestamptz[],
    p_end_time timestamptz[], p_heartbeat_time timestamptz[], p_lease_duration interval[], p_session_id text[],
    p_user_key text[], p_parent_run_id uuid[], p_tags text[], p_attributes jsonb[], p_expected_step_count integer[],
    p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]
) RETURNS TABLE (
    ordinal integer, verdict text, field text, run_id text, day integer, agent_id text, step_count integer,
    first_end boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
    run_ids CONSTANT uuid[] := p_run_id[1:p_run_count];
    new_runs uuid[];
    known_runs uuid[];
    kept_runs uuid[] := run_ids;
    erased uuid[] := '{}';
    hit record;
    messages run_message[];
    turn integer := 0;
BEGIN
    WITH inserted AS (
        INSERT INTO agent_runs (project_id, run_id, day, is_stub, agent_id, agent_version, environment, status,
                                start_time, end_time, heartbeat_time, lease_duration, session_id, user_key,
                                parent_run_id, tags, attributes, expected_step_count)
        SELECT p_project_id, f.run_id, today, f.is_stub, f.agent_id, f.agent_version, f.environment, f.status,
               CASE WHEN f.is_stub THEN least(f.start_time, f.touch_time) ELSE f.start_time END, f.end_time,
               f.heartbeat_time, f.lease_duration, f.session_id, f.user_key, f.parent_run_id,
               coalesce(string_to_array(f.tags, ' '), '{}'), coalesce(f.attributes, '{}'), f.expected_step_count
        FROM unnest(run_ids, p_touch_time, p_is_stub, p_agent_id, p_agent_version, p_environment, p_status,
                    p_start_time, p_end_time, p_heartbeat_time, p_lease_duration, p_session_id, p_user_key,
                    p_parent_run_id, p_tags, p_attributes, p_expected_step_count)
            WITH ORDINALITY f (run_id, touch_time, is_stub, agent_id, agent_version, environment, status,
                    start_time, end_time, heartbeat_time, lease_duration, session_id, user_key,
                    parent_run_id, tags, attributes, expected_step_count, place)
        WHERE f.place <= p_run_count
        ORDER BY f.run_id
        -- Changes nothing and locks the row, in its turn.
        ON CONFLICT (project_id, run_id) DO UPDATE SET update_time = excluded.update_time WHERE false
        RETURNING run_id
    )
    SELECT coalesce(array_agg(i.run_id), '{}') INTO new_runs FROM inserted i;

    -- After the insertion: who erases makes the tombstone known, then waits for those who write to agent_runs and may
    -- not have seen it, then deletes. And who waited above for a run to be deleted sees its tombstone now.
    IF EXISTS (SELECT FROM erasure_keys k WHERE k.project_id = p_project_id) THEN
        FOR hit IN
            SELECT h.* FROM ingest_refuse_erased(p_project_id, p_run_id, new_runs, p_session_id, p_user_key,
                                                 p_erasure_keys, p_mark_place, p_mark_field, p_mark_key, p_mark) h
        LOOP
            IF hit.field = 'parent_run_id' THEN
                UPDATE agent_runs a SET parent_run_id = NULL
                WHERE a.project_id = p_project_id AND a.run_id = hit.run_id
                    AND a.parent_run_id = p_parent_run_id[hit.place];
                p_parent_run_id[hit.place] := NULL;
            ELSE
                erased := erased || hit.run_id;
                RETURN QUERY SELECT NULL::integer, 'ERASED', hit.field, hit.run_id::text, NULL::integer, NULL::text,
                                    NULL::integer, NULL::boolean;
            END IF;
        END LOOP;
        kept_runs := ARRAY(SELECT u FROM unnest(run_ids) u WHERE u NOT IN (SELECT unnest(erased)));
    END IF;

    RETURN QUERY SELECT NULL::integer, NULL::text, NULL::text, NULL::text, today - DATE '1970-01-01', NULL::text,
                        NULL::integer, NULL::boolean;
    IF cardinality(new_runs) = cardinality(p_run_id) THEN
        INSERT INTO run_changes (project_id, run_id) SELECT p_project_id, unnest(kept_runs);
        RETURN;
    END IF;

    SELECT coalesce(array_agg(u), '{}') INTO known_runs
    FROM unnest(kept_runs) u WHERE u NOT IN (SELECT unnest(new_runs));
    IF EXISTS (SELECT FROM unnest(run_ids, p_is_combined) f (run_id, is_combined)
               WHERE f.is_combined AND f.run_id NOT IN (SELECT unnest(new_runs))) THEN
        RAISE EXCEPTION 'messages were combined for a run that is known' USING ERRCODE = 'unique_violation';
    END IF;

    SELECT coalesce(array_agg((f.ordinal, f.run_id, f.is_stub, f.agent_id, f.agent_version, f.environment, f.status,
                               f.start_time, f.end_time, f.heartbeat_time, f.lease_duration, f.session_id, f.user_key,
                               f.parent_run_id, coalesce(string_to_array(f.tags, ' '), '{}'),
                               coalesce(f.attributes, '{}'), f.expected_step_count)::run_message), '{}')
    INTO messages
    FROM unnest(p_ordinal, p_run_id, p_is_stub, p_agent_id, p_agent_version, p_environment, p_status,
                p_start_time, p_end_time, p_heartbeat_time, p_lease_duration, p_session_id, p_user_key,
                p_parent_run_id, p_tags, p_attributes, p_expected_step_count)
        WITH ORDINALITY f (ordinal, run_id, is_stub, agent_id, agent_version, environment, status, start_time, end_time,
                heartbeat_time, lease_duration, session_id, user_key, parent_run_id, tags, attributes,
                expected_step_count, place)
    WHERE f.ordinal IS NOT NULL AND (f.place > p_run_count OR f.run_id NOT IN (SELECT unnest(new_runs)))
        AND f.run_id NOT IN (SELECT unnest(erased));

    -- Messages take turns: each turn merges at most one message of a run, all runs at once. Every rule of the merge
    -- is commutative, associative and idempotent, so that all orders and repetitions of consistent messages give the
    -- same row.
    LOOP
        turn := turn + 1;
        RETURN QUERY
        WITH waiting AS (
            SELECT f.*, row_number() OVER (PARTITION BY f.run_id ORDER BY f.ordinal) AS place FROM unnest(messages) f
        ), merged AS (
            SELECT m.ordinal, a.project_id, a.run_id, a.end_time IS NULL AS was_open, a.update_time,
                a.is_stub AND m.is_stub AS is_stub,
                coalesce(a.agent_id, m.agent_id) AS agent_id,
                coalesce(a.agent_version, m.agent_version) AS agent_version,
                coalesce(a.environment, m.environment) AS environment,
                coalesce(a.session_id, m.session_id) AS session_id,
                coalesce(a.user_key, m.user_key) AS user_key,
                coalesce(a.parent_run_id, m.parent_run_id) AS parent_run_id,
                greatest(a.heartbeat_time, m.heartbeat_time) AS heartbeat_time,
                greatest(a.lease_duration, m.lease_duration) AS lease_duration,
                greatest(a.expected_step_count, m.expected_step_count) AS expected_step_count,
                CASE WHEN a.is_stub AND NOT m.is_stub THEN m.start_time
                     WHEN m.is_stub AND NOT a.is_stub THEN a.start_time
                     ELSE least(a.start_time, m.start_time) END AS start_time,
                CASE WHEN e.later THEN m.end_time ELSE a.end_time END AS end_time,
                -- Whatever was received is a sign of life: it ends the abandonment.
                CASE WHEN e.later THEN m.status WHEN a.status = 'ABANDONED' THEN 'RUNNING' ELSE a.status END AS status,
                CASE WHEN m.tags <@ a.tags THEN a.tags
                     ELSE ARRAY(SELECT DISTINCT unnest(a.tags || m.tags) COLLATE "C" ORDER BY 1) END AS tags,
                a.attributes || m.attributes AS attributes,
                CASE
                    WHEN a.agent_id <> m.agent_id THEN 'agent_id'
                    WHEN a.agent_version <> m.agent_version THEN 'agent_version'
                    WHEN a.environment <> m.environment THEN 'environment'
                    WHEN a.session_id <> m.session_id THEN 'session_id'
                    WHEN a.user_key <> m.user_key THEN 'user_key'
                    WHEN a.parent_run_id <> m.parent_run_id THEN 'parent_run_id'
                    -- As text: 1 and 1.0 are equal numbers and different values.
                    WHEN a.attributes <> '{}' AND m.attributes <> '{}' AND EXISTS (
                        SELECT FROM jsonb_each(m.attributes) n JOIN jsonb_each(a.attributes) o USING (key)
                        WHERE n.value::text <> o.value::text) THEN 'attributes'
                END AS conflict,
                a.place, a.stored
            FROM waiting m,
            LATERAL (SELECT k.*, k.ctid AS place, k AS stored FROM agent_runs k
                     WHERE k.project_id = p_project_id AND k.run_id = m.run_id LIMIT 1) a,
            LATERAL (SELECT m.end_time IS NOT NULL AND (a.end_time IS NULL
                OR (m.end_time, run_end_rank(m.status)) > (a.end_time, run_end_rank(a.status))) AS later) e
            WHERE m.place = turn
        ), judged AS (
            SELECT g.*,
                CASE
                    WHEN g.conflict IS NOT NULL THEN 'CONFLICT'
                    WHEN cardinality(g.tags) > p_tag_limit THEN 'TOO_LONG'
                    WHEN g.attributes <> (g.stored).attributes
                        AND (SELECT count(*) FROM jsonb_object_keys(g.attributes)) > p_attribute_limit THEN 'TOO_LONG'
                    WHEN g.end_time < g.start_time THEN 'END_BEFORE_START'
                    WHEN (g.is_stub, g.agent_id, g.agent_version, g.environment, g.session_id, g.user_key,
                          g.parent_run_id, g.heartbeat_time, g.lease_duration, g.expected_step_count, g.start_time,
                          g.end_time, g.status, g.tags, g.attributes)
                        IS NOT DISTINCT FROM
                         ((stored).is_stub, (stored).agent_id, (stored).agent_version, (stored).environment,
                          (stored).session_id, (stored).user_key, (stored).parent_run_id, (stored).heartbeat_time,
                          (stored).lease_duration, (stored).expected_step_count, (stored).start_time,
                          (stored).end_time, (stored).status, (stored).tags, (stored).attributes) THEN 'DUPLICATE'
                    ELSE 'ACCEPTED'
                END AS judgement
            FROM merged g
        ), updated AS (
            UPDATE agent_runs a
            SET is_stub = j.is_stub, agent_id = j.agent_id, agent_version = j.agent_version,
                environment = j.environment, start_time = j.start_time, end_time = j.end_time, status = j.status,
                heartbeat_time = j.heartbeat_time, lease_duration = j.lease_duration, session_id = j.session_id,
                user_key = j.user_key, parent_run_id = j.parent_run_id, tags = j.tags, attributes = j.attributes,
                expected_step_count = j.expected_step_count, update_time = now()
            FROM judged j
            WHERE a.ctid = j.place
                -- A duplicate is a sign of life too. Every 10 seconds is often enough for the shortest lease and
                -- saves a row version for most batches.
                AND (j.judgement = 'ACCEPTED'
                     OR j.judgement = 'DUPLICATE' AND j.update_time < now() - interval '10 s')
        )
        SELECT j.ordinal, j.judgement,
            CASE j.judgement
                WHEN 'CONFLICT' THEN j.conflict
                WHEN 'TOO_LONG' THEN CASE WHEN cardinality(j.tags) > p_tag_limit THEN 'tags' ELSE 'attributes' END
                WHEN 'END_BEFORE_START' THEN CASE WHEN j.was_open THEN 'end_time' ELSE 'start_time' END
            END,
            j.run_id::text, NULL::integer, NULL::text, NULL::integer,
            j.judgement = 'ACCEPTED' AND j.was_open AND j.end_time IS NOT NULL
        FROM judged j;
        EXIT WHEN NOT FOUND;
    END LOOP;

    -- What else steps and failures do to a run: they are a sign of life, and start one of which no start was told.
    UPDATE agent_runs a
    SET start_time = CASE WHEN a.is_stub THEN least(a.start_time, t.touch_time) ELSE a.start_time END,
        status = CASE a.status WHEN 'ABANDONED' THEN 'RUNNING' ELSE a.status END,
        update_time = now()
    FROM (SELECT k.place, u.touch_time
          FROM unnest(run_ids, p_touch_time) u (run_id, touch_time),
          LATERAL (SELECT r.ctid AS place FROM agent_runs r
                   WHERE r.project_id = p_project_id AND r.run_id = u.run_id LIMIT 1) k
          WHERE u.touch_time IS NOT NULL AND u.run_id = ANY (known_runs)) t
    WHERE a.ctid = t.place
        AND (a.is_stub AND t.touch_time < a.start_time OR a.status = 'ABANDONED'
             OR a.update_time < now() - interval '10 s');

    -- At the end: what is marked as changed is where the runs start now.
    INSERT INTO run_changes (project_id, run_id) SELECT p_project_id, unnest(kept_runs);

    RETURN QUERY
    SELECT NULL::integer, NULL::text, NULL::text, a.run_id::text, a.day - DATE '1970-01-01', a.agent_id,
           a.step_count, NULL::boolean
    FROM unnest(known_runs) u (run_id),
    LATERAL (SELECT r.* FROM agent_runs r WHERE r.project_id = p_project_id AND r.run_id = u.run_id LIMIT 1) a;
END $$;

-- Move this transaction's staged steps (failures) beside their runs, which ingest_runs() has made and
-- locked in the same transaction. Return a row for each that was not inserted: 'DUPLICATE', 'CONFLICT' or
-- 'TOO_MANY_STEPS'.
CREATE FUNCTION ingest_merge_steps(p_step_limit integer) RETURNS TABLE (ordinal integer, verdict text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- The stage has no statistics: planned for one row, a nested loop is quadratic in the batch. It is read by its xid,
-- and the tables one key at a time: a LATERAL with LIMIT leaves no other plan than by their primary key.
SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
DECLARE
    batch CONSTANT xid8 := pg_current_xact_id();
BEGIN
    -- A run at its limit takes no new steps, and still knows the stored ones as duplicates.
    IF EXISTS (
        SELECT FROM (SELECT s.project_id, s.run_id, count(*) AS staged FROM ingest_step_stage s
                     WHERE s.xid = batch GROUP BY s.project_id, s.run_id) b
        JOIN agent_runs r ON r.project_id = b.project_id AND r.run_id = b.run_id
        WHERE r.step_count + b.staged > p_step_limit
    ) THEN
        RETURN QUERY
        WITH unknown AS (
            SELECT s.project_id, s.run_id, s.step_id, min(s.ordinal) AS first_ordinal
            FROM ingest_step_stage s
            LEFT JOIN LATERAL (
                SELECT true AS stored FROM agent_steps k
                WHERE k.project_id = s.project_id AND k.run_id = s.run_id AND k.step_id = s.step_id AND k.day = s.day
                LIMIT 1) k ON true
            WHERE s.xid = batch AND k.stored IS NULL
            GROUP BY s.project_id, s.run_id, s.step_id
        ), excess AS (
            SELECT p.project_id, p.run_id, p.step_id
            FROM (SELECT u.*, row_number() OVER (PARTITION BY u.project_id, u.run_id ORDER BY u.first_ordinal) AS place
                  FROM unknown u) p
            JOIN agent_runs r ON r.project_id = p.project_id AND r.run_id = p.run_id
            WHERE r.step_count + p.place > p_step_limit
        )
        DELETE FROM ingest_step_stage s USING excess e
        WHERE s.xid = batch AND s.project_id = e.project_id AND s.run_id = e.run_id AND s.step_id = e.step_id
        RETURNING s.ordinal, 'TOO_MANY_STEPS';
    END IF;

    WITH first_rows AS (
        SELECT DISTINCT ON (s.project_id, s.run_id, s.step_id) s.*
        FROM ingest_step_stage s WHERE s.xid = batch
        ORDER BY s.project_id, s.run_id, s.step_id, s.ordinal
    ), inserted AS (
        INSERT INTO agent_steps (
            project_id, run_id, step_id, day, parent_step_id, sequence, type, name, status, attempt,
            retry_of_step_id, start_time, end_time, provider, request_model, response_model, input_tokens,
            output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, input_token_semantics,
            finish_reason, time_to_first_token, cost_micro_usd, tool_name, tool_call_id, retrieval_source,
            result_count, attributes)
        SELECT project_id, run_id, step_id, day, parent_step_id, sequence, type, name, status, attempt,
               retry_of_step_id, start_time, end_time, provider, request_model, response_model, input_tokens,
               output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, input_token_semantics,
               finish_reason, time_to_first_token, cost_micro_usd, tool_name, tool_call_id, retrieval_source,
               result_count, attributes
        FROM first_rows
        ON CONFLICT DO NOTHING
        RETURNING project_id, run_id, step_id
    )
    DELETE FROM ingest_step_stage s USING first_rows f
    JOIN inserted i ON i.project_id = f.project_id AND i.run_id = f.run_id AND i.step_id = f.step_id
    WHERE s.xid = batch AND s.ordinal = f.ordinal;

    -- What is left was not inserted: its key stood already, before this batch or since an earlier row of it.
    RETURN QUERY
    SELECT s.ordinal, CASE WHEN ROW(k.parent_step_id, k.sequence, k.type, k.name, k.status, k.attempt,
                                    k.retry_of_step_id, k.start_time, k.end_time, k.provider, k.request_model,
                                    k.response_model, k.input_tokens, k.output_tokens, k.cache_read_tokens,
                                    k.cache_write_tokens, k.reasoning_tokens, k.input_token_semantics,
                                    k.finish_reason, k.time_to_first_token, k.cost_micro_usd, k.tool_name,
                                    k.tool_call_id, k.retrieval_source, k.result_count, k.attributes::text)
                           IS NOT DISTINCT FROM
                           ROW(s.parent_step_id, s.sequence, s.type, s.name, s.status, s.attempt,
                               s.retry_of_step_id, s.start_time, s.end_time, s.provider, s.request_model,
                               s.response_model, s.input_tokens, s.output_tokens, s.cache_read_tokens,
                               s.cache_write_tokens, s.reasoning_tokens, s.input_token_semantics,
                               s.finish_reason, s.time_to_first_token, s.cost_micro_usd, s.tool_name,
                               s.tool_call_id, s.retrieval_source, s.result_count, s.attributes::text)
                      THEN 'DUPLICATE' ELSE 'CONFLICT' END
    FROM ingest_step_stage s,
    LATERAL (SELECT * FROM agent_steps k
             WHERE k.project_id = s.project_id AND k.run_id = s.run_id AND k.step_id = s.step_id AND k.day = s.day
             LIMIT 1) k
    WHERE s.xid = batch;
    DELETE FROM ingest_step_stage s WHERE s.xid = batch;
END $$;

CREATE FUNCTION ingest_merge_failures() RETURNS TABLE (ordinal integer, verdict text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- The stage has no statistics: planned for one row, a nested loop is quadratic in the batch. It is read by its xid,
-- and the tables one key at a time: a LATERAL with LIMIT leaves no other plan than by their primary key.
SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
DECLARE
    batch CONSTANT xid8 := pg_current_xact_id();
BEGIN
    WITH first_rows AS (
        SELECT DISTINCT ON (s.project_id, s.run_id, s.failure_id) s.*
        FROM ingest_failure_stage s WHERE s.xid = batch
        ORDER BY s.project_id, s.run_id, s.failure_id, s.ordinal
    ), inserted AS (
        INSERT INTO agent_failures (
            project_id, run_id, failure_id, day, step_id, type, code, exception_type, http_status, grpc_status,
            retryable, caused_by_failure_id, occur_time)
        SELECT project_id, run_id, failure_id, day, step_id, type, code, exception_type, http_status, grpc_status,
               retryable, caused_by_failure_id, occur_time
        FROM first_rows
        ON CONFLICT DO NOTHING
        RETURNING project_id, run_id, failure_id
    )
    DELETE FROM ingest_failure_stage s USING first_rows f
    JOIN inserted i ON i.project_id = f.project_id AND i.run_id = f.run_id AND i.failure_id = f.failure_id
    WHERE s.xid = batch AND s.ordinal = f.ordinal;

    -- What is left was not inserted: its key stood already, before this batch or since an earlier row of it.
    RETURN QUERY
    SELECT s.ordinal, CASE WHEN ROW(k.step_id, k.type, k.code, k.exception_type, k.http_status, k.grpc_status,
                                    k.retryable, k.caused_by_failure_id, k.occur_time)
                           IS NOT DISTINCT FROM
                           ROW(s.step_id, s.type, s.code, s.exception_type, s.http_status, s.grpc_status,
                               s.retryable, s.caused_by_failure_id, s.occur_time)
                      THEN 'DUPLICATE' ELSE 'CONFLICT' END
    FROM ingest_failure_stage s,
    LATERAL (SELECT * FROM agent_failures k
             WHERE k.project_id = s.project_id AND k.run_id = s.run_id AND k.failure_id = s.failure_id AND k.day = s.day
             LIMIT 1) k
    WHERE s.xid = batch;
    DELETE FROM ingest_failure_stage s WHERE s.xid = batch;
END $$;

REVOKE ALL ON FUNCTION run_end_rank, ingest_runs, ingest_merge_steps, ingest_merge_failures,
    count_inserted_steps, count_inserted_failures FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO agenttrace_ingest;
GRANT INSERT ON ingest_step_stage, ingest_failure_stage, agent_steps, agent_failures TO agenttrace_ingest;
GRANT EXECUTE ON FUNCTION ingest_runs, ingest_merge_steps, ingest_merge_failures TO agenttrace_ingest;
