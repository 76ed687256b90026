-- Counters of a run are moved by one statement trigger on each partitioned parent. It sees only rows
-- really inserted, whichever way they came, so counters equal the rows by construction.
--
-- SECURITY DEFINER, because the role that inserts may not touch agent_runs.
--
-- Runs are found one key at a time (a LATERAL with LIMIT leaves no other plan) and changed in their place: planned
-- before the table has statistics, a join would read it whole. Their rows are locked by ingest_runs().

CREATE FUNCTION count_inserted_steps() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET jit = off AS $$
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
CREATE TRIGGER count_inserted_steps AFTER INSERT ON agent_steps
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_steps();

CREATE FUNCTION count_inserted_failures() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET jit = off AS $$
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
CREATE TRIGGER count_inserted_failures AFTER INSERT ON agent_failures
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_failures();
