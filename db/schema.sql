-- What db/migrations add up to. Written by `make schema`; a test compares. Daily partitions are left out.

CREATE SCHEMA api;

ALTER SCHEMA api OWNER TO agenttrace_owner;

CREATE SCHEMA grafana;

ALTER SCHEMA grafana OWNER TO agenttrace_owner;

CREATE TYPE public.erasure_hit AS (
	place integer,
	run_id uuid,
	field text,
	is_late boolean,
	erasure_id uuid
);

ALTER TYPE public.erasure_hit OWNER TO agenttrace_owner;

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

CREATE TABLE public.failure_stats_hourly (
    project_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    agent_id text NOT NULL,
    agent_version text NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    code text NOT NULL,
    failure_count bigint NOT NULL,
    recovered_failure_count bigint NOT NULL,
    run_count bigint NOT NULL,
    first_occur_time timestamp with time zone NOT NULL,
    last_occur_time timestamp with time zone NOT NULL
);

ALTER TABLE public.failure_stats_hourly OWNER TO agenttrace_owner;

CREATE VIEW api.failure_stats_hourly AS
 SELECT hour,
    agent_id,
    agent_version,
    environment,
    type,
    code,
    failure_count,
    recovered_failure_count,
    run_count,
    first_occur_time,
    last_occur_time
   FROM public.failure_stats_hourly
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.failure_stats_hourly OWNER TO agenttrace_owner;

CREATE FUNCTION api.compute_failure_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[] DEFAULT '{}'::text[], p_agent_versions text[] DEFAULT '{}'::text[], p_environments text[] DEFAULT '{}'::text[]) RETURNS SETOF api.failure_stats_hourly
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    SET jit TO 'off'
    SET enable_nestloop TO 'off'
    AS $$
DECLARE
    days date[];
BEGIN
    SELECT coalesce(array_agg(DISTINCT r.day), '{}') INTO days
    FROM api.runs r WHERE r.start_time >= p_from AND r.start_time < p_before AND r.failure_count > 0;
    RETURN QUERY
    WITH failed AS MATERIALIZED (
        SELECT r.run_id, r.day, date_bin('1 hour', r.start_time, '1970-01-01T00:00:00Z') AS hour,
               coalesce(r.agent_id, '') AS agent_id, coalesce(r.agent_version, '') AS agent_version, r.environment,
               r.retry_count
        FROM api.runs r
        WHERE r.start_time >= p_from AND r.start_time < p_before AND r.failure_count > 0
            AND (p_agent_ids = '{}' OR r.agent_id = ANY (p_agent_ids))
            AND (p_agent_versions = '{}' OR r.agent_version = ANY (p_agent_versions))
            AND (p_environments = '{}' OR r.environment = ANY (p_environments))
    ), attempts AS MATERIALIZED (
        SELECT s.run_id, s.step_id, s.retry_of_step_id, s.attempt, s.status
        FROM failed r
        CROSS JOIN LATERAL (SELECT k.run_id, k.step_id, k.retry_of_step_id, k.attempt, k.status FROM api.steps k
                            WHERE k.run_id = r.run_id AND k.day = r.day AND k.day = ANY (days) OFFSET 0) s
        WHERE r.retry_count > 0 AND s.attempt > 1
    )
    SELECT r.hour, r.agent_id, r.agent_version, r.environment, f.type, f.code, count(*),
           -- Recovered, as store/failures.sql has it: a later attempt of the same step ended OK. Where the failed
           -- step is missing or no retry, it is the first attempt, which the others refer to.
           count(*) FILTER (WHERE later.attempt > coalesce(s.attempt, 1)),
           count(DISTINCT f.run_id), min(f.occur_time), max(f.occur_time)
    FROM failed r
    CROSS JOIN LATERAL (SELECT k.run_id, k.step_id, k.type, k.code, k.occur_time FROM api.failures k
                        WHERE k.run_id = r.run_id AND k.day = r.day AND k.day = ANY (days) OFFSET 0) f
    LEFT JOIN attempts s ON s.run_id = f.run_id AND s.step_id = f.step_id
    LEFT JOIN (SELECT a.run_id, a.retry_of_step_id AS step_id, max(a.attempt) AS attempt
               FROM attempts a WHERE a.status = 'OK' GROUP BY 1, 2) later
        ON later.run_id = f.run_id AND later.step_id = coalesce(s.retry_of_step_id, f.step_id)
    GROUP BY 1, 2, 3, 4, 5, 6;
END $$;

ALTER FUNCTION api.compute_failure_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) OWNER TO agenttrace_owner;

CREATE TABLE public.run_stats_hourly (
    project_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    agent_id text NOT NULL,
    agent_version text NOT NULL,
    environment text NOT NULL,
    run_count bigint NOT NULL,
    running_count bigint NOT NULL,
    success_count bigint NOT NULL,
    failure_count bigint NOT NULL,
    partial_count bigint NOT NULL,
    cancelled_count bigint NOT NULL,
    abandoned_count bigint NOT NULL,
    duration_buckets smallint[] NOT NULL,
    duration_counts bigint[] NOT NULL,
    CONSTRAINT run_stats_hourly_check CHECK ((cardinality(duration_counts) = cardinality(duration_buckets))),
    CONSTRAINT run_stats_hourly_hour_check CHECK ((hour = date_bin('01:00:00'::interval, hour, '1970-01-01 00:00:00+00'::timestamp with time zone)))
);

ALTER TABLE public.run_stats_hourly OWNER TO agenttrace_owner;

CREATE VIEW api.run_stats_hourly AS
 SELECT hour,
    agent_id,
    agent_version,
    environment,
    run_count,
    running_count,
    success_count,
    failure_count,
    partial_count,
    cancelled_count,
    abandoned_count,
    duration_buckets,
    duration_counts
   FROM public.run_stats_hourly
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.run_stats_hourly OWNER TO agenttrace_owner;

CREATE FUNCTION api.compute_run_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[] DEFAULT '{}'::text[], p_agent_versions text[] DEFAULT '{}'::text[], p_environments text[] DEFAULT '{}'::text[]) RETURNS SETOF api.run_stats_hourly
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY
    WITH cells AS (
        SELECT date_bin('1 hour', r.start_time, '1970-01-01T00:00:00Z') AS hour,
               coalesce(r.agent_id, '') AS agent_id, coalesce(r.agent_version, '') AS agent_version, r.environment,
               duration_bucket(r.end_time - r.start_time) AS bucket,  -- null: not ended
               count(*) AS runs,
               count(*) FILTER (WHERE r.status = 'RUNNING') AS running,
               count(*) FILTER (WHERE r.status = 'SUCCESS') AS success,
               count(*) FILTER (WHERE r.status = 'FAILURE') AS failure,
               count(*) FILTER (WHERE r.status = 'PARTIAL') AS partial,
               count(*) FILTER (WHERE r.status = 'CANCELLED') AS cancelled,
               count(*) FILTER (WHERE r.status = 'ABANDONED') AS abandoned
        FROM api.runs r
        WHERE r.start_time >= p_from AND r.start_time < p_before
            AND (p_agent_ids = '{}' OR r.agent_id = ANY (p_agent_ids))
            AND (p_agent_versions = '{}' OR r.agent_version = ANY (p_agent_versions))
            AND (p_environments = '{}' OR r.environment = ANY (p_environments))
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT c.hour, c.agent_id, c.agent_version, c.environment, sum(c.runs)::bigint, sum(c.running)::bigint,
           sum(c.success)::bigint, sum(c.failure)::bigint, sum(c.partial)::bigint, sum(c.cancelled)::bigint,
           sum(c.abandoned)::bigint,
           coalesce(array_agg(c.bucket ORDER BY c.bucket) FILTER (WHERE c.bucket IS NOT NULL), '{}'),
           coalesce(array_agg(c.runs ORDER BY c.bucket) FILTER (WHERE c.bucket IS NOT NULL), '{}')
    FROM cells c
    GROUP BY 1, 2, 3, 4;
END $$;

ALTER FUNCTION api.compute_run_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) OWNER TO agenttrace_owner;

CREATE TABLE public.step_stats_hourly (
    project_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    agent_id text NOT NULL,
    agent_version text NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    step_count bigint NOT NULL,
    failed_step_count bigint NOT NULL,
    retry_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    duration_buckets smallint[] NOT NULL,
    duration_counts bigint[] NOT NULL,
    CONSTRAINT step_stats_hourly_check CHECK ((cardinality(duration_counts) = cardinality(duration_buckets)))
);

ALTER TABLE public.step_stats_hourly OWNER TO agenttrace_owner;

CREATE VIEW api.step_stats_hourly AS
 SELECT hour,
    agent_id,
    agent_version,
    environment,
    type,
    step_count,
    failed_step_count,
    retry_count,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cost_micro_usd,
    duration_buckets,
    duration_counts
   FROM public.step_stats_hourly
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.step_stats_hourly OWNER TO agenttrace_owner;

CREATE FUNCTION api.compute_step_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[] DEFAULT '{}'::text[], p_agent_versions text[] DEFAULT '{}'::text[], p_environments text[] DEFAULT '{}'::text[]) RETURNS SETOF api.step_stats_hourly
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    SET jit TO 'off'
    SET work_mem TO '32MB'
    AS $$
DECLARE
    days date[];
BEGIN
    SELECT coalesce(array_agg(DISTINCT r.day), '{}') INTO days
    FROM api.runs r WHERE r.start_time >= p_from AND r.start_time < p_before;
    RETURN QUERY
    WITH cells AS (
        SELECT date_bin('1 hour', r.start_time, '1970-01-01T00:00:00Z') AS hour,
               coalesce(r.agent_id, '') AS agent_id, coalesce(r.agent_version, '') AS agent_version, r.environment,
               s.type, duration_bucket(s.end_time - s.start_time) AS bucket,
               count(*) AS steps,
               count(*) FILTER (WHERE s.status = 'ERROR') AS failed,
               count(*) FILTER (WHERE s.attempt > 1) AS retries,
               sum(s.input_tokens) AS input_tokens, sum(s.output_tokens) AS output_tokens,
               sum(s.cache_read_tokens) AS cache_read_tokens, sum(s.cache_write_tokens) AS cache_write_tokens,
               sum(s.reasoning_tokens) AS reasoning_tokens, sum(s.cost_micro_usd) AS cost_micro_usd
        FROM api.runs r
        -- Run by run: an hour's runs stand together in their day's partition, which is not read as a whole.
        CROSS JOIN LATERAL (SELECT k.* FROM api.steps k
                            WHERE k.run_id = r.run_id AND k.day = r.day AND k.day = ANY (days) OFFSET 0) s
        WHERE r.start_time >= p_from AND r.start_time < p_before
            AND (p_agent_ids = '{}' OR r.agent_id = ANY (p_agent_ids))
            AND (p_agent_versions = '{}' OR r.agent_version = ANY (p_agent_versions))
            AND (p_environments = '{}' OR r.environment = ANY (p_environments))
        GROUP BY 1, 2, 3, 4, 5, 6
    )
    SELECT c.hour, c.agent_id, c.agent_version, c.environment, c.type, sum(c.steps)::bigint, sum(c.failed)::bigint,
           sum(c.retries)::bigint,
           least(coalesce(sum(c.input_tokens), 0), 9223372036854775807)::bigint,
           least(coalesce(sum(c.output_tokens), 0), 9223372036854775807)::bigint,
           least(coalesce(sum(c.cache_read_tokens), 0), 9223372036854775807)::bigint,
           least(coalesce(sum(c.cache_write_tokens), 0), 9223372036854775807)::bigint,
           least(coalesce(sum(c.reasoning_tokens), 0), 9223372036854775807)::bigint,
           least(coalesce(sum(c.cost_micro_usd), 0), 9223372036854775807)::bigint,
           array_agg(c.bucket ORDER BY c.bucket), array_agg(c.steps ORDER BY c.bucket)
    FROM cells c
    GROUP BY 1, 2, 3, 4, 5;
END $$;

ALTER FUNCTION api.compute_step_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) OWNER TO agenttrace_owner;

CREATE FUNCTION grafana.find_run(text) RETURNS TABLE(project_id integer, run_id uuid, day date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $_$
    SELECT r.project_id, r.run_id, r.day FROM grafana.v_runs r
    WHERE r.run_id = grafana.to_uuid($1)
        AND r.project_id = ANY (ARRAY(SELECT p.project_id FROM grafana.v_projects p))
$_$;

ALTER FUNCTION grafana.find_run(text) OWNER TO agenttrace_owner;

CREATE FUNCTION grafana.to_number(text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT CASE WHEN $1 ~ '^[0-9]{1,9}([.][0-9]{1,6})?$' THEN $1::double precision END
$_$;

ALTER FUNCTION grafana.to_number(text) OWNER TO agenttrace_owner;

CREATE FUNCTION grafana.to_uuid(text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT CASE WHEN $1 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN $1::uuid END
$_$;

ALTER FUNCTION grafana.to_uuid(text) OWNER TO agenttrace_owner;

CREATE FUNCTION public.count_inserted_failures() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    missing bigint;
BEGIN
    WITH counts AS MATERIALIZED (
        SELECT project_id, run_id, count(*)::integer AS failure_count,
               array_agg(DISTINCT type) AS types, array_agg(DISTINCT code) AS codes
        FROM inserted
        GROUP BY project_id, run_id
    ), counted AS (
        UPDATE agent_runs r
        SET failure_count = r.failure_count + f.failure_count,
            failure_types = ARRAY(SELECT DISTINCT unnest(r.failure_types || f.types) ORDER BY 1),
            -- The first 8 in the order of the alphabet: the same 8 whatever the order of arrival.
            failure_codes = ARRAY(SELECT DISTINCT unnest(r.failure_codes || f.codes) COLLATE "C" ORDER BY 1 LIMIT 8),
            update_time = now()
        FROM counts f,
        LATERAL (SELECT a.ctid AS place FROM agent_runs a
                 WHERE a.project_id = f.project_id AND a.run_id = f.run_id LIMIT 1) k
        WHERE r.ctid = k.place
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM counts) - (SELECT count(*) FROM counted) INTO missing;
    IF missing <> 0 THEN
        RAISE EXCEPTION 'failures inserted before their run';
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.count_inserted_failures() OWNER TO agenttrace_owner;

CREATE FUNCTION public.count_inserted_steps() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    missing bigint;
BEGIN
    WITH counts AS MATERIALIZED (
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
    ), counted AS (
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
        FROM counts s,
        LATERAL (SELECT a.ctid AS place FROM agent_runs a
                 WHERE a.project_id = s.project_id AND a.run_id = s.run_id LIMIT 1) k
        WHERE r.ctid = k.place
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM counts) - (SELECT count(*) FROM counted) INTO missing;
    IF missing <> 0 THEN
        RAISE EXCEPTION 'steps inserted before their run';  -- ingest_runs() makes the run first
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.count_inserted_steps() OWNER TO agenttrace_owner;

CREATE FUNCTION public.duration_bucket(duration interval) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN duration <= interval '0' THEN -1
                ELSE ceil(ln(date_part('epoch', duration) * 1e6) / ln(1.1::double precision)) END::smallint
$$;

ALTER FUNCTION public.duration_bucket(duration interval) OWNER TO agenttrace_owner;

CREATE FUNCTION public.erase_runs(p_project_id integer, p_run_ids uuid[]) RETURNS TABLE(run_count bigint, step_count bigint, failure_count bigint)
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    erased record;
    deleted bigint;
BEGIN
    run_count := 0;
    step_count := 0;
    failure_count := 0;
    PERFORM FROM agent_runs a
    WHERE a.project_id = p_project_id AND a.run_id IN (
        SELECT unnest(p_run_ids)
        UNION
        SELECT c.run_id FROM agent_runs c
        WHERE c.project_id = p_project_id AND c.parent_run_id = ANY (p_run_ids) AND c.parent_run_id IS NOT NULL)
    ORDER BY a.run_id FOR UPDATE OF a;
    -- Run by run, for each lives in one partition: that of its day.
    FOR erased IN
        SELECT a.run_id, a.day FROM agent_runs a WHERE a.project_id = p_project_id AND a.run_id = ANY (p_run_ids)
    LOOP
        DELETE FROM agent_steps s
        WHERE s.project_id = p_project_id AND s.run_id = erased.run_id AND s.day = erased.day;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        step_count := step_count + deleted;
        DELETE FROM agent_failures f
        WHERE f.project_id = p_project_id AND f.run_id = erased.run_id AND f.day = erased.day;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        failure_count := failure_count + deleted;
    END LOOP;
    DELETE FROM run_changes c WHERE c.project_id = p_project_id AND c.run_id = ANY (p_run_ids);
    UPDATE agent_runs a SET parent_run_id = NULL
    WHERE a.project_id = p_project_id AND a.parent_run_id = ANY (p_run_ids) AND a.parent_run_id IS NOT NULL;
    DELETE FROM agent_runs a WHERE a.project_id = p_project_id AND a.run_id = ANY (p_run_ids);
    GET DIAGNOSTICS run_count = ROW_COUNT;
    RETURN NEXT;
END $$;

ALTER FUNCTION public.erase_runs(p_project_id integer, p_run_ids uuid[]) OWNER TO agenttrace_owner;

CREATE FUNCTION public.find_api_key(p_key_id text) RETURNS TABLE(key_id text, project_id integer, secret_hash bytea, pepper_id text, scopes text[], expire_seconds double precision, is_revoked boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT k.key_id, k.project_id, k.secret_hash, k.pepper_id, k.scopes,
           extract(epoch FROM k.expire_time - now())::double precision, k.revoke_time IS NOT NULL
    FROM api_keys k
    WHERE k.key_id = p_key_id
$$;

ALTER FUNCTION public.find_api_key(p_key_id text) OWNER TO agenttrace_owner;

CREATE FUNCTION public.find_project_name(p_project_id integer) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT name FROM projects WHERE project_id = p_project_id
$$;

ALTER FUNCTION public.find_project_name(p_project_id integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.find_recent_agents(p_since interval, p_limit integer) RETURNS TABLE(project text, agent_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT p.name, l.agent_id FROM latest_runs_of_agents(p_since, p_limit) l JOIN projects p USING (project_id)
    ORDER BY l.start_time DESC LIMIT p_limit
$$;

ALTER FUNCTION public.find_recent_agents(p_since interval, p_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.find_registered_names(p_project_id integer) RETURNS TABLE(is_enabled boolean, kinds text[], names text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT p.registered_names_only, coalesce(array_agg(n.kind), '{}'), coalesce(array_agg(n.name), '{}')
    FROM projects p
    LEFT JOIN LATERAL (
        SELECT r.kind, r.name FROM registered_names r WHERE r.project_id = p.project_id
        UNION
        SELECT 'code', c.code FROM failure_codes c
    ) n ON p.registered_names_only
    WHERE p.project_id = p_project_id
    GROUP BY p.project_id
$$;

ALTER FUNCTION public.find_registered_names(p_project_id integer) OWNER TO agenttrace_owner;

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

CREATE FUNCTION public.ingest_refuse_erased(p_project_id integer, p_run_id uuid[], p_new_runs uuid[], p_session_id text[], p_user_key text[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) RETURNS TABLE(place integer, run_id uuid, field text)
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    hits erasure_hit[];
    late uuid[];
BEGIN
    IF EXISTS (SELECT FROM erasure_keys k WHERE k.project_id = p_project_id AND k.key_id <> ALL (p_erasure_keys)) THEN
        RAISE EXCEPTION 'the batch is not marked under every key that the project has tombstones of'
            USING ERRCODE = 'AT001';
    END IF;
    SELECT array_agg((h.place, h.run_id, h.field, h.is_late, h.erasure_id)::erasure_hit) INTO hits FROM (
        SELECT m.place, n.run_id, m.field, e.erasure_id,
               n.is_new OR CASE m.field WHEN 'session_id' THEN k.session_id WHEN 'user_key' THEN k.user_key END IS NULL
                   AS is_late
        FROM unnest(p_mark_place, p_mark_field, p_mark) m (place, field, mark)
        CROSS JOIN LATERAL (SELECT p_run_id[m.place] AS run_id,
                                   p_run_id[m.place] IN (SELECT unnest(p_new_runs)) AS is_new) n
        CROSS JOIN LATERAL (SELECT t.erasure_id FROM erasures t
                            WHERE t.project_id = p_project_id AND t.tombstone = m.mark LIMIT 1) e
        LEFT JOIN LATERAL (SELECT a.session_id, a.user_key FROM agent_runs a
                           WHERE NOT n.is_new AND a.project_id = p_project_id AND a.run_id = n.run_id LIMIT 1) k ON true
        WHERE CASE m.field
            -- A known run that has a tombstone is about to be deleted by who made it.
            WHEN 'run_id' THEN n.is_new
            -- What contradicts the stored run is a conflict and says nothing about it.
            WHEN 'session_id' THEN n.is_new OR coalesce(k.session_id = p_session_id[m.place], true)
            WHEN 'user_key' THEN n.is_new OR coalesce(k.user_key = p_user_key[m.place], true)
            ELSE true END
    ) h;
    IF hits IS NULL THEN
        RETURN;
    END IF;

    late := ARRAY(SELECT DISTINCT h.run_id FROM unnest(hits) h WHERE h.is_late AND h.field <> 'parent_run_id');
    -- Under the current key, which is the first.
    INSERT INTO erasures (project_id, tombstone, key_id, erasure_id)
    SELECT DISTINCT ON (m.mark) p_project_id, m.mark, m.key_id, h.erasure_id
    FROM unnest(hits) h
    JOIN unnest(p_mark_place, p_mark_field, p_mark_key, p_mark) m (place, field, key_id, mark)
        ON p_run_id[m.place] = h.run_id AND m.field = 'run_id' AND m.key_id = p_erasure_keys[1]
    WHERE h.is_late AND h.field IN ('session_id', 'user_key')
    ORDER BY m.mark
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO erasure_keys (project_id, key_id) VALUES (p_project_id, p_erasure_keys[1]) ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(late) > 0 THEN
        PERFORM erase_runs(p_project_id, late);
    END IF;

    RETURN QUERY
    SELECT DISTINCT ON (h.run_id) h.place, h.run_id, h.field FROM unnest(hits) h
    WHERE h.field <> 'parent_run_id' ORDER BY h.run_id, h.field;
    RETURN QUERY
    SELECT h.place, h.run_id, h.field FROM unnest(hits) h
    WHERE h.field = 'parent_run_id' AND h.run_id <> ALL (late);
END $$;

ALTER FUNCTION public.ingest_refuse_erased(p_project_id integer, p_run_id uuid[], p_new_runs uuid[], p_session_id text[], p_user_key text[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) OWNER TO agenttrace_owner;

CREATE FUNCTION public.ingest_runs(p_project_id integer, p_tag_limit integer, p_attribute_limit integer, p_run_count integer, p_ordinal integer[], p_is_combined boolean[], p_touch_time timestamp with time zone[], p_run_id uuid[], p_is_stub boolean[], p_agent_id text[], p_agent_version text[], p_environment text[], p_status text[], p_start_time timestamp with time zone[], p_end_time timestamp with time zone[], p_heartbeat_time timestamp with time zone[], p_lease_duration interval[], p_session_id text[], p_user_key text[], p_parent_run_id uuid[], p_tags text[], p_attributes jsonb[], p_expected_step_count integer[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) RETURNS TABLE(ordinal integer, verdict text, field text, run_id text, day integer, agent_id text, step_count integer, first_end boolean, run_seconds double precision)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
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
                                    NULL::integer, NULL::boolean, NULL::double precision;
            END IF;
        END LOOP;
        kept_runs := ARRAY(SELECT u FROM unnest(run_ids) u WHERE u NOT IN (SELECT unnest(erased)));
    END IF;

    RETURN QUERY SELECT NULL::integer, NULL::text, NULL::text, NULL::text, today - DATE '1970-01-01', NULL::text,
                        NULL::integer, NULL::boolean, NULL::double precision;
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
            j.run_id::text, NULL::integer, NULL::text, NULL::integer, e.first_end,
            CASE WHEN e.first_end AND NOT j.is_stub
                 THEN extract(epoch FROM j.end_time - j.start_time)::double precision END
        FROM judged j,
        LATERAL (SELECT CASE
                     WHEN j.judgement <> 'ACCEPTED' OR j.end_time IS NULL THEN NULL
                     WHEN j.was_open THEN (j.stored).abandon_time IS NULL
                     WHEN j.status <> (j.stored).status THEN false
                 END AS first_end) e;
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
           a.step_count, NULL::boolean, NULL::double precision
    FROM unnest(known_runs) u (run_id),
    LATERAL (SELECT r.* FROM agent_runs r WHERE r.project_id = p_project_id AND r.run_id = u.run_id LIMIT 1) a;
END $$;

ALTER FUNCTION public.ingest_runs(p_project_id integer, p_tag_limit integer, p_attribute_limit integer, p_run_count integer, p_ordinal integer[], p_is_combined boolean[], p_touch_time timestamp with time zone[], p_run_id uuid[], p_is_stub boolean[], p_agent_id text[], p_agent_version text[], p_environment text[], p_status text[], p_start_time timestamp with time zone[], p_end_time timestamp with time zone[], p_heartbeat_time timestamp with time zone[], p_lease_duration interval[], p_session_id text[], p_user_key text[], p_parent_run_id uuid[], p_tags text[], p_attributes jsonb[], p_expected_step_count integer[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) OWNER TO agenttrace_owner;

CREATE FUNCTION public.latest_runs_of_agents(p_since interval, p_limit integer) RETURNS TABLE(project_id integer, agent_id text, start_time timestamp with time zone)
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT p.project_id, latest.agent_id, latest.start_time
    FROM projects p,
    LATERAL (
        WITH RECURSIVE agents AS (
            (SELECT a.agent_id, a.start_time FROM agent_runs a
             WHERE a.project_id = p.project_id AND a.agent_id IS NOT NULL
             ORDER BY a.agent_id, a.start_time DESC LIMIT 1)
            UNION ALL
            SELECT n.agent_id, n.start_time FROM agents g,
            LATERAL (SELECT a.agent_id, a.start_time FROM agent_runs a
                     WHERE a.project_id = p.project_id AND a.agent_id > g.agent_id
                     ORDER BY a.agent_id, a.start_time DESC LIMIT 1) n
        )
        SELECT * FROM agents g WHERE g.start_time > now() - p_since LIMIT p_limit
    ) latest
$$;

ALTER FUNCTION public.latest_runs_of_agents(p_since interval, p_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) RETURNS TABLE(project text, agent_id text, run_count bigint, first_count bigint)
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
        UPDATE agent_runs a SET status = 'ABANDONED', abandon_time = coalesce(a.abandon_time, now()) FROM stale s
        WHERE a.project_id = s.project_id AND a.run_id = s.run_id
        RETURNING a.project_id, a.run_id, a.agent_id, a.abandon_time = now() AS is_first
    ), changes AS (
        INSERT INTO run_changes (project_id, run_id) SELECT project_id, run_id FROM abandoned
    )
    SELECT p.name, coalesce(a.agent_id, ''), count(*), count(*) FILTER (WHERE a.is_first)
    FROM abandoned a JOIN projects p USING (project_id)
    GROUP BY p.name, a.agent_id
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

CREATE FUNCTION public.maintain_delete_runs(p_before date, p_limit integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH gone AS (
        DELETE FROM agent_runs WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM agent_runs WHERE day < p_before ORDER BY day LIMIT p_limit FOR UPDATE SKIP LOCKED))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

ALTER FUNCTION public.maintain_delete_runs(p_before date, p_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_dirty_hours(p_quiet interval, p_patience interval, p_limit integer) RETURNS TABLE(project_id integer, hour timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT d.project_id, d.hour FROM stats_dirty d
    WHERE d.hour <= now() - interval '1 hour'
    GROUP BY d.project_id, d.hour
    HAVING max(d.mark_time) <= now() - p_quiet OR min(d.mark_time) <= now() - p_patience
    ORDER BY d.hour DESC, d.project_id LIMIT p_limit
$$;

ALTER FUNCTION public.maintain_dirty_hours(p_quiet interval, p_patience interval, p_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_expired_partitions(p_before date) RETURNS TABLE(parent text, partition_name text, state text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    WITH partitions AS MATERIALIZED (
        SELECT c.oid, c.relname, regexp_replace(c.relname, '_[0-9]{8}$', '') AS parent
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
            AND c.relname ~ '^agent_(steps|failures)_[0-9]{8}$'
    )
    SELECT p.parent, p.relname,
           CASE WHEN i.inhrelid IS NULL THEN 'DETACHED' WHEN i.inhdetachpending THEN 'PENDING' ELSE 'ATTACHED' END
    FROM partitions p
    CROSS JOIN LATERAL (SELECT to_date(right(p.relname, 8), 'YYYYMMDD') AS day) d
    LEFT JOIN pg_inherits i ON i.inhrelid = p.oid
    WHERE d.day < p_before AND NOT EXISTS (SELECT FROM agent_runs r WHERE r.day = d.day)
    ORDER BY i.inhdetachpending DESC NULLS LAST, p.relname
$_$;

ALTER FUNCTION public.maintain_expired_partitions(p_before date) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_measure_agents(p_default_lease interval, p_since interval, p_limit integer) RETURNS TABLE(project text, agent_id text, in_progress_count bigint, stalled_count bigint, last_run_timestamp double precision, oldest_open_seconds double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH open AS (
        SELECT p.project_id, coalesce(a.agent_id, '') AS agent_id, count(*) AS in_progress_count,
               count(*) FILTER (WHERE a.update_time + coalesce(a.lease_duration, p_default_lease) / 2 < now())
                   AS stalled_count,
               min(a.start_time) AS oldest, max(a.start_time) AS latest
        FROM projects p JOIN agent_runs a ON a.project_id = p.project_id AND a.status = 'RUNNING'
        GROUP BY 1, 2
    )
    SELECT p.name, agent_id, coalesce(o.in_progress_count, 0), coalesce(o.stalled_count, 0),
           extract(epoch FROM greatest(l.start_time, o.latest))::double precision,
           greatest(coalesce(extract(epoch FROM now() - o.oldest), 0), 0)::double precision
    FROM open o FULL JOIN latest_runs_of_agents(p_since, p_limit) l USING (project_id, agent_id)
    JOIN projects p USING (project_id)
    ORDER BY greatest(l.start_time, o.latest) DESC
$$;

ALTER FUNCTION public.maintain_measure_agents(p_default_lease interval, p_since interval, p_limit integer) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_roll_up(p_project_id integer, p_hour timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    marks bigint[];
    runs api.run_stats_hourly[];
    steps api.step_stats_hourly[];
    failures api.failure_stats_hourly[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('agenttrace.rollups')) THEN
        RETURN false;
    END IF;
    -- What these marks stand for was committed before, and each statement sees what is committed when it begins. A
    -- mark that comes later stays.
    SELECT array_agg(d.mark_id) INTO marks FROM stats_dirty d WHERE d.project_id = p_project_id AND d.hour = p_hour;
    IF marks IS NULL THEN
        RETURN false;
    END IF;
    PERFORM set_config('agenttrace.project_id', p_project_id::text, true);
    SELECT array_agg(s) INTO runs FROM api.compute_run_stats(p_hour, p_hour + interval '1 hour') s;
    SELECT array_agg(s) INTO steps FROM api.compute_step_stats(p_hour, p_hour + interval '1 hour') s;
    SELECT array_agg(s) INTO failures FROM api.compute_failure_stats(p_hour, p_hour + interval '1 hour') s;

    DELETE FROM stats_dirty d WHERE d.project_id = p_project_id AND d.hour = p_hour AND d.mark_id = ANY (marks);
    DELETE FROM run_stats_hourly s WHERE s.project_id = p_project_id AND s.hour = p_hour;
    DELETE FROM step_stats_hourly s WHERE s.project_id = p_project_id AND s.hour = p_hour;
    DELETE FROM failure_stats_hourly s WHERE s.project_id = p_project_id AND s.hour = p_hour;
    -- The views have the tables' columns in their order, but for project_id, which is first.
    INSERT INTO run_stats_hourly SELECT p_project_id, s.* FROM unnest(runs) s;
    INSERT INTO step_stats_hourly SELECT p_project_id, s.* FROM unnest(steps) s;
    INSERT INTO failure_stats_hourly SELECT p_project_id, s.* FROM unnest(failures) s;
    RETURN true;
END $$;

ALTER FUNCTION public.maintain_roll_up(p_project_id integer, p_hour timestamp with time zone) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_trim_changes(p_keep interval) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH gone AS (DELETE FROM run_changes WHERE change_time < now() - p_keep RETURNING 1) SELECT count(*) FROM gone
$$;

ALTER FUNCTION public.maintain_trim_changes(p_keep interval) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_trim_erasures(p_keep interval) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
    trimmed bigint;
BEGIN
    DELETE FROM erasures WHERE erase_time < now() - p_keep;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    IF trimmed > 0 THEN
        -- Against those who make tombstones, who write here too: none may be made between the look and the deletion.
        LOCK TABLE erasure_keys IN SHARE ROW EXCLUSIVE MODE;
        DELETE FROM erasure_keys k WHERE NOT EXISTS (
            SELECT FROM erasures e WHERE e.project_id = k.project_id AND e.key_id = k.key_id);
    END IF;
    RETURN trimmed;
END $$;

ALTER FUNCTION public.maintain_trim_erasures(p_keep interval) OWNER TO agenttrace_owner;

CREATE FUNCTION public.maintain_trim_marks() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    trimmed bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('agenttrace.rollups')) THEN
        RETURN 0;
    END IF;
    DELETE FROM stats_dirty d
    USING (SELECT m.project_id, m.hour, min(m.mark_id) AS first_id, max(m.mark_id) AS last_id
           FROM stats_dirty m GROUP BY m.project_id, m.hour HAVING count(*) > 2) s
    WHERE d.project_id = s.project_id AND d.hour = s.hour AND d.mark_id > s.first_id AND d.mark_id < s.last_id;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    RETURN trimmed;
END $$;

ALTER FUNCTION public.maintain_trim_marks() OWNER TO agenttrace_owner;

CREATE FUNCTION public.mark_hours_of_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    missing bigint;
BEGIN
    WITH changed AS MATERIALIZED (
        SELECT i.project_id, date_bin('1 hour', r.start_time, '1970-01-01T00:00:00Z') AS hour
        FROM inserted i
        LEFT JOIN LATERAL (SELECT a.start_time FROM agent_runs a
                           WHERE a.project_id = i.project_id AND a.run_id = i.run_id LIMIT 1) r ON true
    ), marked AS (
        INSERT INTO stats_dirty (project_id, hour) SELECT DISTINCT project_id, hour FROM changed WHERE hour IS NOT NULL
    )
    SELECT count(*) INTO missing FROM changed WHERE hour IS NULL;
    IF missing > 0 THEN
        -- Deleted by the retention between being looked up and being locked. Tried again, it is a new run.
        RAISE EXCEPTION 'a run was deleted meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.mark_hours_of_changes() OWNER TO agenttrace_owner;

CREATE FUNCTION public.mark_hours_of_deleted_runs() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO stats_dirty (project_id, hour)
    SELECT DISTINCT project_id, date_bin('1 hour', start_time, '1970-01-01T00:00:00Z') FROM deleted;
    RETURN NULL;
END $$;

ALTER FUNCTION public.mark_hours_of_deleted_runs() OWNER TO agenttrace_owner;

CREATE FUNCTION public.mark_left_hour() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO stats_dirty (project_id, hour)
    VALUES (OLD.project_id, date_bin('1 hour', OLD.start_time, '1970-01-01T00:00:00Z'));
    RETURN NULL;
END $$;

ALTER FUNCTION public.mark_left_hour() OWNER TO agenttrace_owner;

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

CREATE VIEW api.failure_codes AS
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

CREATE VIEW api.failures AS
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

CREATE VIEW api.run_changes AS
 SELECT xid,
    seq,
    run_id,
    change_time
   FROM public.run_changes
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.run_changes OWNER TO agenttrace_owner;

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
    abandon_time timestamp with time zone,
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

CREATE VIEW api.runs AS
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

CREATE TABLE public.stats_dirty (
    mark_id bigint NOT NULL,
    project_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    mark_time timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.stats_dirty OWNER TO agenttrace_owner;

CREATE VIEW api.stats_dirty AS
 SELECT hour
   FROM public.stats_dirty
  WHERE (project_id = (NULLIF(current_setting('agenttrace.project_id'::text, true), ''::text))::integer);

ALTER VIEW api.stats_dirty OWNER TO agenttrace_owner;

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

CREATE VIEW api.steps AS
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

CREATE VIEW grafana.v_failure_codes AS
 SELECT type,
    code,
    title,
    remedy
   FROM public.failure_codes;

ALTER VIEW grafana.v_failure_codes OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_failure_stats_hourly AS
 SELECT project_id,
    hour,
    agent_id,
    agent_version,
    environment,
    type,
    code,
    failure_count,
    recovered_failure_count,
    run_count,
    first_occur_time,
    last_occur_time
   FROM public.failure_stats_hourly;

ALTER VIEW grafana.v_failure_stats_hourly OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_failures AS
 SELECT f.project_id,
    f.run_id,
    f.day,
    f.failure_id,
    f.step_id,
    f.type,
    f.code,
    f.exception_type,
    f.http_status,
    f.grpc_status,
    f.retryable,
    f.caused_by_failure_id,
    f.occur_time,
    r.agent_id,
    r.agent_version,
    COALESCE(r.environment, 'production'::text) AS environment,
    r.status AS run_status,
    r.start_time AS run_start_time,
    r.end_time AS run_end_time,
    c.title,
    c.remedy,
    (EXISTS ( SELECT
           FROM (public.agent_steps later
             LEFT JOIN public.agent_steps s ON (((s.project_id = f.project_id) AND (s.run_id = f.run_id) AND (s.step_id = f.step_id) AND (s.day = f.day))))
          WHERE ((r.retry_count > 0) AND (later.project_id = f.project_id) AND (later.run_id = f.run_id) AND (later.day = f.day) AND (later.retry_of_step_id = COALESCE(s.retry_of_step_id, f.step_id)) AND (later.status = 'OK'::text) AND (later.attempt > COALESCE(s.attempt, 1)))
         OFFSET 0)) AS recovered
   FROM ((public.agent_failures f
     LEFT JOIN public.agent_runs r ON (((r.project_id = f.project_id) AND (r.run_id = f.run_id))))
     LEFT JOIN public.failure_codes c ON (((c.type = f.type) AND (c.code = f.code))));

ALTER VIEW grafana.v_failures OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_indexes AS
 SELECT (COALESCE(parent.relname, t.relname))::text AS table_name,
    (COALESCE(parent_index.relname, x.relname))::text AS index_name,
    (sum(pg_relation_size((x.oid)::regclass)))::double precision AS bytes,
    (sum(pg_stat_get_numscans(x.oid)))::double precision AS scans
   FROM (((((((pg_index i
     JOIN pg_class x ON (((x.oid = i.indexrelid) AND (x.relkind = 'i'::"char"))))
     JOIN pg_class t ON ((t.oid = i.indrelid)))
     JOIN pg_namespace n ON (((n.oid = t.relnamespace) AND (n.nspname = 'public'::name))))
     LEFT JOIN pg_inherits h ON ((h.inhrelid = t.oid)))
     LEFT JOIN pg_class parent ON ((parent.oid = h.inhparent)))
     LEFT JOIN pg_inherits hx ON ((hx.inhrelid = x.oid)))
     LEFT JOIN pg_class parent_index ON ((parent_index.oid = hx.inhparent)))
  GROUP BY ((COALESCE(parent.relname, t.relname))::text), ((COALESCE(parent_index.relname, x.relname))::text);

ALTER VIEW grafana.v_indexes OWNER TO agenttrace_owner;

CREATE TABLE public.projects (
    project_id integer NOT NULL,
    name text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    registered_names_only boolean DEFAULT false NOT NULL,
    CONSTRAINT projects_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

ALTER TABLE public.projects OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_projects AS
 SELECT project_id,
    name AS project
   FROM public.projects;

ALTER VIEW grafana.v_projects OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_run_stats_hourly AS
 SELECT project_id,
    hour,
    agent_id,
    agent_version,
    environment,
    run_count,
    running_count,
    success_count,
    failure_count,
    partial_count,
    cancelled_count,
    abandoned_count
   FROM public.run_stats_hourly;

ALTER VIEW grafana.v_run_stats_hourly OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_runs AS
 SELECT project_id,
    run_id,
    day,
    is_stub,
    agent_id,
    agent_version,
    COALESCE(environment, 'production'::text) AS environment,
    status,
        CASE
            WHEN (status = ANY (ARRAY['FAILURE'::text, 'ABANDONED'::text])) THEN (1.0)::double precision
            WHEN (status = ANY (ARRAY['SUCCESS'::text, 'PARTIAL'::text])) THEN (0.0)::double precision
            ELSE NULL::double precision
        END AS failed,
    start_time,
    end_time,
    heartbeat_time,
    lease_duration,
    (EXTRACT(epoch FROM (end_time - start_time)))::double precision AS duration_seconds,
    session_id,
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
    ((cost_micro_usd)::double precision / ('1000000'::numeric)::double precision) AS cost_usd,
    create_time,
    update_time
   FROM public.agent_runs;

ALTER VIEW grafana.v_runs OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_stale_hours AS
 SELECT project_id,
    hour,
    min(mark_time) AS since
   FROM public.stats_dirty
  GROUP BY project_id, hour;

ALTER VIEW grafana.v_stale_hours OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_step_stats_hourly AS
 SELECT project_id,
    hour,
    agent_id,
    agent_version,
    environment,
    type,
    step_count,
    failed_step_count,
    retry_count,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    ((cost_micro_usd)::double precision / ('1000000'::numeric)::double precision) AS cost_usd
   FROM public.step_stats_hourly;

ALTER VIEW grafana.v_step_stats_hourly OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_steps AS
 SELECT project_id,
    run_id,
    day,
    step_id,
    parent_step_id,
    sequence,
    type,
    name,
    status,
    attempt,
    retry_of_step_id,
    start_time,
    end_time,
    (EXTRACT(epoch FROM (end_time - start_time)))::double precision AS duration_seconds,
    provider,
    COALESCE(response_model, request_model) AS model,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    finish_reason,
    (EXTRACT(epoch FROM time_to_first_token))::double precision AS time_to_first_token_seconds,
    ((cost_micro_usd)::double precision / ('1000000'::numeric)::double precision) AS cost_usd,
    tool_name,
    retrieval_source,
    result_count,
    attributes
   FROM public.agent_steps;

ALTER VIEW grafana.v_steps OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_tables AS
 SELECT (COALESCE(parent.relname, c.relname))::text AS table_name,
    (c.relname)::text AS relation,
        CASE
            WHEN (parent.relname IS NOT NULL) THEN to_date("right"((c.relname)::text, 8), 'YYYYMMDD'::text)
            ELSE NULL::date
        END AS day,
    (GREATEST(c.reltuples, (0)::real))::double precision AS estimated_rows,
    (pg_table_size((c.oid)::regclass))::double precision AS table_bytes,
    (pg_indexes_size((c.oid)::regclass))::double precision AS index_bytes,
    (pg_stat_get_live_tuples(c.oid))::double precision AS live_rows,
    (pg_stat_get_dead_tuples(c.oid))::double precision AS dead_rows,
    GREATEST(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS last_vacuum_time
   FROM (((pg_class c
     JOIN pg_namespace n ON (((n.oid = c.relnamespace) AND (n.nspname = 'public'::name))))
     LEFT JOIN pg_inherits i ON ((i.inhrelid = c.oid)))
     LEFT JOIN pg_class parent ON ((parent.oid = i.inhparent)))
  WHERE (c.relkind = 'r'::"char");

ALTER VIEW grafana.v_tables OWNER TO agenttrace_owner;

CREATE VIEW grafana.v_trace_spans AS
 SELECT r.project_id,
    r.run_id,
    r.day,
    r.run_id AS span_id,
    NULL::uuid AS parent_span_id,
    COALESCE(r.agent_id, '(unknown agent)'::text) AS name,
    'RUN'::text AS kind,
    r.start_time,
    COALESCE(r.end_time,
        CASE r.status
            WHEN 'ABANDONED'::text THEN GREATEST(r.heartbeat_time, r.start_time)
            ELSE NULL::timestamp with time zone
        END, GREATEST(now(), r.start_time)) AS end_time,
        CASE
            WHEN (r.status = ANY (ARRAY['FAILURE'::text, 'ABANDONED'::text])) THEN 2
            WHEN (r.status = 'SUCCESS'::text) THEN 1
            ELSE 0
        END AS status_code,
    array_to_string(r.failure_codes, ', '::text) AS status_message,
    (jsonb_build_array(jsonb_build_object('key', 'status', 'value', r.status), jsonb_build_object('key', 'error', 'value', (r.status = ANY (ARRAY['FAILURE'::text, 'ABANDONED'::text])))) || COALESCE(( SELECT jsonb_agg(jsonb_build_object('key', a.key, 'value', a.value) ORDER BY a.key) AS jsonb_agg
           FROM jsonb_each(r.attributes) a(key, value)), '[]'::jsonb)) AS tags,
    jsonb_build_array(jsonb_build_object('key', 'agent.version', 'value', r.agent_version), jsonb_build_object('key', 'environment', 'value', COALESCE(r.environment, 'production'::text))) AS service_tags,
    '[]'::jsonb AS logs
   FROM public.agent_runs r
UNION ALL
 SELECT s.project_id,
    s.run_id,
    s.day,
    s.step_id AS span_id,
    COALESCE(s.parent_step_id, s.run_id) AS parent_span_id,
    s.name,
    s.type AS kind,
    s.start_time,
    s.end_time,
        CASE s.status
            WHEN 'ERROR'::text THEN 2
            ELSE 1
        END AS status_code,
    COALESCE(( SELECT string_agg(f.code, ', '::text ORDER BY f.occur_time) AS string_agg
           FROM public.agent_failures f
          WHERE ((f.project_id = s.project_id) AND (f.run_id = s.run_id) AND (f.day = s.day) AND (f.step_id = s.step_id))), ''::text) AS status_message,
    ( SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.place, t.key) AS jsonb_agg
           FROM ( SELECT 1 AS place,
                    jsonb_each.key,
                    jsonb_each.value
                   FROM jsonb_each(jsonb_strip_nulls(jsonb_build_object('status', s.status, 'error', (s.status = 'ERROR'::text), 'attempt', s.attempt, 'model', COALESCE(s.response_model, s.request_model), 'tool', s.tool_name, 'retrieval.source', s.retrieval_source, 'retrieval.results', s.result_count, 'tokens.input', s.input_tokens, 'tokens.output', s.output_tokens, 'finish_reason', s.finish_reason))) jsonb_each(key, value)
                UNION ALL
                 SELECT 2,
                    jsonb_each.key,
                    jsonb_each.value
                   FROM jsonb_each(s.attributes) jsonb_each(key, value)) t) AS tags,
    '[]'::jsonb AS service_tags,
    COALESCE(( SELECT jsonb_agg(jsonb_build_object('timestamp', ((EXTRACT(epoch FROM f.occur_time) * (1000)::numeric))::double precision, 'name', 'failure', 'fields', jsonb_build_array(jsonb_build_object('key', 'type', 'value', f.type), jsonb_build_object('key', 'code', 'value', f.code))) ORDER BY f.occur_time) AS jsonb_agg
           FROM public.agent_failures f
          WHERE ((f.project_id = s.project_id) AND (f.run_id = s.run_id) AND (f.day = s.day) AND (f.step_id = s.step_id))), '[]'::jsonb) AS logs
   FROM public.agent_steps s;

ALTER VIEW grafana.v_trace_spans OWNER TO agenttrace_owner;

CREATE TABLE public.api_keys (
    key_id text NOT NULL,
    project_id integer NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    pepper_id text NOT NULL,
    scopes text[] NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    expire_time timestamp with time zone,
    revoke_time timestamp with time zone,
    CONSTRAINT api_keys_check CHECK ((expire_time > create_time)),
    CONSTRAINT api_keys_key_id_check CHECK ((key_id ~ '^[a-z0-9]{12}$'::text)),
    CONSTRAINT api_keys_name_check CHECK ((name ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'::text)),
    CONSTRAINT api_keys_pepper_id_check CHECK ((pepper_id ~ '^[0-9a-f]{8}$'::text)),
    CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) > 0) AND (array_position(scopes, NULL::text) IS NULL) AND (scopes <@ ARRAY['ingest'::text, 'query'::text, 'admin'::text]))),
    CONSTRAINT api_keys_secret_hash_check CHECK ((octet_length(secret_hash) = 32))
);

ALTER TABLE public.api_keys OWNER TO agenttrace_owner;

CREATE TABLE public.audit_log (
    audit_id bigint NOT NULL,
    "time" timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    database_user text DEFAULT SESSION_USER NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    CONSTRAINT audit_log_action_check CHECK ((action ~ '^[a-z_]+(\.[a-z_]+)+$'::text)),
    CONSTRAINT audit_log_actor_check CHECK ((actor ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'::text)),
    CONSTRAINT audit_log_object_check CHECK ((object ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'::text))
);

ALTER TABLE public.audit_log OWNER TO agenttrace_owner;

ALTER TABLE public.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.erasure_keys (
    project_id integer NOT NULL,
    key_id text NOT NULL
);

ALTER TABLE public.erasure_keys OWNER TO agenttrace_owner;

CREATE TABLE public.erasures (
    project_id integer NOT NULL,
    tombstone bytea NOT NULL,
    key_id text NOT NULL,
    erasure_id uuid NOT NULL,
    erase_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT erasures_key_id_check CHECK ((key_id ~ '^[0-9a-f]{8}$'::text)),
    CONSTRAINT erasures_tombstone_check CHECK ((octet_length(tombstone) = 32))
);

ALTER TABLE public.erasures OWNER TO agenttrace_owner;

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

ALTER TABLE public.projects ALTER COLUMN project_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.projects_project_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.registered_names (
    project_id integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    CONSTRAINT registered_names_kind_check CHECK ((kind = ANY (ARRAY['agent'::text, 'step'::text, 'tool'::text, 'model'::text, 'version'::text, 'environment'::text, 'provider'::text, 'source'::text, 'finish_reason'::text, 'code'::text, 'exception'::text, 'tag'::text, 'attribute'::text, 'value'::text]))),
    CONSTRAINT registered_names_name_check CHECK ((name ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'::text))
);

ALTER TABLE public.registered_names OWNER TO agenttrace_owner;

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

ALTER TABLE public.stats_dirty ALTER COLUMN mark_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.stats_dirty_mark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.agent_failures
    ADD CONSTRAINT agent_failures_pkey PRIMARY KEY (project_id, run_id, failure_id, day);

ALTER TABLE ONLY public.agent_runs
    ADD CONSTRAINT agent_runs_pkey PRIMARY KEY (project_id, run_id);

ALTER TABLE ONLY public.agent_steps
    ADD CONSTRAINT agent_steps_pkey PRIMARY KEY (project_id, run_id, step_id, day);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY public.erasure_keys
    ADD CONSTRAINT erasure_keys_pkey PRIMARY KEY (project_id, key_id);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (project_id, tombstone);

ALTER TABLE ONLY public.failure_codes
    ADD CONSTRAINT failure_codes_pkey PRIMARY KEY (type, code);

ALTER TABLE ONLY public.failure_stats_hourly
    ADD CONSTRAINT failure_stats_hourly_pkey PRIMARY KEY (project_id, hour, agent_id, agent_version, environment, type, code);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_name_key UNIQUE (name);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY public.registered_names
    ADD CONSTRAINT registered_names_pkey PRIMARY KEY (project_id, kind, name);

ALTER TABLE ONLY public.run_changes
    ADD CONSTRAINT run_changes_pkey PRIMARY KEY (xid, seq);

ALTER TABLE ONLY public.run_stats_hourly
    ADD CONSTRAINT run_stats_hourly_pkey PRIMARY KEY (project_id, hour, agent_id, agent_version, environment);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.step_stats_hourly
    ADD CONSTRAINT step_stats_hourly_pkey PRIMARY KEY (project_id, hour, agent_id, agent_version, environment, type);

CREATE INDEX agent_failures_by_time ON ONLY public.agent_failures USING btree (project_id, occur_time DESC, failure_id DESC);

CREATE INDEX agent_runs_by_agent ON public.agent_runs USING btree (project_id, agent_id, start_time DESC, run_id DESC);

CREATE INDEX agent_runs_by_day ON public.agent_runs USING btree (day);

CREATE INDEX agent_runs_by_environment ON public.agent_runs USING btree (project_id, COALESCE(environment, 'production'::text), start_time DESC, run_id DESC);

CREATE INDEX agent_runs_by_parent ON public.agent_runs USING btree (project_id, parent_run_id) WHERE (parent_run_id IS NOT NULL);

CREATE INDEX agent_runs_by_session ON public.agent_runs USING btree (project_id, session_id, start_time DESC, run_id DESC) WHERE (session_id IS NOT NULL);

CREATE INDEX agent_runs_by_start ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC);

CREATE INDEX agent_runs_by_status ON public.agent_runs USING btree (project_id, status, start_time DESC, run_id DESC);

CREATE INDEX agent_runs_failed_model ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('MODEL'::text = ANY (failure_types));

CREATE INDEX agent_runs_failed_orchestration ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('ORCHESTRATION'::text = ANY (failure_types));

CREATE INDEX agent_runs_failed_retrieval ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('RETRIEVAL'::text = ANY (failure_types));

CREATE INDEX agent_runs_failed_tool ON public.agent_runs USING btree (project_id, start_time DESC, run_id DESC) WHERE ('TOOL'::text = ANY (failure_types));

CREATE INDEX ingest_failure_stage_by_xid ON public.ingest_failure_stage USING btree (xid);

CREATE INDEX ingest_step_stage_by_xid ON public.ingest_step_stage USING btree (xid);

CREATE INDEX stats_dirty_by_hour ON public.stats_dirty USING btree (project_id, hour);

CREATE TRIGGER count_inserted_failures AFTER INSERT ON public.agent_failures REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION public.count_inserted_failures();

CREATE TRIGGER count_inserted_steps AFTER INSERT ON public.agent_steps REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION public.count_inserted_steps();

CREATE TRIGGER mark_hours_of_changes AFTER INSERT ON public.run_changes REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION public.mark_hours_of_changes();

CREATE TRIGGER mark_hours_of_deleted_runs AFTER DELETE ON public.agent_runs REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION public.mark_hours_of_deleted_runs();

CREATE TRIGGER mark_left_hour AFTER UPDATE OF start_time ON public.agent_runs FOR EACH ROW WHEN ((date_bin('01:00:00'::interval, old.start_time, '1970-01-01 00:00:00+00'::timestamp with time zone) <> date_bin('01:00:00'::interval, new.start_time, '1970-01-01 00:00:00+00'::timestamp with time zone))) EXECUTE FUNCTION public.mark_left_hour();

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(project_id);

ALTER TABLE ONLY public.registered_names
    ADD CONSTRAINT registered_names_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(project_id);

GRANT USAGE ON SCHEMA api TO agenttrace_query;

GRANT USAGE ON SCHEMA grafana TO agenttrace_grafana;

GRANT ALL ON SCHEMA public TO agenttrace_owner;

GRANT SELECT ON TABLE api.failure_stats_hourly TO agenttrace_query;

REVOKE ALL ON FUNCTION api.compute_failure_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api.compute_failure_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) TO agenttrace_query;

GRANT SELECT ON TABLE api.run_stats_hourly TO agenttrace_query;

REVOKE ALL ON FUNCTION api.compute_run_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api.compute_run_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) TO agenttrace_query;

GRANT SELECT ON TABLE api.step_stats_hourly TO agenttrace_query;

REVOKE ALL ON FUNCTION api.compute_step_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api.compute_step_stats(p_from timestamp with time zone, p_before timestamp with time zone, p_agent_ids text[], p_agent_versions text[], p_environments text[]) TO agenttrace_query;

REVOKE ALL ON FUNCTION grafana.find_run(text) FROM PUBLIC;
GRANT ALL ON FUNCTION grafana.find_run(text) TO agenttrace_grafana;

REVOKE ALL ON FUNCTION grafana.to_number(text) FROM PUBLIC;
GRANT ALL ON FUNCTION grafana.to_number(text) TO agenttrace_grafana;

REVOKE ALL ON FUNCTION grafana.to_uuid(text) FROM PUBLIC;
GRANT ALL ON FUNCTION grafana.to_uuid(text) TO agenttrace_grafana;

REVOKE ALL ON FUNCTION public.count_inserted_failures() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.count_inserted_steps() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.duration_bucket(duration interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.duration_bucket(duration interval) TO agenttrace_query;

REVOKE ALL ON FUNCTION public.erase_runs(p_project_id integer, p_run_ids uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.find_api_key(p_key_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_api_key(p_key_id text) TO agenttrace_ingest;
GRANT ALL ON FUNCTION public.find_api_key(p_key_id text) TO agenttrace_query;

REVOKE ALL ON FUNCTION public.find_project_name(p_project_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_project_name(p_project_id integer) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.find_recent_agents(p_since interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_recent_agents(p_since interval, p_limit integer) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.find_registered_names(p_project_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_registered_names(p_project_id integer) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.ingest_merge_failures() FROM PUBLIC;
GRANT ALL ON FUNCTION public.ingest_merge_failures() TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.ingest_merge_steps(p_step_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ingest_merge_steps(p_step_limit integer) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.ingest_refuse_erased(p_project_id integer, p_run_id uuid[], p_new_runs uuid[], p_session_id text[], p_user_key text[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.ingest_runs(p_project_id integer, p_tag_limit integer, p_attribute_limit integer, p_run_count integer, p_ordinal integer[], p_is_combined boolean[], p_touch_time timestamp with time zone[], p_run_id uuid[], p_is_stub boolean[], p_agent_id text[], p_agent_version text[], p_environment text[], p_status text[], p_start_time timestamp with time zone[], p_end_time timestamp with time zone[], p_heartbeat_time timestamp with time zone[], p_lease_duration interval[], p_session_id text[], p_user_key text[], p_parent_run_id uuid[], p_tags text[], p_attributes jsonb[], p_expected_step_count integer[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ingest_runs(p_project_id integer, p_tag_limit integer, p_attribute_limit integer, p_run_count integer, p_ordinal integer[], p_is_combined boolean[], p_touch_time timestamp with time zone[], p_run_id uuid[], p_is_stub boolean[], p_agent_id text[], p_agent_version text[], p_environment text[], p_status text[], p_start_time timestamp with time zone[], p_end_time timestamp with time zone[], p_heartbeat_time timestamp with time zone[], p_lease_duration interval[], p_session_id text[], p_user_key text[], p_parent_run_id uuid[], p_tags text[], p_attributes jsonb[], p_expected_step_count integer[], p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]) TO agenttrace_ingest;

REVOKE ALL ON FUNCTION public.latest_runs_of_agents(p_since interval, p_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_abandon_runs(p_default_lease interval, p_limit integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_create_partitions(p_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_create_partitions(p_days integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_delete_runs(p_before date, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_delete_runs(p_before date, p_limit integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_dirty_hours(p_quiet interval, p_patience interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_dirty_hours(p_quiet interval, p_patience interval, p_limit integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_expired_partitions(p_before date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_expired_partitions(p_before date) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_measure_agents(p_default_lease interval, p_since interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_measure_agents(p_default_lease interval, p_since interval, p_limit integer) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_roll_up(p_project_id integer, p_hour timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_roll_up(p_project_id integer, p_hour timestamp with time zone) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_trim_changes(p_keep interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_trim_changes(p_keep interval) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_trim_erasures(p_keep interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_trim_erasures(p_keep interval) TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.maintain_trim_marks() FROM PUBLIC;
GRANT ALL ON FUNCTION public.maintain_trim_marks() TO agenttrace_maintain;

REVOKE ALL ON FUNCTION public.mark_hours_of_changes() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.mark_hours_of_deleted_runs() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.mark_left_hour() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.run_end_rank(status text) FROM PUBLIC;

GRANT SELECT ON TABLE api.failure_codes TO agenttrace_query;

GRANT INSERT ON TABLE public.agent_failures TO agenttrace_ingest;

GRANT SELECT ON TABLE api.failures TO agenttrace_query;

GRANT SELECT ON TABLE api.run_changes TO agenttrace_query;

GRANT SELECT ON TABLE api.runs TO agenttrace_query;

GRANT SELECT ON TABLE api.stats_dirty TO agenttrace_query;

GRANT INSERT ON TABLE public.agent_steps TO agenttrace_ingest;

GRANT SELECT ON TABLE api.steps TO agenttrace_query;

GRANT SELECT ON TABLE grafana.v_failure_codes TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_failure_stats_hourly TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_failures TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_indexes TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_projects TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_run_stats_hourly TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_runs TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_stale_hours TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_step_stats_hourly TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_steps TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_tables TO agenttrace_grafana;

GRANT SELECT ON TABLE grafana.v_trace_spans TO agenttrace_grafana;

GRANT INSERT ON TABLE public.ingest_failure_stage TO agenttrace_ingest;

GRANT INSERT ON TABLE public.ingest_step_stage TO agenttrace_ingest;

GRANT SELECT ON TABLE public.schema_migrations TO agenttrace_ingest;
GRANT SELECT ON TABLE public.schema_migrations TO agenttrace_query;
GRANT SELECT ON TABLE public.schema_migrations TO agenttrace_maintain;
