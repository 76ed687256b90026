-- name: dirty_hours
SELECT project_id, hour FROM maintain_dirty_hours(%(quiet)s, %(patience)s, %(limit)s)

-- name: patiently
-- An hour of many millions of steps takes longer than any call may.
SELECT set_config('statement_timeout', '600s', true)

-- name: roll_up
SELECT maintain_roll_up(%(project_id)s, %(hour)s)

-- name: trim_marks
SELECT maintain_trim_marks()
