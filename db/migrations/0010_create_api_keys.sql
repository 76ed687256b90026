-- Who may call, and what was done about that.
--
-- A key is kept as HMAC-SHA256 of its text under a pepper that the database never sees: whoever reads this table can
-- neither call with it nor test a guess. `pepper_id` tells which of two peppers, while one takes over from the other.

CREATE TABLE api_keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{12}$'),
    project_id integer NOT NULL REFERENCES projects,
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'),
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    pepper_id text NOT NULL CHECK (pepper_id ~ '^[0-9a-f]{8}$'),
    scopes text[] NOT NULL
        CHECK (cardinality(scopes) > 0 AND array_position(scopes, NULL) IS NULL
               AND scopes <@ ARRAY['ingest', 'query', 'admin']),
    create_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz CHECK (expire_time > create_time),
    revoke_time timestamptz
);

-- Tokens only: there is no place for telemetry, or for text.
CREATE TABLE audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time timestamptz NOT NULL DEFAULT now(),
    -- The operating system's user as the command told it, and the database's user, which it can not choose.
    actor text NOT NULL CHECK (actor ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$'),
    database_user text NOT NULL DEFAULT session_user,
    action text NOT NULL CHECK (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    object text NOT NULL CHECK (object ~ '^[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}$')
);

-- One key by its id: all that the services' roles learn of api_keys. Times by the database's clock, which all replicas
-- share: `expire_seconds` is what is left of the key, NULL where it does not expire.
CREATE FUNCTION find_api_key(p_key_id text) RETURNS TABLE (
    key_id text, project_id integer, secret_hash bytea, pepper_id text, scopes text[], expire_seconds double precision,
    is_revoked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.key_id, k.project_id, k.secret_hash, k.pepper_id, k.scopes,
           extract(epoch FROM k.expire_time - now())::double precision, k.revoke_time IS NOT NULL
    FROM api_keys k
    WHERE k.key_id = p_key_id
$$;

REVOKE ALL ON FUNCTION find_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key TO agenttrace_ingest, agenttrace_query;
