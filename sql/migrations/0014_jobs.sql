-- Everything slow is a row before it is a task: what Redis or a worker loses is found here again.

CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,
    -- of one kind and key there is at most one job that is still to be done
    key          text,
    payload      json NOT NULL,
    -- a waiting job whose run_at lies ahead is called "scheduled"
    state        text NOT NULL DEFAULT 'waiting',
    run_at       timestamptz NOT NULL DEFAULT now(),
    -- those that count; one that asked to run later does not
    attempts     integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    -- rises with every start: only the latest run may write what became of the job
    run          integer NOT NULL DEFAULT 0,
    -- a task has been queued and is trusted until then
    queued_until timestamptz,
    -- a worker has it and is trusted until then; a dead one: until then somebody is telling its domain
    leased_until timestamptz,
    worker_id    uuid,
    progress     smallint NOT NULL DEFAULT 0,
    last_error   text,
    -- its domain has been told that it is dead
    told_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    CONSTRAINT jobs_state_known CHECK (state IN ('waiting', 'running', 'failed', 'done', 'dead', 'discarded')),
    CONSTRAINT jobs_attempts_bounded CHECK (attempts BETWEEN 0 AND max_attempts),
    CONSTRAINT jobs_progress_percent CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT jobs_leased_while_running CHECK (state <> 'running' OR leased_until IS NOT NULL),
    CONSTRAINT jobs_finished_known CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'dead', 'discarded')))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE UNIQUE INDEX jobs_one_open ON jobs (kind, key) WHERE state IN ('waiting', 'failed', 'running');
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('waiting', 'failed');
CREATE INDEX jobs_leases ON jobs (leased_until) WHERE state = 'running';
CREATE INDEX jobs_untold ON jobs (leased_until) WHERE state = 'dead' AND told_at IS NULL;
-- for people: what needs them, one kind, and what may be forgotten
CREATE INDEX jobs_not_done ON jobs (state, kind, id) WHERE state NOT IN ('done', 'discarded');
CREATE INDEX jobs_by_kind ON jobs (kind, id);
CREATE INDEX jobs_finished ON jobs (finished_at, kind) WHERE state IN ('done', 'discarded');

-- Signs of life. Rows and not keys in Redis, because a Redis that is away must not make workers look dead.
CREATE TABLE job_workers (
    id         uuid PRIMARY KEY,
    host       text NOT NULL,
    pid        integer NOT NULL,
    kinds      text[] NOT NULL,
    running    integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- How far each consumer of events has come, moved in the transaction of what it did.
CREATE TABLE event_consumers (
    name       text PRIMARY KEY,
    position   bigint NOT NULL,
    -- the event it cannot get past, how often it tried, when it tries again
    failing    bigint,
    failures   integer NOT NULL DEFAULT 0,
    last_error text,
    retry_at   timestamptz,
    moved_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT event_consumers_fails_ahead CHECK (failing > position),
    CONSTRAINT event_consumers_failure_complete CHECK (
        (failures = 0 AND failing IS NULL AND retry_at IS NULL AND last_error IS NULL)
        OR (failures > 0 AND failing IS NOT NULL AND retry_at IS NOT NULL AND last_error IS NOT NULL))
) WITH (fillfactor = 50);
