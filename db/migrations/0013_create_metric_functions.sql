-- What the metrics need to know: which runs a batch ended, whose runs were abandoned, which agents there are.

-- When a run was first marked ABANDONED, and so counted as ended; it stays when the run goes on.
ALTER TABLE agent_runs ADD COLUMN abandon_time timestamptz;
UPDATE agent_runs SET abandon_time = now() WHERE status = 'ABANDONED';

DROP FUNCTION ingest_runs;

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
-- ('ACCEPTED', 'DUPLICATE', or a reason with its field) and in first_end whether it ended the run for the first time:
-- true, with the seconds from the run's start where that was told; false, where the run counts as ended already and has
-- another status now; null, where neither. A run that was ABANDONED once counts as ended. Of an erased run it returns a row without ordinal, its verdict 'ERASED' with the field that told it; nothing of it is stored.
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
    first_end boolean, run_seconds double precision)
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

-- Marks at most p_limit runs ABANDONED of which nothing was received for their lease. Returns whose they are, how many,
-- and how many of them for the first time.
DROP FUNCTION maintain_abandon_runs;
CREATE FUNCTION maintain_abandon_runs(p_default_lease interval, p_limit integer)
RETURNS TABLE (project text, agent_id text, run_count bigint, first_count bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- The agents that started a run in the time given, and when their latest started; at most p_limit of each project.
-- One look into the index for each agent, however many runs it has.
CREATE FUNCTION latest_runs_of_agents(p_since interval, p_limit integer)
RETURNS TABLE (project_id integer, agent_id text, start_time timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
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

-- What the ingest service learns to begin its metrics with: which agents there were of late, the latest first. It is
-- told no more of them than their names, and may ask for nothing else of a run.
CREATE FUNCTION find_recent_agents(p_since interval, p_limit integer) RETURNS TABLE (project text, agent_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.name, l.agent_id FROM latest_runs_of_agents(p_since, p_limit) l JOIN projects p USING (project_id)
    ORDER BY l.start_time DESC LIMIT p_limit
$$;

CREATE FUNCTION find_project_name(p_project_id integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT name FROM projects WHERE project_id = p_project_id
$$;

-- What agents are at: those with a run in the time given, and those with an open one; '' where the agent of a run is
-- not known. Stalled: nothing was received for more than half of the lease.
CREATE FUNCTION maintain_measure_agents(p_default_lease interval, p_since interval, p_limit integer)
RETURNS TABLE (project text, agent_id text, in_progress_count bigint, stalled_count bigint,
               last_run_timestamp double precision, oldest_open_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION ingest_runs, maintain_abandon_runs, latest_runs_of_agents, find_recent_agents, find_project_name,
    maintain_measure_agents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ingest_runs, find_recent_agents, find_project_name TO agenttrace_ingest;
GRANT EXECUTE ON FUNCTION maintain_abandon_runs, maintain_measure_agents TO agenttrace_maintain;
