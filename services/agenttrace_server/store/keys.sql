-- name: find
SELECT key_id, project_id, secret_hash, pepper_id, scopes, expire_seconds, is_revoked FROM find_api_key(%(key_id)s)

-- name: create
INSERT INTO api_keys (key_id, project_id, name, secret_hash, pepper_id, scopes, expire_time)
SELECT %(key_id)s, project_id, %(name)s, %(secret_hash)s, %(pepper_id)s, %(scopes)s,
       now() + make_interval(secs => %(expire_seconds)s::double precision)
FROM projects WHERE name = %(project)s

-- name: list
SELECT k.key_id, p.name AS project, k.name, k.scopes, k.pepper_id, k.create_time, k.expire_time, k.revoke_time,
       CASE WHEN k.revoke_time IS NOT NULL THEN 'revoked' WHEN k.expire_time <= now() THEN 'expired' ELSE 'live' END
           AS state
FROM api_keys k JOIN projects p USING (project_id)
WHERE (%(project)s::text IS NULL OR p.name = %(project)s) AND (%(key_id)s::text IS NULL OR k.key_id = %(key_id)s)
ORDER BY p.name, k.create_time, k.key_id

-- name: revoke
UPDATE api_keys SET revoke_time = now() WHERE key_id = %(key_id)s AND revoke_time IS NULL

-- name: live_peppers
SELECT DISTINCT pepper_id FROM api_keys WHERE revoke_time IS NULL AND (expire_time IS NULL OR expire_time > now())
