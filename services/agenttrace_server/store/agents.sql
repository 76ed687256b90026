-- name: recent
SELECT project, agent_id FROM find_recent_agents(%(since)s, %(limit)s)

-- name: project_name
SELECT find_project_name(%(project_id)s)

-- name: measure
SELECT project, agent_id, in_progress_count, stalled_count, last_run_timestamp, oldest_open_seconds
FROM maintain_measure_agents(%(default_lease)s, %(since)s, %(limit)s)
