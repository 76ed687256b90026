-- name: run
SELECT {columns} FROM api.runs WHERE run_id = %(run_id)s::uuid

-- name: missing_steps
-- Steps that a stored item refers to and that are not stored.
SELECT step_id FROM (
    SELECT parent_step_id AS step_id FROM api.steps WHERE run_id = %(run_id)s AND day = %(day)s
    UNION SELECT retry_of_step_id FROM api.steps WHERE run_id = %(run_id)s AND day = %(day)s
    UNION SELECT step_id FROM api.failures WHERE run_id = %(run_id)s AND day = %(day)s
) referred
WHERE step_id IS NOT NULL
EXCEPT SELECT step_id FROM api.steps WHERE run_id = %(run_id)s AND day = %(day)s
ORDER BY step_id
LIMIT %(limit)s
