-- Events: from the outbox into the published order, and out of it again.

-- fragment: frame
-- What subscribers get, defined here once for the stream, for catching up and for whoever comes next.
json_build_object('event', type, 'data', data, 'id', position::text,
    'timestamp', btrim(to_json(occurred_at AT TIME ZONE 'UTC')::text, '"') || 'Z')::text

-- name: try_lead
-- One relay leads at a time. The lock belongs to a transaction, so that it also works through PgBouncer.
SELECT pg_try_advisory_xact_lock(%(key)s)

-- name: bound_leadership
-- A leader that freezes or loses its machine is thrown out by PostgreSQL, which frees its lock.
SELECT set_config('idle_in_transaction_session_timeout', %(milliseconds)s::text, true)

-- name: still_leading
-- The leader's sign of life, well inside the time above.
SELECT 1

-- name: place
-- Give the oldest committed facts the next positions, without gaps. Two relays at once collide on the primary key and
-- one of them changes nothing.
WITH moved AS (
    DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT %(limit)s) RETURNING *
), last AS (
    SELECT coalesce(max(position), 0) AS position FROM events
), placed AS (
    INSERT INTO events (position, type, booking_id, topics, data, actor_id, request_id, occurred_at)
    SELECT last.position + row_number() OVER (ORDER BY seq), type, booking_id, topics, data, actor_id, request_id,
           occurred_at
      FROM moved, last
    RETURNING position
)
SELECT (SELECT count(*) FROM placed) AS moved,
       coalesce((SELECT max(position) FROM placed), (SELECT position FROM last)) AS newest

-- name: newest
-- The end of the published order.
SELECT coalesce(max(position), 0) AS newest FROM events

-- name: after
-- What was published after a position, in order, for those who tell everyone.
SELECT position, type, topics, {frame} AS frame
  FROM events WHERE position > %(after)s ORDER BY position LIMIT %(limit)s

-- name: lag
-- How far the relay is behind: the age of the oldest fact without a position, and how many there are (counted no
-- further than the bound, because a scrape must stay cheap when the relay is down).
SELECT greatest(extract(epoch FROM clock_timestamp() - (SELECT occurred_at FROM outbox ORDER BY seq LIMIT 1)), 0)::float8,
       (SELECT count(*) FROM (SELECT FROM outbox LIMIT %(bound)s) AS waiting)

-- name: after_for
-- What someone missed: the events behind a position that concern certain topics (null: all of them), and where the
-- order ended at that moment, which is where a short page leads to. The window that is scanned is bounded by the
-- caller, who refuses positions too long ago.
SELECT newest.position AS newest, missed.* FROM (SELECT coalesce(max(position), 0) AS position FROM events) AS newest
  LEFT JOIN LATERAL (
    SELECT position, type, topics, {frame} AS frame FROM events
     WHERE events.position > %(after)s AND (%(topics)s::text[] IS NULL OR topics && %(topics)s::text[])
     ORDER BY events.position LIMIT %(limit)s) AS missed ON true
 ORDER BY missed.position

-- name: add_consumer
-- A consumer that is seen for the first time begins after the last event there is, or with the first one kept.
INSERT INTO event_consumers (name, position)
VALUES (%(name)s, CASE WHEN %(from_beginning)s THEN 0 ELSE (SELECT coalesce(max(position), 0) FROM events) END)
ON CONFLICT (name) DO NOTHING

-- name: lock_cursor
-- Where a consumer stands, for the one process that holds this row; nothing while another does or it has to wait.
SELECT position, failures, (SELECT coalesce(max(position), 0) FROM events) AS newest
  FROM event_consumers WHERE name = %(name)s AND (retry_at IS NULL OR retry_at <= now())
   FOR NO KEY UPDATE SKIP LOCKED

-- name: next_for
-- The next events of some types. Bounded by position, so that rare types do not scan everything at once.
SELECT position, type, booking_id, data, actor_id, request_id, occurred_at
  FROM events WHERE position > %(after)s AND position <= %(up_to)s AND type = ANY (%(types)s)
 ORDER BY position LIMIT %(limit)s

-- name: move_cursor
-- Everything up to here is handled.
UPDATE event_consumers
   SET position = %(position)s, failing = NULL, failures = 0, last_error = NULL, retry_at = NULL, moved_at = now()
 WHERE name = %(name)s

-- name: count_failure
-- The consumer cannot get past this event; it tries again after the delay. Nothing when somebody else got past it.
UPDATE event_consumers
   SET failing = %(position)s, failures = failures + 1, last_error = %(error)s, retry_at = now() + %(delay)s::interval
 WHERE name = %(name)s AND position < %(position)s

-- name: skip
-- An operator's decision: leave out the very event that a consumer cannot get past.
UPDATE event_consumers AS c
   SET position = %(position)s, failing = NULL, failures = 0, last_error = NULL, retry_at = NULL, moved_at = now()
  FROM (SELECT name, last_error FROM event_consumers WHERE name = %(name)s AND failing = %(position)s FOR UPDATE) AS old
 WHERE c.name = old.name
RETURNING old.last_error

-- name: consumers
-- How far each consumer has come.
SELECT name, position, (SELECT coalesce(max(position), 0) FROM events) - position AS behind, failing, failures,
       last_error, retry_at, moved_at,
       greatest(extract(epoch FROM now() - (SELECT e.placed_at FROM events AS e WHERE e.position > c.position
                                             ORDER BY e.position LIMIT 1)), 0)::float8 AS lag
  FROM event_consumers AS c ORDER BY name

-- name: prune
-- Delete the oldest events, a batch at a time: only those placed longer ago than the age, which every consumer has
-- passed, and never the last `keep` ones, from which the order, the stream and sockets go on. What is left has no gap.
WITH bound AS MATERIALIZED (
    SELECT least((SELECT max(position) - %(keep)s::bigint FROM events),
                 (SELECT min(position) FROM event_consumers)) AS position
), batch AS MATERIALIZED (
    SELECT position, placed_at < now() - %(age)s::interval AS old
      FROM events ORDER BY position LIMIT %(limit)s
), last AS MATERIALIZED (
    SELECT max(position) AS position
      FROM (SELECT position, bool_and(old) OVER (ORDER BY position) AS old FROM batch) AS steps
     WHERE old AND position <= (SELECT position FROM bound)
), gone AS (
    DELETE FROM events USING last WHERE events.position <= last.position RETURNING events.position, occurred_at
), noted AS (
    UPDATE events_pruned AS p SET position = seen.position, until = greatest(p.until, seen.until)
      FROM (SELECT max(position) AS position, max(occurred_at) AS until FROM gone) AS seen
     WHERE seen.position IS NOT NULL
)
SELECT count(*) FROM gone
