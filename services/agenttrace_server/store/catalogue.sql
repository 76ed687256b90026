-- name: entries
SELECT type, code, title, remedy FROM api.failure_codes ORDER BY type, code COLLATE "C"

-- name: all
SELECT type, code, title, remedy FROM failure_codes ORDER BY type, code COLLATE "C"

-- name: write
-- Of one snapshot: what is written is not seen by the statements beside it.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(entries)s) g (type text, code text, title text, remedy text)
), removed AS (
    DELETE FROM failure_codes k
    WHERE %(replace)s AND NOT EXISTS (SELECT FROM given g WHERE g.type = k.type AND g.code = k.code)
    RETURNING 1
), changed AS (
    UPDATE failure_codes k SET title = g.title, remedy = g.remedy FROM given g
    WHERE g.type = k.type AND g.code = k.code AND (k.title, k.remedy) <> (g.title, g.remedy)
    RETURNING 1
), added AS (
    INSERT INTO failure_codes (type, code, title, remedy) SELECT type, code, title, remedy FROM given
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM changed) AS changed,
       (SELECT count(*) FROM removed) AS removed
