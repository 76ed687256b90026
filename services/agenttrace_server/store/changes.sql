-- name: bounds
-- Every transaction before the horizon has ended, so what it wrote is seen and nothing is added there.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid,
       extract(epoch FROM now())::bigint AS time,
       pg_is_in_recovery() AS is_standby

-- name: behind
SELECT xid::text::bigint AS xid, seq, extract(epoch FROM change_time)::bigint AS time, run_id FROM api.run_changes
WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s) AND xid < %(horizon)s::text::xid8
ORDER BY run_changes.xid, seq
LIMIT %(limit)s
