-- Jobs: rows that workers claim, run and settle. Times are compared with PostgreSQL's clock, because workers' differ.

-- name: enqueue
-- A new job, unless one of the same kind and key is still to be done: then that one's id. No row when a twin committed
-- at this very moment, whom this statement cannot see yet; the next one can.
WITH made AS (
    INSERT INTO jobs (id, kind, key, payload, run_at, max_attempts)
    VALUES (%(id)s, %(kind)s, %(key)s, %(payload)s, coalesce(%(run_at)s::timestamptz, now()), %(max_attempts)s)
    ON CONFLICT (kind, key) WHERE state IN ('waiting', 'failed', 'running') DO NOTHING
    RETURNING id
)
SELECT id FROM made
UNION ALL
SELECT id FROM jobs
 WHERE kind = %(kind)s AND key = %(key)s AND state IN ('waiting', 'failed', 'running')
   AND NOT EXISTS (SELECT FROM made)

-- name: lease_upcoming
-- Jobs that come due within the horizon and are not queued yet. Each is trusted to the queue until a moment after its
-- time; then the sweep takes it.
WITH due AS MATERIALIZED (
    SELECT id FROM jobs
     WHERE state IN ('waiting', 'failed') AND run_at <= now() + %(horizon)s::interval AND queued_until IS NULL
       AND kind = ANY (%(kinds)s)
     ORDER BY run_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET queued_until = greatest(run_at, now()) + %(grace)s::interval
  FROM due WHERE jobs.id = due.id
RETURNING jobs.id, jobs.run_at

-- fragment: started
-- What the start of a run changes, and what the runner needs to know of it.
state = 'running', attempts = jobs.attempts + 1, run = jobs.run + 1, worker_id = %(worker)s, progress = 0,
    leased_until = now() + %(lease)s::interval, queued_until = NULL, started_at = now()
  FROM due WHERE jobs.id = due.id
RETURNING jobs.id, jobs.kind, jobs.payload, jobs.attempts, jobs.max_attempts, jobs.run

-- name: claim
-- Start the job that a task names, if it is due and nobody was faster.
WITH due AS MATERIALIZED (
    SELECT id FROM jobs
     WHERE id = %(id)s AND state IN ('waiting', 'failed') AND run_at <= now() AND kind = ANY (%(kinds)s)
       FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET {started}

-- name: claim_overdue
-- Start the oldest job whose task does not come: Redis has lost it or is away, or the queue is long.
WITH due AS MATERIALIZED (
    SELECT id FROM jobs
     WHERE state IN ('waiting', 'failed') AND run_at <= now() AND kind = ANY (%(kinds)s)
       AND coalesce(queued_until, run_at + %(grace)s::interval) < now()
     ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET {started}

-- name: claim_abandoned
-- Start again what a worker had that has died or lost its way: it has not renewed its lease.
WITH due AS MATERIALIZED (
    SELECT id FROM jobs
     WHERE state = 'running' AND leased_until < now() AND attempts < max_attempts AND kind = ANY (%(kinds)s)
     ORDER BY leased_until LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET {started}

-- name: bury_abandoned
-- What was abandoned in its last attempt is dead: it may well be what kills the workers.
WITH due AS MATERIALIZED (
    SELECT id FROM jobs WHERE state = 'running' AND leased_until < now() AND attempts >= max_attempts
     ORDER BY leased_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET state = 'dead', finished_at = now(), leased_until = now(), worker_id = NULL,
       last_error = 'The worker that had it died or lost its connection.'
  FROM due WHERE jobs.id = due.id
RETURNING jobs.id, jobs.kind

-- name: renew
-- The runs that go on; one that does not come back in the answer is no longer ours.
UPDATE jobs SET leased_until = now() + %(lease)s::interval
  FROM unnest(%(ids)s::uuid[], %(runs)s::integer[]) AS mine (id, run)
 WHERE jobs.id = mine.id AND jobs.run = mine.run AND jobs.state = 'running'
RETURNING jobs.id, jobs.run

-- name: progress
-- How far a run has come; no row when it is no longer ours.
UPDATE jobs SET progress = %(percent)s WHERE id = %(id)s AND run = %(run)s AND state = 'running'

-- name: finish
-- Done. No row when the run is no longer ours: then somebody else has the job.
UPDATE jobs SET state = 'done', progress = 100, finished_at = now(), leased_until = NULL, worker_id = NULL
 WHERE id = %(id)s AND run = %(run)s AND state = 'running'

-- name: fail
-- A failed attempt: the next one comes after the delay, unless it was the last. A dead job stays leased for a moment to
-- whoever tells its domain.
UPDATE jobs SET
    state = CASE WHEN %(give_up)s OR attempts >= max_attempts THEN 'dead' ELSE 'failed' END,
    finished_at = CASE WHEN %(give_up)s OR attempts >= max_attempts THEN now() END,
    leased_until = CASE WHEN %(give_up)s OR attempts >= max_attempts THEN now() + %(lease)s::interval END,
    run_at = now() + %(delay)s::interval, worker_id = NULL, last_error = %(error)s
 WHERE id = %(id)s AND run = %(run)s AND state = 'running'
RETURNING state

-- name: postpone
-- Not yet: the attempt does not count.
UPDATE jobs SET state = 'waiting', attempts = attempts - 1, run_at = now() + %(delay)s::interval, leased_until = NULL,
       worker_id = NULL
 WHERE id = %(id)s AND run = %(run)s AND state = 'running'

-- name: lease_untold
-- Dead jobs whose domain has not been told; each is ours for the length of a lease.
WITH due AS MATERIALIZED (
    SELECT id FROM jobs
     WHERE state = 'dead' AND told_at IS NULL AND leased_until <= now() AND kind = ANY (%(kinds)s)
     ORDER BY leased_until LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET leased_until = now() + %(lease)s::interval
  FROM due WHERE jobs.id = due.id
RETURNING jobs.id, jobs.kind, jobs.payload, jobs.last_error, jobs.run

-- name: told
-- The domain knows that it is dead.
UPDATE jobs SET told_at = now(), leased_until = NULL WHERE id = %(id)s AND run = %(run)s AND state = 'dead'

-- name: beat
-- A worker's sign of life.
INSERT INTO job_workers (id, host, pid, kinds, running) VALUES (%(id)s, %(host)s, %(pid)s, %(kinds)s, %(running)s)
ON CONFLICT (id) DO UPDATE SET running = excluded.running, kinds = excluded.kinds, seen_at = now()

-- name: leave
-- A worker that ends in order.
DELETE FROM job_workers WHERE id = %(id)s

-- name: forget_workers
-- Those who have not been seen for a day have been noticed by now.
DELETE FROM job_workers WHERE seen_at < now() - interval '1 day'
