-- What db/migrations add up to. Written by `make schema`; a test compares. Daily partitions are left out.

CREATE SCHEMA api;

ALTER SCHEMA api OWNER TO agenttrace_owner;

CREATE TYPE public.run_message AS (
	ordinal integer,
	run_id uuid,
	is_stub boolean,
	agent_id text,
	agent_version text,
	environment text,
	status text,
	start_time timestamp with time zone,
	end_time timestamp with time zone,
	heartbeat_time timestamp with time zone,
	lease_duration interval,
	session_id text,
	user_key text,
	parent_run_id uuid,
	tags text[],
	attributes jsonb,
	expected_step_count integer
);

ALTER TYPE public.run_message OWNER TO agenttrace_owner;

CREATE FUNCTION public.count_inserted_failures() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    wanted bigint;
    counted bigint;
BEGIN
    SELECT count(*) INTO wanted FROM (SELECT DISTINCT project_id, run_id FROM inserted) runs;
    UPDATE agent_runs r
    SET failure_count = r.failure_count + f.failure_count,
        failure_types = ARRAY(SELECT DISTINCT unnest(r.failure_types || f.types) ORDER BY 1),
        -- The first 8 in the order of the alphabet: the same 8 whatever the order of arrival.
        failure_codes = ARRAY(SELECT DISTINCT unnest(r.failure_codes || f.codes) COLLATE "C" ORDER BY 1 LIMIT 8),
        update_time = now()
    FROM (
        SELECT project_id, run_id, count(*)::integer AS failure_count,
               array_agg(DISTINCT type) AS types, array_agg(DISTINCT code) AS codes
        FROM inserted
        GROUP BY project_id, run_id
    ) f
    WHERE r.project_id = f.project_id AND r.run_id = f.run_id;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> wanted THEN
        RAISE EXCEPTION 'failures inserted before their run';
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.count_inserted_failures() OWNER TO agenttrace_owner;

CREATE FUNCTION public.count_inserted_steps() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    wanted bigint;
    counted bigint;
BEGIN
    SELECT count(*) INTO wanted FROM (SELECT DISTINCT project_id, run_id FROM inserted) runs;
    UPDATE agent_runs r
    SET step_count = r.step_count + s.step_count,
        failed_step_count = r.failed_step_count + s.failed_step_count,
        retry_count = r.retry_count + s.retry_count,
        input_tokens = r.input_tokens + s.input_tokens,
        output_tokens = r.output_tokens + s.output_tokens,
        cache_read_tokens = r.cache_read_tokens + s.cache_read_tokens,
        cache_write_tokens = r.cache_write_tokens + s.cache_write_tokens,
        reasoning_tokens = r.reasoning_tokens + s.reasoning_tokens,
        cost_micro_usd = r.cost_micro_usd + s.cost_micro_usd,
        update_time = now()
    FROM (
        SELECT project_id, run_id,
               count(*)::integer AS step_count,
               (count(*) FILTER (WHERE status = 'ERROR'))::integer AS failed_step_count,
               (count(*) FILTER (WHERE attempt > 1))::integer AS retry_count,
               coalesce(sum(i.input_tokens), 0)::bigint AS input_tokens,
               coalesce(sum(i.output_tokens), 0)::bigint AS output_tokens,
               coalesce(sum(i.cache_read_tokens), 0)::bigint AS cache_read_tokens,
               coalesce(sum(i.cache_write_tokens), 0)::bigint AS cache_write_tokens,
               coalesce(sum(i.reasoning_tokens), 0)::bigint AS reasoning_tokens,
               coalesce(sum(i.cost_micro_usd), 0)::bigint AS cost_micro_usd
        FROM inserted i
        GROUP BY project_id, run_id
    ) s
    WHERE r.project_id = s.project_id AND r.run_id = s.run_id;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> wanted THEN
        RAISE EXCEPTION 'steps inserted before their run';  -- ingest_runs() makes the run first
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.count_inserted_steps() OWNER TO agenttrace_owner;

CREATE FUNCTION public.ingest_merge_failures() RETURNS TABLE(ordinal integer, verdict text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS $$
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

ALTER FUNCTION public.ingest_merge_failures() OWNER TO agenttrace_owner;

CREATE FUNCTION public.ingest_merge_steps(p_step_limit integer) RETURNS TABLE(ordinal integer, verdict text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS $$
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

ALTER FUNCTION public.ingest_merge_steps(p_step_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.ingest_runs(p_project_id integer, p_messages jsonb, p_touched uuid[], p_touch_times timestamp with time zone[], p_tag_limit integer, p_attribute_limit integer) RETURNS TABLE(ordinal integer, verdict text, field text, run_id text, day integer, agent_id text, step_count integer, first_end boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    m run_message;
    r agent_runs;
    merged agent_runs;
    messages run_message[];
    firsts integer[];
    run_ids uuid[];
    new_runs uuid[];
BEGIN
    SELECT coalesce(array_agg(p), '{}') INTO messages FROM jsonb_populate_recordset(NULL::run_message, p_messages) p;
    SELECT coalesce(array_agg(u ORDER BY u), '{}') INTO run_ids
    FROM (SELECT f.run_id AS u FROM unnest(messages) f UNION SELECT unnest(p_touched)) ids;

    WITH first_messages AS (
        SELECT DISTINCT ON (f.run_id) f.* FROM unnest(messages) f ORDER BY f.run_id, f.ordinal
    ), inserted AS (
        INSERT INTO agent_runs (project_id, run_id, day, is_stub, agent_id, agent_version, environment, status,
                                start_time, end_time, heartbeat_time, lease_duration, session_id, user_key,
                                parent_run_id, tags, attributes, expected_step_count)
        SELECT p_project_id, u.run_id, (now() AT TIME ZONE 'UTC')::date, coalesce(f.is_stub, true), f.agent_id,
               f.agent_version, f.environment, coalesce(f.status, 'RUNNING'), coalesce(f.start_time, t.start_time),
               f.end_time, f.heartbeat_time, f.lease_duration, f.session_id, f.user_key, f.parent_run_id,
               coalesce(f.tags, '{}'), coalesce(f.attributes, '{}'), f.expected_step_count
        FROM unnest(run_ids) u (run_id)
        LEFT JOIN first_messages f ON f.run_id = u.run_id
        LEFT JOIN unnest(p_touched, p_touch_times) t (run_id, start_time) ON t.run_id = u.run_id
        ORDER BY u.run_id
        ON CONFLICT DO NOTHING
        RETURNING run_id
    )
    SELECT coalesce(array_agg(i.run_id), '{}'), coalesce(array_agg(f.ordinal) FILTER (WHERE f.ordinal IS NOT NULL), '{}')
    INTO new_runs, firsts
    FROM inserted i LEFT JOIN first_messages f ON f.run_id = i.run_id;

    IF cardinality(new_runs) < cardinality(run_ids) THEN
        PERFORM FROM agent_runs a
        WHERE a.project_id = p_project_id AND a.run_id = ANY (run_ids)
        ORDER BY a.run_id FOR UPDATE;
    END IF;

    RETURN QUERY
    SELECT f.ordinal, 'ACCEPTED', NULL::text, f.run_id::text, NULL::integer, NULL::text, NULL::integer,
           f.end_time IS NOT NULL
    FROM unnest(messages) f JOIN unnest(firsts) o (ordinal) ON o.ordinal = f.ordinal;

    FOR m IN
        SELECT f.* FROM unnest(messages) f LEFT JOIN unnest(firsts) o (ordinal) ON o.ordinal = f.ordinal
        WHERE o.ordinal IS NULL ORDER BY f.run_id, f.ordinal
    LOOP
        SELECT * INTO r FROM agent_runs a WHERE a.project_id = p_project_id AND a.run_id = m.run_id;
        field := run_conflict(r, m);
        merged := merge_run(r, m);
        verdict := 'ACCEPTED';
        first_end := false;
        IF field IS NOT NULL THEN
            verdict := 'CONFLICT';
        ELSIF cardinality(merged.tags) > p_tag_limit THEN
            verdict := 'TOO_LONG';
            field := 'tags';
        ELSIF m.attributes <> '{}'
            AND (SELECT count(*) FROM jsonb_object_keys(merged.attributes)) > p_attribute_limit THEN
            verdict := 'TOO_LONG';
            field := 'attributes';
        ELSIF merged.end_time < merged.start_time THEN
            verdict := 'END_BEFORE_START';
            field := CASE WHEN r.end_time IS NULL THEN 'end_time' ELSE 'start_time' END;
        ELSIF merged IS NOT DISTINCT FROM r THEN
            verdict := 'DUPLICATE';
        END IF;
        -- A duplicate is a sign of life too. Every 10 seconds is often enough for the shortest lease and saves
        -- a row version for most batches.
        IF verdict = 'ACCEPTED' OR (verdict = 'DUPLICATE' AND r.update_time < now() - interval '10 s') THEN
            first_end := r.end_time IS NULL AND merged.end_time IS NOT NULL;
            UPDATE agent_runs a
            SET is_stub = merged.is_stub, agent_id = merged.agent_id, agent_version = merged.agent_version,
                environment = merged.environment, start_time = merged.start_time, end_time = merged.end_time,
                status = merged.status, heartbeat_time = merged.heartbeat_time,
                lease_duration = merged.lease_duration, session_id = merged.session_id,
                user_key = merged.user_key, parent_run_id = merged.parent_run_id, tags = merged.tags,
                attributes = merged.attributes, expected_step_count = merged.expected_step_count,
                update_time = now()
            WHERE a.project_id = p_project_id AND a.run_id = m.run_id;
        END IF;
        ordinal := m.ordinal;
        run_id := m.run_id;
        RETURN NEXT;
    END LOOP;

    -- What else steps and failures do to a run: they are a sign of life, and start one of which no start was told.
    UPDATE agent_runs a
    SET start_time = CASE WHEN a.is_stub THEN least(a.start_time, t.start_time) ELSE a.start_time END,
        status = CASE a.status WHEN 'ABANDONED' THEN 'RUNNING' ELSE a.status END,
        update_time = now()
    FROM unnest(p_touched, p_touch_times) t (run_id, start_time)
    WHERE a.project_id = p_project_id AND a.run_id = t.run_id
        AND (a.is_stub AND t.start_time < a.start_time OR a.status = 'ABANDONED'
             OR a.update_time < now() - interval '10 s');

    INSERT INTO run_changes (project_id, run_id) SELECT p_project_id, unnest(run_ids);

    RETURN QUERY
    SELECT NULL::integer, NULL::text, NULL::text, a.run_id::text, a.day - DATE '1970-01-01', a.agent_id,
           a.step_count, NULL::boolean
    FROM agent_runs a WHERE a.project_id = p_project_id AND a.run_id = ANY (run_ids);
END $$;

ALTER FUNCTION public.ingest_runs(p_project_id integer, p_messages jsonb, p_touched uuid[], p_touch_times timestamp with time zone[], p_tag_limit integer, p_attribute_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH stale AS (
        SELECT a.project_id, a.run_id FROM projects p
        JOIN agent_runs a ON a.project_id = p.project_id AND a.status = 'RUNNING'
        WHERE a.update_time + coalesce(a.lease_duration, p_default_lease) < now()
        ORDER BY a.run_id LIMIT p_limit
        FOR UPDATE OF a SKIP LOCKED
    ), abandoned AS (
        UPDATE agent_runs a SET status = 'ABANDONED' FROM stale s
        WHERE a.project_id = s.project_id AND a.run_id = s.run_id
        RETURNING a.project_id, a.run_id
    ), changes AS (
        INSERT INTO run_changes (project_id, run_id) SELECT project_id, run_id FROM abandoned
        RETURNING run_id
    )
    SELECT count(*) FROM changes
$$;

ALTER FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_create_partitions(p_days integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
    parent text;
    first_day date;
    partition_name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('agenttrace.partitions'));
    FOREACH parent IN ARRAY ARRAY['agent_steps', 'agent_failures'] LOOP
        FOR first_day IN SELECT (now() AT TIME ZONE 'UTC')::date + i FROM generate_series(0, p_days - 1) i LOOP
            partition_name := parent || '_' || to_char(first_day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(partition_name) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name, parent);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition_name, first_day, first_day + 1);
            RETURN NEXT partition_name;
        END LOOP;
    END LOOP;
END $$;

ALTER FUNCTION public.maintain_create_partitions(p_days integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_trim_changes(p_keep interval) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH gone AS (DELETE FROM run_changes WHERE change_time < now() - p_keep RETURNING 1) SELECT count(*) FROM gone
$$;

ALTER FUNCTION public.maintain_trim_changes(p_keep interval) OWNER TO agenttrace_owner;

CREATE TABLE public.agent_runs (
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    day date NOT NULL,
    is_stub boolean NOT NULL,
    agent_id text,
    agent_version text,
    environment text,
    status text NOT NULL,
    start_time timestamp with time zone NOT NULL,
    end_time timestamp with time zone,
    heartbeat_time timestamp with time zone,
    lease_duration interval,
    session_id text,
    user_key text,
    parent_run_id uuid,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    expected_step_count integer,
    step_count integer DEFAULT 0 NOT NULL,
    failed_step_count integer DEFAULT 0 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    failure_count integer DEFAULT 0 NOT NULL,
    failure_types text[] DEFAULT '{}'::text[] NOT NULL,
    failure_codes text[] DEFAULT '{}'::text[] NOT NULL,
    input_tokens bigint DEFAULT 0 NOT NULL,
    output_tokens bigint DEFAULT 0 NOT NULL,
    cache_read_tokens bigint DEFAULT 0 NOT NULL,
    cache_write_tokens bigint DEFAULT 0 NOT NULL,
    reasoning_tokens bigint DEFAULT 0 NOT NULL,
    cost_micro_usd bigint DEFAULT 0 NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT agent_runs_agent_id_check CHECK ((agent_id <> ''::text)),
    CONSTRAINT agent_runs_agent_version_check CHECK ((agent_version <> ''::text)),
    CONSTRAINT agent_runs_check CHECK ((end_time >= start_time)),
    CONSTRAINT agent_runs_check1 CHECK (((end_time IS NULL) = (status = ANY (ARRAY['RUNNING'::text, 'ABANDONED'::text])))),
    CONSTRAINT agent_runs_environment_check CHECK ((environment <> ''::text)),
    CONSTRAINT agent_runs_expected_step_count_check CHECK ((expected_step_count >= 0)),
    CONSTRAINT agent_runs_failure_codes_check CHECK ((cardinality(failure_codes) <= 8)),
    CONSTRAINT agent_runs_session_id_check CHECK ((session_id <> ''::text)),
    CONSTRAINT agent_runs_status_check CHECK ((status = ANY (ARRAY['RUNNING'::text, 'SUCCESS'::text, 'FAILURE'::text, 'PARTIAL'::text, 'CANCELLED'::text, 'ABANDONED'::text]))),
    CONSTRAINT agent_runs_user_key_check CHECK ((user_key ~ '^[0-9a-f]{64}$'::text))
)
WITH (fillfactor='70');

ALTER TABLE public.agent_runs OWNER TO agenttrace_owner;

CREATE FUNCTION public.merge_run(r public.agent_runs, m public.run_message) RETURNS public.agent_runs
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    r.start_time := CASE WHEN r.is_stub AND NOT m.is_stub THEN m.start_time
                         WHEN m.is_stub AND NOT r.is_stub THEN r.start_time
                         ELSE least(r.start_time, m.start_time) END;
    r.is_stub := r.is_stub AND m.is_stub;
    r.agent_id := coalesce(r.agent_id, m.agent_id);
    r.agent_version := coalesce(r.agent_version, m.agent_version);
    r.environment := coalesce(r.environment, m.environment);
    r.session_id := coalesce(r.session_id, m.session_id);
    r.user_key := coalesce(r.user_key, m.user_key);
    r.parent_run_id := coalesce(r.parent_run_id, m.parent_run_id);
    r.heartbeat_time := greatest(r.heartbeat_time, m.heartbeat_time);
    r.lease_duration := greatest(r.lease_duration, m.lease_duration);
    r.expected_step_count := greatest(r.expected_step_count, m.expected_step_count);
    IF m.end_time IS NOT NULL AND (r.end_time IS NULL
        OR (m.end_time, run_end_rank(m.status)) > (r.end_time, run_end_rank(r.status))) THEN
        r.end_time := m.end_time;
        r.status := m.status;
    ELSIF r.status = 'ABANDONED' THEN
        r.status := 'RUNNING';  -- a sign of life
    END IF;
    IF cardinality(m.tags) > 0 AND NOT m.tags <@ r.tags THEN
        r.tags := ARRAY(SELECT DISTINCT unnest(r.tags || m.tags) COLLATE "C" ORDER BY 1);
    END IF;
    IF m.attributes <> '{}' THEN
        r.attributes := r.attributes || m.attributes;
    END IF;
    RETURN r;
END $$;

ALTER FUNCTION public.merge_run(r public.agent_runs, m public.run_message) OWNER TO agenttrace_owner;

CREATE FUNCTION public.run_conflict(r public.agent_runs, m public.run_message) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN r.agent_id <> m.agent_id THEN 'agent_id'
        WHEN r.agent_version <> m.agent_version THEN 'agent_version'
        WHEN r.environment <> m.environment THEN 'environment'
        WHEN r.session_id <> m.session_id THEN 'session_id'
        WHEN r.user_key <> m.user_key THEN 'user_key'
        WHEN r.parent_run_id <> m.parent_run_id THEN 'parent_run_id'
        -- As text: 1 and 1.0 are equal numbers and different values.
        WHEN r.attributes <> '{}' AND m.attributes <> '{}' AND EXISTS (
            SELECT FROM jsonb_each(m.attributes) n JOIN jsonb_each(r.attributes) o USING (key)
            WHERE n.value::text <> o.value::text) THEN 'attributes'
    END
$$;

ALTER FUNCTION public.run_conflict(r public.agent_runs, m public.run_message) OWNER TO agenttrace_owner;

CREATE FUNCTION public.run_end_rank(status text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE status WHEN 'FAILURE' THEN 4 WHEN 'PARTIAL' THEN 3 WHEN 'CANCELLED' THEN 2 WHEN 'SUCCESS' THEN 1 END
$$;

ALTER FUNCTION public.run_end_rank(status text) OWNER TO agenttrace_owner;

CREATE TABLE public.failure_codes (
    type text NOT NULL,
    code text NOT NULL,
    title text NOT NULL,
    remedy text NOT NULL,
    CONSTRAINT failure_codes_code_check CHECK ((code <> ''::text)),
    CONSTRAINT failure_codes_title_check CHECK ((title <> ''::text)),
    CONSTRAINT failure_codes_type_check CHECK ((type = ANY (ARRAY['TOOL'::text, 'MODEL'::text, 'RETRIEVAL'::text, 'ORCHESTRATION'::text])))
);

ALTER TABLE public.failure_codes OWNER TO agenttrace_owner;

CREATE VIEW api.failure_codes WITH (security_barrier='true') AS
 SELECT type,
    code,
    title,
    remedy
   FROM public.failure_codes;

ALTER VIEW api.failure_codes OWNER TO agenttrace_owner;

CREATE TABLE public.agent_failures (
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    failure_id uuid NOT NULL,
    day date NOT NULL,
    step_id uuid,
    type text NOT NULL,
    code text NOT NULL,
    exception_type text,
    http_status integer,
    grpc_status integer,
    retryable boolean,
    caused_by_failure_id uuid,
    occur_time timestamp with time zone NOT NULL,
    CONSTRAINT agent_failures_code_check CHECK ((code <> ''::text)),
    CONSTRAINT agent_failures_type_check CHECK ((type = ANY (ARRAY['TOOL'::text, 'MODEL'::text, 'RETRIEVAL'::text, 'ORCHESTRATION'::text])))
)
PARTITION BY RANGE (day);

ALTER TABLE public.agent_failures OWNER TO agenttrace_owner;

CREATE VIEW api.failures WITH (security_barrier='true') AS
 SELECT run_id,
    failure_id,
    day,
    step_id,
    type,
    code,
    exception_type,
    http_status,
    grpc_status,
    retryable,
    caused_by_failure_id,
    occur_time
   FROM public.agent_failures
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.failures OWNER TO agenttrace_owner;

CREATE TABLE public.run_changes (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    seq bigint NOT NULL,
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    change_time timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.run_changes OWNER TO agenttrace_owner;

CREATE VIEW api.run_changes WITH (security_barrier='true') AS
 SELECT xid,
    seq,
    run_id,
    change_time
   FROM public.run_changes
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.run_changes OWNER TO agenttrace_owner;

CREATE VIEW api.runs WITH (security_barrier='true') AS
 SELECT run_id,
    day,
    is_stub,
    agent_id,
    agent_version,
    COALESCE(environment, 'production'::text) AS environment,
    status,
    start_time,
    end_time,
    heartbeat_time,
    lease_duration,
    session_id,
    user_key,
    parent_run_id,
    tags,
    attributes,
    expected_step_count,
    step_count,
    failed_step_count,
    retry_count,
    failure_count,
    failure_types,
    failure_codes,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cost_micro_usd,
    create_time,
    update_time
   FROM public.agent_runs
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.runs OWNER TO agenttrace_owner;

CREATE TABLE public.agent_steps (
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    step_id uuid NOT NULL,
    day date NOT NULL,
    parent_step_id uuid,
    sequence integer NOT NULL,
    type text NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    retry_of_step_id uuid,
    start_time timestamp with time zone NOT NULL,
    end_time timestamp with time zone NOT NULL,
    provider text,
    request_model text,
    response_model text,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    input_token_semantics text,
    finish_reason text,
    time_to_first_token interval,
    cost_micro_usd bigint,
    tool_name text,
    tool_call_id text,
    retrieval_source text,
    result_count bigint,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT agent_steps_attempt_check CHECK ((attempt >= 1)),
    CONSTRAINT agent_steps_cache_read_tokens_check CHECK ((cache_read_tokens >= 0)),
    CONSTRAINT agent_steps_cache_write_tokens_check CHECK ((cache_write_tokens >= 0)),
    CONSTRAINT agent_steps_check CHECK ((end_time >= start_time)),
    CONSTRAINT agent_steps_check1 CHECK (((attempt = 1) = (retry_of_step_id IS NULL))),
    CONSTRAINT agent_steps_cost_micro_usd_check CHECK ((cost_micro_usd >= 0)),
    CONSTRAINT agent_steps_input_token_semantics_check CHECK ((input_token_semantics = ANY (ARRAY['INCLUDES_CACHED'::text, 'EXCLUDES_CACHED'::text]))),
    CONSTRAINT agent_steps_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT agent_steps_name_check CHECK ((name <> ''::text)),
    CONSTRAINT agent_steps_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT agent_steps_reasoning_tokens_check CHECK ((reasoning_tokens >= 0)),
    CONSTRAINT agent_steps_result_count_check CHECK ((result_count >= 0)),
    CONSTRAINT agent_steps_sequence_check CHECK ((sequence >= 0)),
    CONSTRAINT agent_steps_status_check CHECK ((status = ANY (ARRAY['OK'::text, 'ERROR'::text]))),
    CONSTRAINT agent_steps_type_check CHECK ((type = ANY (ARRAY['PLAN'::text, 'RETRIEVE'::text, 'TOOL'::text, 'MODEL'::text, 'RESPOND'::text, 'HANDOFF'::text, 'GUARDRAIL'::text, 'OTHER'::text])))
)
PARTITION BY RANGE (day);

ALTER TABLE public.agent_steps OWNER TO agenttrace_owner;

CREATE VIEW api.steps WITH (security_barrier='true') AS
 SELECT run_id,
    step_id,
    day,
    parent_step_id,
    sequence,
    type,
    name,
    status,
    attempt,
    retry_of_step_id,
    start_time,
    end_time,
    provider,
    request_model,
    response_model,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    input_token_semantics,
    finish_reason,
    time_to_first_token,
    cost_micro_usd,
    tool_name,
    tool_call_id,
    retrieval_source,
    result_count,
    attributes
   FROM public.agent_steps
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.steps OWNER TO agenttrace_owner;

CREATE UNLOGGED TABLE public.ingest_failure_stage (
    project_id integer CONSTRAINT agent_failures_project_id_not_null NOT NULL,
    run_id uuid CONSTRAINT agent_failures_run_id_not_null NOT NULL,
    failure_id uuid CONSTRAINT agent_failures_failure_id_not_null NOT NULL,
    day date CONSTRAINT agent_failures_day_not_null NOT NULL,
    step_id uuid,
    type text CONSTRAINT agent_failures_type_not_null NOT NULL,
    code text CONSTRAINT agent_failures_code_not_null NOT NULL,
    exception_type text,
    http_status integer,
    grpc_status integer,
    retryable boolean,
    caused_by_failure_id uuid,
    occur_time timestamp with time zone CONSTRAINT agent_failures_occur_time_not_null NOT NULL,
    ordinal integer NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

ALTER TABLE public.ingest_failure_stage OWNER TO agenttrace_owner;

CREATE UNLOGGED TABLE public.ingest_step_stage (
    project_id integer CONSTRAINT agent_steps_project_id_not_null NOT NULL,
    run_id uuid CONSTRAINT agent_steps_run_id_not_null NOT NULL,
    step_id uuid CONSTRAINT agent_steps_step_id_not_null NOT NULL,
    day date CONSTRAINT agent_steps_day_not_null NOT NULL,
    parent_step_id uuid,
    sequence integer CONSTRAINT agent_steps_sequence_not_null NOT NULL,
    type text CONSTRAINT agent_steps_type_not_null NOT NULL,
    name text CONSTRAINT agent_steps_name_not_null NOT NULL,
    status text CONSTRAINT agent_steps_status_not_null NOT NULL,
    attempt integer CONSTRAINT agent_steps_attempt_not_null NOT NULL,
    retry_of_step_id uuid,
    start_time timestamp with time zone CONSTRAINT agent_steps_start_time_not_null NOT NULL,
    end_time timestamp with time zone CONSTRAINT agent_steps_end_time_not_null NOT NULL,
    provider text,
    request_model text,
    response_model text,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    input_token_semantics text,
    finish_reason text,
    time_to_first_token interval,
    cost_micro_usd bigint,
    tool_name text,
    tool_call_id text,
    retrieval_source text,
    result_count bigint,
    attributes jsonb CONSTRAINT agent_steps_attributes_not_null NOT NULL,
    ordinal integer NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

ALTER TABLE public.ingest_step_stage OWNER TO agenttrace_owner;

CREATE TABLE public.projects (
    project_id integer NOT NULL,
    name text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT projects_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

ALTER TABLE public.projects OWNER TO agenttrace_owner;

ALTER TABLE public.projects ALTER COLUMN project_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.projects_project_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.run_changes ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.run_changes_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    apply_time timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.schema_migrations OWNER TO agenttrace_owner;

ALTER TABLE ONLY public.agent_failures
    ADD CONSTRAINT agent_failures_pkey PRIMARY KEY (project_id, run_id, failure_id, day);

ALTER TABLE ONLY public.agent_runs
    ADD CONSTRAINT agent_runs_pkey PRIMARY KEY (project_id, run_id);

ALTER TABLE ONLY public.agent_steps
    ADD CONSTRAINT agent_steps_pkey PRIMARY KEY (project_id, run_id, step_id, day);

ALTER TABLE ONLY public.failure_codes
    ADD CONSTRAINT failure_codes_pkey PRIMARY KEY (type, code);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_name_key UNIQUE (name);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY public.run_changes
    ADD CONSTRAINT run_changes_pkey PRIMARY KEY (xid, seq);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

CREATE INDEX agent_failures_by_time ON ONLY public.agent_failures USING btree (project_id, occur_time DESC, failure_id DESC);

CREATE INDEX agent_runs_by_agent ON public.agent_runs USING btree (project_id, agent_id, start_time DESC, run_id DESC);

CREATE INDEX agent_runs_by_environment ON public.agent_runs USING btree (project_id, COALESCE(environment, 'production'::text), start_time DESC, run_id DESC);

CREATE INDEX agent_runs_by_session ON public.agent_runs USING btree (project_id, session_id, start_time DESC, run_id DESC) WHERE (session_id IS NOT NULL);

CREATE INDEX agent_runs_by_start ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC);

CREATE INDEX agent_runs_by_status ON public.agent_runs USING btree (project_id, status, start_time DESC, run_id DESC);

CREATE INDEX agent_runs_failed_model ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('MODEL'::text = ANY (failure_types));

CREATE INDEX agent_runs_failed_orchestration ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('ORCHESTRATION'::text = ANY (failure_types));

CREATE INDEX agent_runs_failed_retrieval ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('RETRIEVAL'::text = ANY (failure_types));

CREATE INDEX agent_runs_failed_tool ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('TOOL'::text = ANY (failure_types));

CREATE INDEX ingest_failure_stage_by_xid ON public.ingest_failure_stage USING btree (xid);

CREATE INDEX ingest_step_stage_by_xid ON public.ingest_step_stage USING btree (xid);

CREATE TRIGGER count_inserted_failures AFTER INSERT ON public.agent_failures REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION public.count_inserted_failures();

CREATE TRIGGER count_inserted_steps AFTER INSERT ON public.agent_steps REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION public.count_inserted_steps();

GRANT USAGE ON SCHEMA api TO agenttrace_query;

GRANT ALL ON SCHEMA public TO agenttrace_owner;

REVOKE ALL ON FUNCTION public.count_inserted_failures() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.count_inserted_steps() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.ingest_merge_failures() FROM PUBLIC;
GRANT ALL ON FUNCTION public.ingest_merge_failures() TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.ingest_merge_steps(p_step_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ingest_merge_steps(p_step_limit integer) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.ingest_runs(p_project_id integer, p_messages jsonb, p_touched uuid[], p_touch_times timestamp with time zone[], p_tag_limit integer, p_attribute_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ingest_runs(p_project_id integer, p_messages jsonb, p_touched uuid[], p_touch_times timestamp with time zone[], p_tag_limit integer, p_attribute_limit integer) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_create_partitions(p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_create_partitions(p_days integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_trim_changes(p_keep interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_trim_changes(p_keep interval) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.merge_run(r public.agent_runs, m public.run_message) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.run_conflict(r public.agent_runs, m public.run_message) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.run_end_rank(status text) FROM PUBLIC;

GRANT SELECT ON TABLE api.failure_codes TO agenttrace_query;

GRANT INSERT ON TABLE public.agent_failures TO agenttrace_ingest;

GRANT SELECT ON TABLE api.failures TO agenttrace_query;

GRANT SELECT ON TABLE api.run_changes TO agenttrace_query;

GRANT SELECT ON TABLE api.runs TO agenttrace_query;

GRANT INSERT ON TABLE public.agent_steps TO agenttrace_ingest;

GRANT SELECT ON TABLE api.steps TO agenttrace_query;

GRANT INSERT ON TABLE public.ingest_failure_stage TO agenttrace_ingest;

GRANT INSERT ON TABLE public.ingest_step_stage TO agenttrace_ingest;

GRANT SELECT ON TABLE public.schema_migrations TO agenttrace_ingest;
GRANT SELECT ON TABLE public.schema_migrations TO agenttrace_query;
GRANT SELECT ON TABLE public.schema_migrations TO agenttrace_maintain;
