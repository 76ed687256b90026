-- Registry mode: a project may accept registered names only.
--
-- A token may be a word that somebody said, and nothing tells it from a name but a list of names. `code` needs no
-- entries for the codes of the catalogue, which the operator keeps anyway.

ALTER TABLE projects ADD COLUMN registered_names_only boolean NOT NULL DEFAULT false;

CREATE TABLE registered_names (
    project_id integer NOT NULL REFERENCES projects,
    kind text NOT NULL
        CHECK (kind IN ('agent', 'step', 'tool', 'model', 'version', 'environment', 'provider', 'source',
                        'finish_reason', 'code', 'exception', 'tag', 'attribute', 'value')),
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'),
    PRIMARY KEY (project_id, kind, name)
);

-- What the ingest role learns: whether a project is in registry mode, and then its names; nothing else of either table.
CREATE FUNCTION find_registered_names(p_project_id integer)
RETURNS TABLE (is_enabled boolean, kinds text[], names text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.registered_names_only, coalesce(array_agg(n.kind), '{}'), coalesce(array_agg(n.name), '{}')
    FROM projects p
    LEFT JOIN LATERAL (
        SELECT r.kind, r.name FROM registered_names r WHERE r.project_id = p.project_id
        UNION
        SELECT 'code', c.code FROM failure_codes c
    ) n ON p.registered_names_only
    WHERE p.project_id = p_project_id
    GROUP BY p.project_id
$$;

REVOKE ALL ON FUNCTION find_registered_names FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_registered_names TO agenttrace_ingest;
