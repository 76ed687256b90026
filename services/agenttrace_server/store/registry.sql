-- name: find
SELECT is_enabled, kinds, names FROM find_registered_names(%(project_id)s)

-- name: set_mode
UPDATE projects SET registered_names_only = %(is_enabled)s WHERE name = %(project)s RETURNING project_id

-- name: project
SELECT project_id, registered_names_only FROM projects WHERE name = %(project)s

-- name: add
INSERT INTO registered_names (project_id, kind, name)
SELECT %(project_id)s, %(kind)s, unnest(%(names)s::text[])
ON CONFLICT DO NOTHING

-- name: remove
DELETE FROM registered_names WHERE project_id = %(project_id)s AND kind = %(kind)s AND name = ANY (%(names)s)

-- name: list
SELECT kind, name FROM registered_names
WHERE project_id = %(project_id)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY kind, name

-- name: learn
-- The names of what the project has stored, attributes' strings excepted: those are to be looked at by a person.
INSERT INTO registered_names (project_id, kind, name)
SELECT DISTINCT %(project_id)s::integer, found.kind, found.name
FROM (
    SELECT n.kind, n.name FROM agent_runs r,
    LATERAL (VALUES ('agent', r.agent_id), ('version', r.agent_version), ('environment', r.environment)) n (kind, name)
    WHERE r.project_id = %(project_id)s
    UNION
    SELECT 'tag', unnest(r.tags) FROM agent_runs r WHERE r.project_id = %(project_id)s
    UNION
    SELECT 'attribute', jsonb_object_keys(r.attributes) FROM agent_runs r WHERE r.project_id = %(project_id)s
    UNION
    SELECT n.kind, n.name FROM agent_steps s,
    LATERAL (VALUES ('step', s.name), ('provider', s.provider), ('model', s.request_model),
                    ('model', s.response_model), ('finish_reason', s.finish_reason), ('tool', s.tool_name),
                    ('source', s.retrieval_source)) n (kind, name)
    WHERE s.project_id = %(project_id)s
    UNION
    SELECT 'attribute', jsonb_object_keys(s.attributes) FROM agent_steps s WHERE s.project_id = %(project_id)s
    UNION
    SELECT n.kind, n.name FROM agent_failures f,
    LATERAL (VALUES ('code', f.code), ('exception', f.exception_type)) n (kind, name)
    WHERE f.project_id = %(project_id)s
) found
WHERE found.name IS NOT NULL
ON CONFLICT DO NOTHING
