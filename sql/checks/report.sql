-- What must be true of reports and their schedules. Every row returned is a bug.

-- name: made_but_not_whole
-- A report that is finished says where its file is, how large, and which instant it shows; no other says so.
SELECT id, status, file, rows, bytes, progress, finished_at
  FROM reports
 WHERE (status = 'finished') <> (file IS NOT NULL)
    OR (status = 'finished') <> (snapshot_at IS NOT NULL AND rows IS NOT NULL AND bytes IS NOT NULL)
    OR (status = 'finished' AND progress <> 100)
    OR (status IN ('finished', 'failed')) <> (finished_at IS NOT NULL)

-- name: nobody_makes_it
-- A report that is not made yet has a job that will make it, or whose end is still to be told.
SELECT p.id, p.status, p.created_at
  FROM reports AS p
 WHERE p.status IN ('waiting', 'running')
   AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.kind = 'report' AND j.key = p.id::text
                      AND (j.state IN ('waiting', 'running', 'failed') OR (j.state = 'dead' AND j.told_at IS NULL)))

-- name: period_made_twice
-- A schedule makes each of its periods once.
SELECT schedule_id, due_at, count(*) AS times
  FROM reports WHERE schedule_id IS NOT NULL GROUP BY schedule_id, due_at HAVING count(*) > 1

-- name: told_twice
-- How a report ended is told once.
SELECT data ->> 'id' AS id, count(*) AS times
  FROM (SELECT type, data FROM events UNION ALL SELECT type, data FROM outbox) AS told
 WHERE type IN ('report.finished', 'report.failed')
 GROUP BY data ->> 'id' HAVING count(*) > 1
