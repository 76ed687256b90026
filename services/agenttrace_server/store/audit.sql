-- name: record
INSERT INTO audit_log (actor, action, object) VALUES (%(actor)s, %(action)s, %(object)s)

-- name: list
SELECT time, actor, database_user, action, object FROM audit_log ORDER BY audit_id DESC LIMIT %(limit)s
