-- name: by_ids
SELECT {columns} FROM api.runs WHERE run_id = ANY (%(run_ids)s) AND {conditions}
ORDER BY start_time DESC, run_id DESC
