-- What is left of the retention once partitions can be dropped: runs in batches, and which partitions may go.

-- The retention finds runs by their day. Not BRIN, which is smaller: places that deletion frees are filled with new
-- runs, and once every range of pages has had an old run and a new one it leaves out nothing.
CREATE INDEX agent_runs_by_day ON agent_runs (day);

-- Deletes at most p_limit runs of days before p_before; their steps go with the day's partition. Returns how many.
-- Runs that are being written to are left for another time.
CREATE FUNCTION maintain_delete_runs(p_before date, p_limit integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM agent_runs WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM agent_runs WHERE day < p_before ORDER BY day LIMIT p_limit FOR UPDATE SKIP LOCKED))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Returns the partitions of days before p_before that have no run any more, with how far their removal has come:
-- 'ATTACHED', 'PENDING' (a detachment was interrupted) or 'DETACHED'. Interrupted ones first, for no other partition
-- of the same table can be detached before them.
CREATE FUNCTION maintain_expired_partitions(p_before date)
RETURNS TABLE (parent text, partition_name text, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
$$;

REVOKE ALL ON FUNCTION maintain_delete_runs, maintain_expired_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION maintain_delete_runs, maintain_expired_partitions TO agenttrace_maintain;
