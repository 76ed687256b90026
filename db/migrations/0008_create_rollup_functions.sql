-- How statistics are computed from the tables: one definition, for the hours that maintain rolls up and for those
-- that a reader has to compute itself (the current one, changed ones, and parts of hours).

-- The bucket of a duration: each is 1.1 times as long as the one before it, so that no duration is further than
-- 5 % from 1.1 ^ (bucket - 0.5) microseconds. -1: it took no time.
CREATE FUNCTION duration_bucket(duration interval) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN duration <= interval '0' THEN -1
                ELSE ceil(ln(date_part('epoch', duration) * 1e6) / ln(1.1::double precision)) END::smallint
$$;

-- The functions below read one project through the views, as whoever calls them. An empty list of values selects all.
-- They are planned anew for each call: with the days known only their partitions are planned for.

CREATE FUNCTION api.compute_run_stats(
    p_from timestamptz, p_before timestamptz, p_agent_ids text[] = '{}', p_agent_versions text[] = '{}',
    p_environments text[] = '{}'
) RETURNS SETOF api.run_stats_hourly
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
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

CREATE FUNCTION api.compute_step_stats(
    p_from timestamptz, p_before timestamptz, p_agent_ids text[] = '{}', p_agent_versions text[] = '{}',
    p_environments text[] = '{}'
) RETURNS SETOF api.step_stats_hourly
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET work_mem = '32MB' AS $$
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

CREATE FUNCTION api.compute_failure_stats(
    p_from timestamptz, p_before timestamptz, p_agent_ids text[] = '{}', p_agent_versions text[] = '{}',
    p_environments text[] = '{}'
) RETURNS SETOF api.failure_stats_hourly
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
-- So that successes are hashed: a run may have thousands of failures, and as many retries to look at for each.
SET enable_nestloop = off AS $$
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

-- Returns hours that are over and wait to be computed, latest first: those that nothing has changed for p_quiet, and
-- those that have waited for p_patience. Runs that started in an hour go on into the next one: without a pause an
-- hour would be computed again and again while they do.
CREATE FUNCTION maintain_dirty_hours(p_quiet interval, p_patience interval, p_limit integer)
RETURNS TABLE (project_id integer, hour timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.project_id, d.hour FROM stats_dirty d
    WHERE d.hour <= now() - interval '1 hour'
    GROUP BY d.project_id, d.hour
    HAVING max(d.mark_time) <= now() - p_quiet OR min(d.mark_time) <= now() - p_patience
    ORDER BY d.hour DESC, d.project_id LIMIT p_limit
$$;

-- Computes one hour anew. Returns whether it did: not where the hour has no mark, nor where another process is
-- computing.
--
-- Nothing is written until all is computed: a transaction that has written holds up every watch, and an hour may
-- take long.
CREATE FUNCTION maintain_roll_up(p_project_id integer, p_hour timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- Takes away marks between an hour's first and last, which say nothing that these two do not. Returns how many. Never
-- while an hour is computed: it would take away a mark that came during that, and leave one that goes with it.
CREATE FUNCTION maintain_trim_marks() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION duration_bucket, api.compute_run_stats, api.compute_step_stats, api.compute_failure_stats,
    maintain_dirty_hours, maintain_roll_up, maintain_trim_marks FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO agenttrace_query;
GRANT EXECUTE ON FUNCTION duration_bucket, api.compute_run_stats, api.compute_step_stats, api.compute_failure_stats
    TO agenttrace_query;
GRANT EXECUTE ON FUNCTION maintain_dirty_hours, maintain_roll_up, maintain_trim_marks TO agenttrace_maintain;
