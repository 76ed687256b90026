-- name: delete_runs
SELECT maintain_delete_runs(%(before)s, %(limit)s)

-- name: expired_partitions
SELECT parent, partition_name, state FROM maintain_expired_partitions(%(before)s)

-- name: lock
-- Of the session, for what follows can not be one transaction. Maintain never connects through a pooler.
SELECT pg_try_advisory_lock(hashtext('agenttrace.retention'))

-- name: unlock
SELECT pg_advisory_unlock(hashtext('agenttrace.retention'))

-- name: act_as_owner
-- The timeout: nobody may wait for long behind a statement that waits for a lock.
SET ROLE agenttrace_owner; SET lock_timeout = '2s'

-- name: act_as_before
RESET ROLE; RESET lock_timeout

-- name: detach
ALTER TABLE {parent} DETACH PARTITION {partition} CONCURRENTLY

-- name: finish_detaching
ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE

-- name: drop
DROP TABLE {partition}
