-- Hourly statistics, computed by the maintain process, so that statistics over long ranges stay fast.
--
-- Everything counts to the hour in which its run started. Runs, steps and failures have a table each, with the same
-- key: a group of runs. A histogram is two arrays: buckets, as of duration_bucket(), and how many fell into each.
-- As a row for each bucket the same takes three times the space where a group has ten steps an hour, and more where
-- it has more.

CREATE TABLE run_stats_hourly (
    project_id integer NOT NULL,
    hour timestamptz NOT NULL CHECK (hour = date_bin('1 hour', hour, '1970-01-01T00:00:00Z')),
    agent_id text NOT NULL,       -- empty: not told
    agent_version text NOT NULL,  -- empty: not told
    environment text NOT NULL,
    run_count bigint NOT NULL,
    running_count bigint NOT NULL,
    success_count bigint NOT NULL,
    failure_count bigint NOT NULL,
    partial_count bigint NOT NULL,
    cancelled_count bigint NOT NULL,
    abandoned_count bigint NOT NULL,
    duration_buckets smallint[] NOT NULL,
    duration_counts bigint[] NOT NULL CHECK (cardinality(duration_counts) = cardinality(duration_buckets)),
    PRIMARY KEY (project_id, hour, agent_id, agent_version, environment)
);

CREATE TABLE step_stats_hourly (
    project_id integer NOT NULL,
    hour timestamptz NOT NULL,
    agent_id text NOT NULL,
    agent_version text NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    step_count bigint NOT NULL,
    failed_step_count bigint NOT NULL,
    retry_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    duration_buckets smallint[] NOT NULL,
    duration_counts bigint[] NOT NULL CHECK (cardinality(duration_counts) = cardinality(duration_buckets)),
    PRIMARY KEY (project_id, hour, agent_id, agent_version, environment, type)
);

CREATE TABLE failure_stats_hourly (
    project_id integer NOT NULL,
    hour timestamptz NOT NULL,
    agent_id text NOT NULL,
    agent_version text NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    code text NOT NULL,
    failure_count bigint NOT NULL,
    recovered_failure_count bigint NOT NULL,
    run_count bigint NOT NULL,
    first_occur_time timestamptz NOT NULL,
    last_occur_time timestamptz NOT NULL,
    PRIMARY KEY (project_id, hour, agent_id, agent_version, environment, type, code)
);

-- Hours whose statistics are not those of the tables. Whoever changes a run marks its hour in the same transaction,
-- and who computes an hour takes away the marks that were there before it began: so an hour without a mark is exact,
-- and one without a mark and without statistics is empty. Insert-only: a unique key would make writers wait for each
-- other.
CREATE TABLE stats_dirty (
    mark_id bigint GENERATED ALWAYS AS IDENTITY,
    project_id integer NOT NULL,
    hour timestamptz NOT NULL,
    mark_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stats_dirty_by_hour ON stats_dirty (project_id, hour);

-- What is stored already.
INSERT INTO stats_dirty (project_id, hour)
SELECT DISTINCT project_id, date_bin('1 hour', start_time, '1970-01-01T00:00:00Z') FROM agent_runs;

-- Every batch says in run_changes which runs it touches, after it has locked them.
CREATE FUNCTION mark_hours_of_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- Run by run, by key: planned while the table is small, anything else would be a scan when it is not.
SET enable_seqscan = off AS $$
DECLARE
    missing bigint;
BEGIN
    WITH changed AS MATERIALIZED (
        SELECT i.project_id, date_bin('1 hour', r.start_time, '1970-01-01T00:00:00Z') AS hour
        FROM inserted i
        LEFT JOIN LATERAL (SELECT a.start_time FROM agent_runs a
                           WHERE a.project_id = i.project_id AND a.run_id = i.run_id LIMIT 1) r ON true
    ), marked AS (
        INSERT INTO stats_dirty (project_id, hour) SELECT DISTINCT project_id, hour FROM changed WHERE hour IS NOT NULL
    )
    SELECT count(*) INTO missing FROM changed WHERE hour IS NULL;
    IF missing > 0 THEN
        -- Deleted by the retention between being looked up and being locked. Tried again, it is a new run.
        RAISE EXCEPTION 'a run was deleted meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER mark_hours_of_changes AFTER INSERT ON run_changes
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION mark_hours_of_changes();

-- A run whose start moves leaves an hour that its change no longer tells of.
CREATE FUNCTION mark_left_hour() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stats_dirty (project_id, hour)
    VALUES (OLD.project_id, date_bin('1 hour', OLD.start_time, '1970-01-01T00:00:00Z'));
    RETURN NULL;
END $$;
-- By row, for only few rows pass the condition; with transition tables every update of a counter would pay.
CREATE TRIGGER mark_left_hour AFTER UPDATE OF start_time ON agent_runs FOR EACH ROW
    WHEN (date_bin('1 hour', OLD.start_time, '1970-01-01T00:00:00Z')
          <> date_bin('1 hour', NEW.start_time, '1970-01-01T00:00:00Z'))
    EXECUTE FUNCTION mark_left_hour();

CREATE FUNCTION mark_hours_of_deleted_runs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stats_dirty (project_id, hour)
    SELECT DISTINCT project_id, date_bin('1 hour', start_time, '1970-01-01T00:00:00Z') FROM deleted;
    RETURN NULL;
END $$;
CREATE TRIGGER mark_hours_of_deleted_runs AFTER DELETE ON agent_runs
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION mark_hours_of_deleted_runs();

CREATE VIEW api.run_stats_hourly AS
    SELECT hour, agent_id, agent_version, environment, run_count, running_count, success_count, failure_count,
           partial_count, cancelled_count, abandoned_count, duration_buckets, duration_counts
    FROM run_stats_hourly
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

CREATE VIEW api.step_stats_hourly AS
    SELECT hour, agent_id, agent_version, environment, type, step_count, failed_step_count, retry_count, input_tokens,
           output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_micro_usd, duration_buckets,
           duration_counts
    FROM step_stats_hourly
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

CREATE VIEW api.failure_stats_hourly AS
    SELECT hour, agent_id, agent_version, environment, type, code, failure_count, recovered_failure_count, run_count,
           first_occur_time, last_occur_time
    FROM failure_stats_hourly
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

CREATE VIEW api.stats_dirty AS
    SELECT hour FROM stats_dirty
    WHERE project_id = nullif(current_setting('agenttrace.project_id', true), '')::integer;

REVOKE ALL ON FUNCTION mark_hours_of_changes, mark_left_hour, mark_hours_of_deleted_runs FROM PUBLIC;
GRANT SELECT ON api.run_stats_hourly, api.step_stats_hourly, api.failure_stats_hourly, api.stats_dirty
    TO agenttrace_query;
