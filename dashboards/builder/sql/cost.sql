-- name: cost
SELECT period.ends AS "time", coalesce(sum(r.cost_usd), 0) AS "Cost" FROM @two_periods

-- name: input_tokens
SELECT period.ends AS "time", coalesce(sum(r.input_tokens), 0)::float8 AS "Input tokens" FROM @two_periods

-- name: output_tokens
SELECT period.ends AS "time", coalesce(sum(r.output_tokens), 0)::float8 AS "Output tokens" FROM @two_periods

-- name: cost_per_run
SELECT period.ends AS "time", avg(r.cost_usd) AS "Cost per run" FROM @two_periods

-- name: cost_per_success
SELECT period.ends AS "time", sum(r.cost_usd) / nullif(count(*) FILTER (WHERE r.status = 'SUCCESS'), 0)::float8
           AS "Cost per successful run"
FROM @two_periods

-- name: wasted
SELECT period.ends AS "time", coalesce(sum(r.cost_usd) FILTER (WHERE r.failed = 1), 0) AS "Cost of failed runs"
FROM @two_periods

-- name: wasted_share
SELECT sum(r.cost_usd) FILTER (WHERE r.failed = 1) / nullif(sum(r.cost_usd), 0) AS "Share" FROM @runs_in_range

-- name: month
SELECT sum(r.cost_usd) * 30 * 86400
           / extract(epoch FROM $__timeTo()::timestamptz - $__timeFrom()::timestamptz)::float8 AS "30 days"
FROM @runs_in_range

-- name: cached_share
SELECT sum(r.cache_read_tokens)::float8 / nullif(sum(r.input_tokens), 0)::float8 AS "Cached" FROM @runs_in_range

-- name: p95_tokens
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY (r.input_tokens + r.output_tokens)::float8) AS "p95"
FROM @runs_in_range AND r.input_tokens + r.output_tokens > 0

-- name: by_model_over_time
SELECT $__timeGroupAlias(s.start_time,$__interval,0), coalesce(s.model, '(none)') AS metric, sum(s.cost_usd) AS "cost"
FROM @steps_in_range AND s.cost_usd > 0
GROUP BY 1, 2 ORDER BY 1

-- name: tokens_by_model
SELECT s.model AS model, sum(s.input_tokens)::float8 AS "Input", sum(s.output_tokens)::float8 AS "Output"
FROM @steps_in_range AND s.model IS NOT NULL
GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 20

-- name: by_agent
SELECT coalesce(r.agent_id, '(unknown)') AS agent, sum(r.cost_usd) AS "Cost"
FROM @runs_in_range AND r.cost_usd > 0
GROUP BY 1 ORDER BY 2 DESC LIMIT 20

-- name: agent_and_model
SELECT coalesce(r.agent_id, '(unknown)') AS agent, s.model, count(*)::float8 AS calls,
       sum(s.input_tokens)::float8 AS input_tokens, sum(s.output_tokens)::float8 AS output_tokens,
       sum(s.cost_usd) AS cost, avg(s.cost_usd) AS cost_per_call
FROM @steps_in_range AND s.model IS NOT NULL
GROUP BY 1, 2 ORDER BY sum(s.cost_usd) DESC NULLS LAST LIMIT 100

-- name: context_growth
-- Of the newest 2,000 runs: how many tokens the n-th model call of a run is given.
SELECT lpad(c.call::text, 2, '0') AS call, avg(c.input_tokens)::float8 AS "Input tokens" FROM (
    SELECT s.input_tokens, row_number() OVER (PARTITION BY s.run_id ORDER BY s.sequence, s.start_time) AS call
    FROM (SELECT r.project_id, r.run_id, r.day FROM @runs_in_range
          ORDER BY r.start_time DESC, r.run_id DESC LIMIT 2000) r
    CROSS JOIN LATERAL (
        SELECT s.* FROM grafana.v_steps s
        WHERE s.project_id = r.project_id AND s.run_id = r.run_id AND s.day = r.day AND s.input_tokens > 0
            AND s.day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date - 1
        OFFSET 0
    ) s
) c
WHERE c.call <= 30
GROUP BY 1 ORDER BY 1

-- name: costliest
SELECT r.run_id::text AS run_id, r.agent_id AS agent, r.status, r.cost_usd, r.input_tokens::float8 AS input_tokens,
       r.output_tokens::float8 AS output_tokens, r.step_count::float8 AS steps, r.start_time, @run_range
FROM @runs_in_range AND r.cost_usd > 0
ORDER BY r.cost_usd DESC LIMIT 20

-- name: unpriced
SELECT s.model, count(*)::float8 AS calls, sum(s.input_tokens + coalesce(s.output_tokens, 0))::float8 AS tokens,
       max(s.start_time) AS last_call
FROM @steps_in_range AND s.model IS NOT NULL AND s.input_tokens > 0 AND s.cost_usd IS NULL
GROUP BY 1 ORDER BY 3 DESC LIMIT 50
