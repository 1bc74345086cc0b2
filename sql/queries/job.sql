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

-- name: forget
-- A job that never began and that nobody needs any more.
DELETE FROM jobs WHERE kind = %(kind)s AND key = %(key)s AND state = 'waiting' AND run = 0

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
RETURNING jobs.id, jobs.kind, jobs.payload, jobs.attempts, jobs.max_attempts, jobs.run, jobs.last_error

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

-- fragment: shown_state
-- A job's state as people see it: a waiting one whose time lies ahead is scheduled.
CASE WHEN j.state = 'waiting' AND j.run_at > now() THEN 'scheduled' ELSE j.state END

-- fragment: document
-- The JSON of a job `j`.
(SELECT row_to_json(d)::text FROM (SELECT
    j.id,
    j.kind,
    j.key,
    {shown_state} AS state,
    j.payload,
    j.attempts,
    j.max_attempts AS "maxAttempts",
    j.progress,
    j.last_error AS "lastError",
    j.worker_id AS "workerId",
    btrim(to_json(j.run_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "runAt",
    btrim(to_json(j.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(j.started_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "startedAt",
    btrim(to_json(j.finished_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "finishedAt"
) AS d)

-- name: find
-- One job.
SELECT {document} AS document FROM jobs AS j WHERE j.id = %(id)s

-- fragment: chosen
-- The filters of the list.
(%(kind)s::text IS NULL OR j.kind = %(kind)s)
   AND (%(states)s::text[] IS NULL OR {shown_state} = ANY (%(states)s))

-- fragment: page
-- One page of them, the newest first: ids are ordered by time. The documents are written only for what is shown.
{chosen} AND j.id < %(before)s::uuid ORDER BY j.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- name: list_of_all
-- A page of all jobs.
SELECT j.id, {document} AS document FROM (SELECT * FROM jobs AS j WHERE {page}) AS j ORDER BY j.id DESC

-- name: list_of_open
-- Where only states are wanted in which jobs do not stay when all is well: an index has these.
SELECT j.id, {document} AS document
  FROM (SELECT * FROM jobs AS j
         WHERE j.state NOT IN ('done', 'discarded') AND j.state = ANY (%(stored)s::text[]) AND {page}) AS j
 ORDER BY j.id DESC

-- name: list_of_discarded
-- Where only discarded ones are wanted: another has these.
SELECT j.id, {document} AS document
  FROM (SELECT * FROM jobs AS j WHERE j.state = 'discarded' AND {page}) AS j ORDER BY j.id DESC

-- name: total_of_all
-- How many there are, counted no further than the bound.
SELECT count(*) FROM (SELECT FROM jobs AS j WHERE {chosen} LIMIT %(bound)s) AS counted

-- name: total_of_open
-- The same of those that are not done.
SELECT count(*) FROM (SELECT FROM jobs AS j
                       WHERE j.state NOT IN ('done', 'discarded') AND j.state = ANY (%(stored)s::text[]) AND {chosen}
                       LIMIT %(bound)s) AS counted

-- name: total_of_discarded
-- The same of those that were discarded.
SELECT count(*) FROM (SELECT FROM jobs AS j WHERE j.state = 'discarded' AND {chosen} LIMIT %(bound)s) AS counted

-- name: lock
-- A job that an admin decides about.
SELECT j.id, j.kind, j.key, j.attempts, j.last_error, {shown_state} AS state
  FROM jobs AS j WHERE j.id = %(id)s FOR NO KEY UPDATE

-- name: retry
-- Begin anew, now, with all its attempts. The unique index refuses it while another of its key is to be done.
UPDATE jobs AS j SET state = 'waiting', run_at = now(), attempts = 0, progress = 0, queued_until = NULL,
       leased_until = NULL, told_at = NULL, finished_at = NULL
 WHERE j.id = %(id)s
RETURNING {document} AS document

-- name: discard
-- Nobody is to do it any more; what went wrong stays readable until it is cleaned up.
UPDATE jobs AS j SET state = 'discarded', leased_until = NULL, finished_at = now() WHERE j.id = %(id)s
RETURNING {document} AS document

-- name: cleanup
-- Forget what ended longer ago, a batch at a time, oldest first.
WITH old AS MATERIALIZED (
    SELECT id FROM jobs WHERE state IN ('done', 'discarded') AND finished_at < now() - %(age)s::interval
     ORDER BY finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.state
)
SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'discarded') AS discarded FROM gone

-- name: count_open
-- What is not done, by kind and state; looks at no more jobs than the bound, because a scrape must stay cheap.
SELECT kind, state, count(*) AS count
  FROM (SELECT j.kind, {shown_state} AS state FROM jobs AS j WHERE j.state NOT IN ('done', 'discarded')
         LIMIT %(bound)s) AS seen
 GROUP BY kind, state

-- name: count_ended
-- What ended last, by kind and state, up to the bound.
SELECT kind, state, count(*) AS count
  FROM (SELECT kind, state FROM jobs WHERE state IN ('done', 'discarded') ORDER BY finished_at DESC LIMIT %(bound)s) AS seen
 GROUP BY kind, state

-- name: oldest_due
-- For how many seconds the oldest job of each kind has been due that nobody has started.
SELECT kind, greatest(extract(epoch FROM now() - min(run_at)), 0)::float8 AS seconds
  FROM (SELECT kind, run_at FROM jobs WHERE state IN ('waiting', 'failed') AND run_at <= now()
         ORDER BY run_at LIMIT %(bound)s) AS due
 GROUP BY kind

-- name: workers
-- Who has given a sign of life, and how long ago.
SELECT id, host, pid, kinds, running, started_at, seen_at,
       greatest(extract(epoch FROM now() - seen_at), 0)::float8 AS silent
  FROM job_workers ORDER BY started_at, id

-- name: pace
-- How jobs of each kind went that ended within the time, of the last so many: how long they waited (from when they were
-- due) and ran, in seconds.
SELECT kind, count(*) AS done, avg(attempts)::float8 AS attempts,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY waited) AS waited,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ran) AS ran
  FROM (SELECT kind, attempts, greatest(extract(epoch FROM started_at - run_at), 0)::float8 AS waited,
               greatest(extract(epoch FROM finished_at - started_at), 0)::float8 AS ran
          FROM jobs WHERE state = 'done' AND finished_at > now() - %(within)s::interval
         ORDER BY finished_at DESC LIMIT %(bound)s) AS ended
 GROUP BY kind ORDER BY kind
