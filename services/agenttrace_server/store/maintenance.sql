-- name: create_partitions
SELECT maintain_create_partitions(%(days)s)

-- name: abandon_runs
SELECT project, agent_id, run_count, first_count FROM maintain_abandon_runs(%(default_lease)s, %(limit)s)

-- name: trim_changes
SELECT maintain_trim_changes(%(keep)s)

-- name: trim_erasures
SELECT maintain_trim_erasures(%(keep)s)
