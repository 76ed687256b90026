-- name: create
INSERT INTO projects (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING RETURNING project_id, name, create_time

-- name: list
SELECT p.project_id, p.name, p.create_time,
       (SELECT count(*) FROM api_keys k WHERE k.project_id = p.project_id AND k.revoke_time IS NULL
        AND (k.expire_time IS NULL OR k.expire_time > now())) AS live_key_count
FROM projects p
ORDER BY p.name
