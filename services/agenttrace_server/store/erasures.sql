-- name: project
SELECT project_id FROM projects WHERE name = %(project)s

-- name: live_keys
SELECT key_id FROM erasure_keys

-- name: add_tombstones
-- What is erased again starts its time anew.
INSERT INTO erasures (project_id, tombstone, key_id, erasure_id)
SELECT %(project_id)s, t, %(key_id)s, %(erasure_id)s FROM unnest(%(tombstones)s::bytea[]) t ORDER BY t
ON CONFLICT (project_id, tombstone) DO UPDATE SET erase_time = now(), erasure_id = excluded.erasure_id
RETURNING erase_time

-- name: add_key
INSERT INTO erasure_keys (project_id, key_id) VALUES (%(project_id)s, %(key_id)s) ON CONFLICT DO NOTHING

-- name: writers
-- Who may have looked for tombstones before ours was there: ingest_runs() looks while it holds this lock, and holds it
-- until the end of its transaction.
SELECT DISTINCT l.virtualtransaction FROM pg_locks l
WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'RowExclusiveLock'
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.relation = 'agent_runs'::regclass

-- name: runs_run_id
SELECT run_id, step_count + failure_count FROM agent_runs
WHERE project_id = %(project_id)s AND run_id = %(value)s::uuid AND run_id > %(after)s::uuid
ORDER BY run_id LIMIT %(limit)s

-- name: runs_session_id
SELECT run_id, step_count + failure_count FROM agent_runs
WHERE project_id = %(project_id)s AND session_id = %(value)s AND run_id > %(after)s::uuid
ORDER BY run_id LIMIT %(limit)s

-- name: runs_user_key
-- Without an index: each would cost every run that is stored, and this is asked seldom. One pass over the project.
SELECT run_id, step_count + failure_count FROM agent_runs
WHERE project_id = %(project_id)s AND user_key = %(value)s AND run_id > %(after)s::uuid
ORDER BY run_id LIMIT %(limit)s

-- name: erase_runs
SELECT run_count, step_count, failure_count FROM erase_runs(%(project_id)s, %(run_ids)s::uuid[])
