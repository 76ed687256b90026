-- What was erased stays erased: a tombstone remains, so that a spool that is sent late does not bring it back.
--
-- A tombstone is HMAC-SHA256 of what was erased (a run's id, a session's or a user key) under a key that the database
-- never sees: whoever reads this table learns no id and can not test a guess. Tombstones are per project. `key_id`
-- tells which of two keys, while one takes over from the other.

CREATE TABLE erasures (
    project_id integer NOT NULL,
    tombstone bytea NOT NULL CHECK (octet_length(tombstone) = 32),
    key_id text NOT NULL CHECK (key_id ~ '^[0-9a-f]{8}$'),
    erasure_id uuid NOT NULL,
    erase_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, tombstone)
);

-- Under which keys a project has tombstones. No row: it has none, and a batch need not compare anything. That is all
-- that a batch of a project without erasures pays.
CREATE TABLE erasure_keys (
    project_id integer NOT NULL,
    key_id text NOT NULL,
    PRIMARY KEY (project_id, key_id)
);

-- Runs name the run that called them: those have to forget an erased one.
CREATE INDEX agent_runs_by_parent ON agent_runs (project_id, parent_run_id) WHERE parent_run_id IS NOT NULL;

-- Deletes runs with everything of theirs, and lets their children forget them. Returns how many rows went.
--
-- Locks the runs and their children in the order of run_id, as ingest_runs() does. What is being written to one of them
-- is waited for, and deleted with it. Those that come later find no run, make a new one, and find its tombstone.
CREATE FUNCTION erase_runs(p_project_id integer, p_run_ids uuid[])
RETURNS TABLE (run_count bigint, step_count bigint, failure_count bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
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

-- A mark of a batch that a tombstone was found for: which row of the batch, and by which of its fields.
CREATE TYPE erasure_hit AS (
    place integer,
    run_id uuid,
    field text,
    -- Whether the run goes with this batch: it is new, or what it belongs to was not known.
    is_late boolean,
    erasure_id uuid
);

-- Part of ingest_runs(), whose rows it is given, once these are inserted or locked. Returns the runs of the batch that
-- are erased, each with the field that told it; and the places of rows whose parent_run_id is to be left out.
--
-- The marks are what the rows would have as tombstones: mark_field tells of which field, mark_key under which key.
-- Raises AT001 where the project has tombstones under keys that the caller did not mark with.
--
-- A run that belongs to an erased session or user is erased itself, with what was stored of it before that was known,
-- and gets a tombstone of its own: its steps do not tell whose they are.
CREATE FUNCTION ingest_refuse_erased(
    p_project_id integer, p_run_id uuid[], p_new_runs uuid[], p_session_id text[], p_user_key text[],
    p_erasure_keys text[], p_mark_place integer[], p_mark_field text[], p_mark_key text[], p_mark bytea[]
) RETURNS TABLE (place integer, run_id uuid, field text)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
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

-- Forgets tombstones that nothing can come back for any more. Returns how many.
CREATE FUNCTION maintain_trim_erasures(p_keep interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
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

REVOKE ALL ON FUNCTION erase_runs, ingest_refuse_erased, maintain_trim_erasures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION maintain_trim_erasures TO agenttrace_maintain;
