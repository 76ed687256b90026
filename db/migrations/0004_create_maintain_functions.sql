-- What the maintain role may do: these functions and nothing else.

-- Creates the partitions of the given number of days from today (UTC) on, those that are missing.
-- Returns the names of the new ones. LIKE and ATTACH, because PARTITION OF would lock the parent against
-- running inserts.
CREATE FUNCTION maintain_create_partitions(p_days integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
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

-- Marks at most p_limit runs ABANDONED of which nothing was received for their lease. Returns how many.
CREATE FUNCTION maintain_abandon_runs(p_default_lease interval, p_limit integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- Forgets changes that no watch may ask for any more. Returns how many rows went.
CREATE FUNCTION maintain_trim_changes(p_keep interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM run_changes WHERE change_time < now() - p_keep RETURNING 1) SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION maintain_create_partitions, maintain_abandon_runs, maintain_trim_changes FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO agenttrace_maintain;
GRANT EXECUTE ON FUNCTION maintain_create_partitions, maintain_abandon_runs, maintain_trim_changes TO agenttrace_maintain;

SELECT maintain_create_partitions(8);
