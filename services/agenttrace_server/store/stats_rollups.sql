-- Statistics from the hourly rollups. The rows stand under the names that the groupings of stats.sql use: r for the
-- runs, whose start_time is their hour, and s for the steps.

-- name: size
-- How much the tables would have to read, as far as that matters.
SELECT count(*) AS run_count, coalesce(sum(step_count), 0)::bigint AS step_count
FROM (SELECT step_count FROM api.runs WHERE {conditions} LIMIT %(most)s) runs

-- name: dirty_hours
SELECT DISTINCT hour FROM api.stats_dirty
WHERE hour >= %(hour_from)s AND hour < %(hour_before)s
ORDER BY hour LIMIT %(most)s

-- name: compute
-- What the rollups do not have, in their form, computed once for all the statements below.
SELECT coalesce(jsonb_agg(c), '[]') AS computed
FROM unnest(%(froms)s::timestamptz[], %(befores)s::timestamptz[]) AS span (start, stop)
CROSS JOIN LATERAL api.compute_{table}(
    span.start, span.stop, %(agent_ids)s, %(agent_versions)s, %(environments)s
) c

-- name: rows
SELECT hour AS start_time, * FROM api.{table}_hourly
WHERE hour >= %(hour_from)s AND hour < %(hour_before)s AND hour <> ALL (%(dirty)s) AND {conditions}
UNION ALL
SELECT hour AS start_time, * FROM jsonb_populate_recordset(NULL::api.{table}_hourly, %({table})s)

-- name: where_agent_ids
agent_id = ANY (%(agent_ids)s)

-- name: where_agent_versions
agent_version = ANY (%(agent_versions)s)

-- name: where_environments
environment = ANY (%(environments)s)

-- name: top
SELECT {key} AS key, coalesce({version}, '') AS agent_version
FROM ({run_stats}) r
GROUP BY 1, 2 ORDER BY sum(r.run_count) DESC, 1, 2 LIMIT %(groups)s

-- name: run_counts
SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
       sum(r.run_count)::bigint AS run_count,
       sum(r.running_count)::bigint AS running_count,
       sum(r.success_count)::bigint AS success_count,
       sum(r.failure_count)::bigint AS failure_count,
       sum(r.partial_count)::bigint AS partial_count,
       sum(r.cancelled_count)::bigint AS cancelled_count,
       sum(r.abandoned_count)::bigint AS abandoned_count,
       sum(r.run_count - r.running_count - r.abandoned_count)::bigint AS run_duration_count
FROM ({run_stats}) r
WHERE {in_group}
GROUP BY 1, 2, 3

-- name: step_counts
SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
       sum(r.step_count)::bigint AS step_count,
       sum(r.failed_step_count)::bigint AS failed_step_count,
       sum(r.retry_count)::bigint AS retry_count,
       least(sum(r.input_tokens), 9223372036854775807)::bigint AS input_tokens,
       least(sum(r.output_tokens), 9223372036854775807)::bigint AS output_tokens,
       least(sum(r.cache_read_tokens), 9223372036854775807)::bigint AS cache_read_tokens,
       least(sum(r.cache_write_tokens), 9223372036854775807)::bigint AS cache_write_tokens,
       least(sum(r.reasoning_tokens), 9223372036854775807)::bigint AS reasoning_tokens,
       least(sum(r.cost_micro_usd), 9223372036854775807)::bigint AS cost_micro_usd
FROM ({step_stats}) r CROSS JOIN LATERAL (SELECT r.type) s
WHERE {in_group}
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

-- name: run_durations
({run_stats}) r

-- name: step_durations
({step_stats}) r CROSS JOIN LATERAL (SELECT r.type) s

-- name: histograms
-- unnest() beside the columns rather than after FROM, where it would cost twice as much.
SELECT key, agent_version, bucket_start_time, array_agg(bucket ORDER BY bucket) AS buckets,
       array_agg(count ORDER BY bucket) AS counts
FROM (SELECT key, agent_version, bucket_start_time, bucket, sum(count)::bigint AS count
      FROM (SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
                   unnest(r.duration_buckets) AS bucket, unnest(r.duration_counts) AS count
            FROM {durations}
            WHERE {in_group}) cells
      GROUP BY 1, 2, 3, 4) merged
GROUP BY 1, 2, 3

-- name: recovered_counts
SELECT {key} AS key, {version} AS agent_version, {bucket} AS bucket_start_time,
       sum(r.recovered_failure_count)::bigint AS recovered_failure_count
FROM ({failure_stats}) r
WHERE {in_group}
GROUP BY 1, 2, 3

-- name: failure_counts
SELECT type, code, agent_id, agent_version, sum(failure_count)::bigint AS failure_count,
       sum(recovered_failure_count)::bigint AS recovered_failure_count, sum(run_count)::bigint AS run_count,
       min(first_occur_time) AS first_occur_time, max(last_occur_time) AS last_occur_time
FROM ({failure_stats}) r
GROUP BY 1, 2, 3, 4
ORDER BY failure_count DESC, 1, 2, 3, 4
LIMIT %(failures)s
