-- name: bytes
SELECT sum(t.table_bytes + t.index_bytes) AS "Bytes" FROM grafana.v_tables t

-- name: oldest_day
SELECT coalesce((now() AT TIME ZONE 'UTC')::date - min(t.day), 0)::float8 AS "Days" FROM grafana.v_tables t
WHERE t.day <= (now() AT TIME ZONE 'UTC')::date

-- name: days_ahead
SELECT (max(t.day) - (now() AT TIME ZONE 'UTC')::date)::float8 AS "Days" FROM grafana.v_tables t

-- name: stale_hours
SELECT count(*)::float8 AS "Hours" FROM grafana.v_stale_hours h
WHERE h.hour < date_trunc('hour', now()) AND h.since < now() - interval '10 minutes'

-- name: open_runs
SELECT count(*)::float8 AS "Runs" FROM @runs_in_range AND r.status = 'RUNNING'
    AND coalesce(r.heartbeat_time, r.update_time) < now() - interval '1 hour'

-- name: incomplete_runs
SELECT count(*)::float8 AS "Runs" FROM @runs_in_range AND r.step_count < r.expected_step_count

-- name: orphans
SELECT count(*)::float8 AS "Runs" FROM grafana.v_runs r
WHERE r.project_id = @project AND $__timeFilter(r.start_time) AND r.is_stub

-- name: late_runs
SELECT count(*)::float8 AS "Runs" FROM @runs_in_range AND r.create_time - r.start_time > interval '1 hour'

-- name: tables
SELECT t.table_name, count(t.day)::float8 AS partitions, sum(t.estimated_rows) AS rows, sum(t.table_bytes) AS table_bytes,
       sum(t.index_bytes) AS index_bytes, sum(t.dead_rows) AS dead_rows,
       sum(t.dead_rows) / nullif(sum(t.live_rows + t.dead_rows), 0) AS dead_share,
       max(t.last_vacuum_time) AS last_vacuum
FROM grafana.v_tables t
GROUP BY 1 ORDER BY sum(t.table_bytes + t.index_bytes) DESC

-- name: partitions
SELECT t.relation, t.day::text AS day, t.estimated_rows AS rows, t.table_bytes + t.index_bytes AS bytes
FROM grafana.v_tables t WHERE t.day IS NOT NULL
ORDER BY t.day DESC, t.relation LIMIT 400

-- name: rows_per_day
SELECT $__timeGroupAlias(h.hour,'1d',0), sum(h.step_count)::float8 AS "steps"
FROM grafana.v_step_stats_hourly h
WHERE h.project_id = @project AND $__timeFilter(h.hour)
GROUP BY 1 ORDER BY 1

-- name: indexes
SELECT i.table_name, i.index_name, i.bytes, i.scans FROM grafana.v_indexes i
ORDER BY i.scans, i.bytes DESC LIMIT 100

-- name: delays
SELECT $__timeGroupAlias(r.start_time,$__interval,NULL),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.create_time - r.start_time)::float8) AS "p50",
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM r.create_time - r.start_time)::float8) AS "p95"
FROM @runs_in_range
GROUP BY 1 ORDER BY 1

-- name: codes_without_text
SELECT r.type, r.code, count(*)::float8 AS failures, max(r.occur_time) AS last_seen FROM grafana.v_failures r
WHERE r.project_id = @project AND $__timeFilter(r.occur_time)
    AND r.day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1 AND r.title IS NULL AND @of_agents
GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 50
