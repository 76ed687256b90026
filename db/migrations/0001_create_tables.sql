-- Runs, steps and failures, and what stands beside them. Column names are the contract's field names.
--
-- Invariants are constraints, states are text with CHECK (a value can be added in one transaction; an
-- ENUM's can not be removed). There are no foreign keys between telemetry tables: items arrive in any
-- order, and a key costs a row trigger for every insert.

CREATE TABLE projects (
    project_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    create_time timestamptz NOT NULL DEFAULT now()
);
INSERT INTO projects (name) VALUES ('default');

-- `day` is the date (UTC) on which the server first saw the run. Steps and failures carry their run's
-- day, so that a run lives in one partition, its keys are exact whatever times and kinds of UUID a client
-- sends, and retention drops whole runs.
CREATE TABLE agent_runs (
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    day date NOT NULL,
    -- True while no start_time was told: start_time is then the earliest time of anything received.
    is_stub boolean NOT NULL,
    agent_id text CHECK (agent_id <> ''),
    agent_version text CHECK (agent_version <> ''),
    environment text CHECK (environment <> ''),
    status text NOT NULL
        CHECK (status IN ('RUNNING', 'SUCCESS', 'FAILURE', 'PARTIAL', 'CANCELLED', 'ABANDONED')),
    start_time timestamptz NOT NULL,
    end_time timestamptz,
    heartbeat_time timestamptz,
    lease_duration interval,
    session_id text CHECK (session_id <> ''),
    user_key text CHECK (user_key ~ '^[0-9a-f]{64}$'),
    parent_run_id uuid,
    tags text[] NOT NULL DEFAULT '{}',
    attributes jsonb NOT NULL DEFAULT '{}',
    expected_step_count integer CHECK (expected_step_count >= 0),
    step_count integer NOT NULL DEFAULT 0,
    failed_step_count integer NOT NULL DEFAULT 0,
    retry_count integer NOT NULL DEFAULT 0,
    failure_count integer NOT NULL DEFAULT 0,
    failure_types text[] NOT NULL DEFAULT '{}',
    failure_codes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(failure_codes) <= 8),
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cache_read_tokens bigint NOT NULL DEFAULT 0,
    cache_write_tokens bigint NOT NULL DEFAULT 0,
    reasoning_tokens bigint NOT NULL DEFAULT 0,
    cost_micro_usd bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, run_id),
    CHECK (end_time >= start_time),
    CHECK ((end_time IS NULL) = (status IN ('RUNNING', 'ABANDONED')))
) WITH (fillfactor = 70);  -- room beside each row: its counters change in place (HOT)

-- One index for each filter of ListRuns that must be fast; all end with the listing's order. No column
-- that counters or heartbeats change is indexed, or the updates would no longer be HOT.
CREATE INDEX agent_runs_by_start ON agent_runs (project_id, start_time DESC, run_id DESC);
CREATE INDEX agent_runs_by_agent ON agent_runs (project_id, agent_id, start_time DESC, run_id DESC);
CREATE INDEX agent_runs_by_status ON agent_runs (project_id, status, start_time DESC, run_id DESC);
CREATE INDEX agent_runs_by_environment
    ON agent_runs (project_id, (coalesce(environment, 'production')), start_time DESC, run_id DESC);
CREATE INDEX agent_runs_by_session ON agent_runs (project_id, session_id, start_time DESC, run_id DESC)
    WHERE session_id IS NOT NULL;
-- failure_types changes only with a run's first failure of a type: cheap enough to be in predicates.
CREATE INDEX agent_runs_failed_tool ON agent_runs (project_id, start_time DESC, run_id DESC)
    WHERE 'TOOL' = ANY (failure_types);
CREATE INDEX agent_runs_failed_model ON agent_runs (project_id, start_time DESC, run_id DESC)
    WHERE 'MODEL' = ANY (failure_types);
CREATE INDEX agent_runs_failed_retrieval ON agent_runs (project_id, start_time DESC, run_id DESC)
    WHERE 'RETRIEVAL' = ANY (failure_types);
CREATE INDEX agent_runs_failed_orchestration ON agent_runs (project_id, start_time DESC, run_id DESC)
    WHERE 'ORCHESTRATION' = ANY (failure_types);

-- The primary key is the only index: a run's steps are one range of one partition's key, and listings
-- across runs go run by run.
CREATE TABLE agent_steps (
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    step_id uuid NOT NULL,
    day date NOT NULL,
    parent_step_id uuid,
    sequence integer NOT NULL CHECK (sequence >= 0),
    type text NOT NULL
        CHECK (type IN ('PLAN', 'RETRIEVE', 'TOOL', 'MODEL', 'RESPOND', 'HANDOFF', 'GUARDRAIL', 'OTHER')),
    name text NOT NULL CHECK (name <> ''),
    status text NOT NULL CHECK (status IN ('OK', 'ERROR')),
    attempt integer NOT NULL CHECK (attempt >= 1),
    retry_of_step_id uuid,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    provider text,
    request_model text,
    response_model text,
    input_tokens bigint CHECK (input_tokens >= 0),
    output_tokens bigint CHECK (output_tokens >= 0),
    cache_read_tokens bigint CHECK (cache_read_tokens >= 0),
    cache_write_tokens bigint CHECK (cache_write_tokens >= 0),
    reasoning_tokens bigint CHECK (reasoning_tokens >= 0),
    input_token_semantics text CHECK (input_token_semantics IN ('INCLUDES_CACHED', 'EXCLUDES_CACHED')),
    finish_reason text,
    time_to_first_token interval,
    cost_micro_usd bigint CHECK (cost_micro_usd >= 0),
    tool_name text,
    tool_call_id text,
    retrieval_source text,
    result_count bigint CHECK (result_count >= 0),
    attributes jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (project_id, run_id, step_id, day),
    CHECK (end_time >= start_time),
    CHECK ((attempt = 1) = (retry_of_step_id IS NULL))
) PARTITION BY RANGE (day);

CREATE TABLE agent_failures (
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    failure_id uuid NOT NULL,
    day date NOT NULL,
    step_id uuid,
    type text NOT NULL CHECK (type IN ('TOOL', 'MODEL', 'RETRIEVAL', 'ORCHESTRATION')),
    code text NOT NULL CHECK (code <> ''),
    exception_type text,
    http_status integer,
    grpc_status integer,
    retryable boolean,
    caused_by_failure_id uuid,
    occur_time timestamptz NOT NULL,
    PRIMARY KEY (project_id, run_id, failure_id, day)
) PARTITION BY RANGE (day);
CREATE INDEX agent_failures_by_time ON agent_failures (project_id, occur_time DESC, failure_id DESC);

-- One row per run and batch, for WatchRuns. Readers take rows whose xid is older than every running
-- transaction, so that a late commit is not missed.
CREATE TABLE run_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    project_id integer NOT NULL,
    run_id uuid NOT NULL,
    change_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (xid, seq)
);

-- The operator's catalogue: what a person reads beside a code.
CREATE TABLE failure_codes (
    type text NOT NULL CHECK (type IN ('TOOL', 'MODEL', 'RETRIEVAL', 'ORCHESTRATION')),
    code text NOT NULL CHECK (code <> ''),
    title text NOT NULL CHECK (title <> ''),
    remedy text NOT NULL,
    PRIMARY KEY (type, code)
);

-- Where a batch's steps and failures wait within their transaction until ingest_merge() moves them.
-- Unlogged: a row never outlives its transaction.
CREATE UNLOGGED TABLE ingest_step_stage (LIKE agent_steps);
ALTER TABLE ingest_step_stage
    ADD COLUMN ordinal integer NOT NULL,
    ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX ingest_step_stage_by_xid ON ingest_step_stage (xid);
CREATE UNLOGGED TABLE ingest_failure_stage (LIKE agent_failures);
ALTER TABLE ingest_failure_stage
    ADD COLUMN ordinal integer NOT NULL,
    ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX ingest_failure_stage_by_xid ON ingest_failure_stage (xid);
