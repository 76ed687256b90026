-- name: entries
SELECT type, code, title, remedy FROM api.failure_codes ORDER BY type, code COLLATE "C"
