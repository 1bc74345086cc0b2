-- What must be true of jobs. Every row returned is a bug.

-- name: two_open_of_a_key
-- Of one kind and key there is at most one job that is still to be done.
SELECT kind, key, count(*) AS times FROM jobs
 WHERE key IS NOT NULL AND state IN ('waiting', 'failed', 'running')
 GROUP BY kind, key HAVING count(*) > 1

-- name: state_without_its_story
-- A job that ran was started; one that failed or died says why; one that waits for nobody has no worker.
SELECT id, kind, state, attempts, run, worker_id, last_error FROM jobs
 WHERE run < attempts
    OR (run > 0) <> (started_at IS NOT NULL)
    OR state IN ('failed', 'dead') AND last_error IS NULL
    OR state IN ('running', 'failed', 'done') AND attempts = 0
    OR (state = 'running') <> (worker_id IS NOT NULL)
    OR state = 'done' AND progress <> 100

-- name: failed_for_the_last_time
-- What has used up its attempts is dead and waits for no further one.
SELECT id, kind, attempts, max_attempts FROM jobs WHERE state = 'failed' AND attempts >= max_attempts

-- name: told_of_what_lives
-- A domain was told only of jobs that are dead, or were until somebody discarded them.
SELECT id, kind, state FROM jobs WHERE told_at IS NOT NULL AND state NOT IN ('dead', 'discarded')

-- name: consumer_ahead_of_events
-- No consumer has read what has no position yet.
SELECT name, position FROM event_consumers
 WHERE position > (SELECT coalesce(max(position), 0) FROM events)
