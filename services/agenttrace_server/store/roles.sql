-- name: create_roles
-- Roles belong to the whole server and outlive a database: hence no migration. Safe to run again.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['agenttrace_owner', 'agenttrace_ingest', 'agenttrace_query',
                                     'agenttrace_maintain', 'agenttrace_grafana'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I', role_name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another session was faster
        END;
        -- So that whoever runs this can act as the role: PostgreSQL 16 no longer implies it.
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        END IF;
    END LOOP;
    -- To detach and drop partitions one has to be the owner, and no function can detach concurrently. NOINHERIT: the
    -- maintain role has nothing of the owner's until it says SET ROLE, which it does around these statements alone.
    IF NOT pg_has_role('agenttrace_maintain', 'agenttrace_owner', 'MEMBER') THEN
        ALTER ROLE agenttrace_maintain NOINHERIT;
        GRANT agenttrace_owner TO agenttrace_maintain;
    END IF;
    -- Whoever sees a dashboard may send any SQL. These hold until a session says otherwise: against accidents.
    IF NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
                   WHERE r.rolname = 'agenttrace_grafana' AND s.setdatabase = 0) THEN
        ALTER ROLE agenttrace_grafana SET default_transaction_read_only = on;
        ALTER ROLE agenttrace_grafana SET statement_timeout = '15s';
        ALTER ROLE agenttrace_grafana SET idle_in_transaction_session_timeout = '30s';
        ALTER ROLE agenttrace_grafana SET jit = off;  -- compiling costs more than these queries run
        ALTER ROLE agenttrace_grafana CONNECTION LIMIT 30;
    END IF;
    EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO agenttrace_owner', current_database());
    EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database());
    GRANT USAGE, CREATE ON SCHEMA public TO agenttrace_owner;
END $$

-- name: role_exists
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'agenttrace_owner')

-- name: entries
SELECT rolname AS role, rolcanlogin AS can_login FROM pg_roles
WHERE rolname IN ('agenttrace_owner', 'agenttrace_ingest', 'agenttrace_query', 'agenttrace_maintain',
                  'agenttrace_grafana')
ORDER BY rolname
