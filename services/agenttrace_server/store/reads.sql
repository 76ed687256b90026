-- name: begin
-- Settings of the transaction, not of the session: a transaction pooler may stand in between. Compiling a
-- plan takes longer than any chunk.
SELECT set_config('statement_timeout', %(timeout)s, true),
       set_config('agenttrace.project_id', %(project_id)s, true),
       set_config('jit', 'off', true)
