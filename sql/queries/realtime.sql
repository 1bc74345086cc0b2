-- Entitlement of sockets.

-- name: owned_resources
-- Whose calendar may be followed: the resources an actor owns, all of them or those among some.
SELECT id FROM resources
 WHERE owner_id = %(actor_id)s AND (%(among)s::uuid[] IS NULL OR id = ANY (%(among)s::uuid[]))

-- name: changed_days
-- Which local dates of which of the services and resources listened to (`subjects`) can be booked otherwise, by what
-- happened: bookings by their claims, old and new; `changes` from calendar.changed; holds that have ended since the last
-- look (null: there was none). A claim concerns the starts of a service from which one would run into it; where a week or
-- a month has a limit it concerns all of it. The first column is the time of this look; it stands alone when nothing is.
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS at
), touched AS MATERIALIZED (
    SELECT resource_id, NULL::uuid AS service_id, lower(during) AS lower, upper(during) AS upper, NULL::date AS date,
           CASE WHEN places IS NOT NULL THEN start_at END AS session_at
      FROM allocations WHERE booking_id = ANY (%(booking_ids)s::uuid[])
    UNION
    SELECT resource_id, NULL, lower(during), upper(during), NULL, CASE WHEN places IS NOT NULL THEN start_at END
      FROM allocations
     WHERE expires_at > %(since)s::timestamptz AND expires_at <= (SELECT at FROM clock) AND released_at IS NULL
    UNION
    SELECT resource_id, service_id, lower, upper, date, session_at
      FROM jsonb_to_recordset(%(changes)s::jsonb) AS told (
          resource_id uuid, service_id uuid, lower timestamptz, upper timestamptz, date date, session_at timestamptz)
), concerned AS (
    SELECT r.id, r.kind, r.time_zone FROM resources AS r WHERE r.id IN (SELECT resource_id FROM touched)
    UNION
    SELECT r.id, r.kind, r.time_zone FROM resources AS r WHERE EXISTS (SELECT FROM touched WHERE resource_id IS NULL)
), listened AS (
    SELECT r.id AS subject_id, NULL::uuid AS service_id, r.id AS resource_id, r.time_zone,
           interval '0' AS before, interval '0' AS after
      FROM concerned AS r WHERE r.id = ANY (%(subjects)s::uuid[])
    UNION ALL
    SELECT s.id, s.id, r.id, r.time_zone,
           make_interval(mins => s.buffer_after_minutes
                         + (SELECT max((one ->> 'minutes')::integer) FROM jsonb_array_elements(s.durations) AS one)),
           make_interval(mins => s.buffer_before_minutes)
      FROM services AS s, concerned AS r
     WHERE s.id = ANY (%(subjects)s) AND (
           EXISTS (SELECT FROM service_resources WHERE service_id = s.id AND resource_id = r.id)
           OR EXISTS (SELECT FROM service_requirements AS q WHERE q.service_id = s.id AND q.kind = r.kind
                         AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids))))
    UNION ALL
    -- Nobody delivers it any more.
    SELECT s.id, s.id, NULL, NULL, interval '0', interval '0' FROM services AS s
     WHERE s.id = ANY (%(subjects)s) AND s.id IN (SELECT service_id FROM touched)
       AND NOT EXISTS (SELECT FROM service_resources WHERE service_id = s.id)
), spans AS (
    SELECT l.subject_id, l.service_id, l.time_zone, t.session_at, l.resource_id, t.lower, t.upper,
           coalesce(t.date, ((t.lower - l.before + interval '1 microsecond') AT TIME ZONE l.time_zone)::date) AS first,
           coalesce(t.date, ((t.upper + l.after - interval '1 microsecond') AT TIME ZONE l.time_zone)::date) AS last,
           (SELECT CASE WHEN bool_or(rules #>> '{resourceCaps,month}' IS NOT NULL) THEN 'month'
                        WHEN bool_or(rules #>> '{resourceCaps,week}' IS NOT NULL) THEN 'week' END
              FROM schedules
             WHERE layer = 'business' OR (layer = 'resource' AND subject_id = l.resource_id)
                OR (layer = 'service' AND subject_id = l.service_id)) AS cap
      FROM touched AS t JOIN listened AS l
        ON (t.resource_id IS NULL OR t.resource_id = l.resource_id)
       AND (t.service_id IS NULL OR t.service_id = l.service_id)
)
SELECT clock.at, found.* FROM clock LEFT JOIN (
    SELECT DISTINCT subject_id, service_id, time_zone,
           CASE WHEN cap IS NULL THEN first ELSE date_trunc(cap, first)::date END AS first,
           CASE WHEN cap IS NULL THEN last
                ELSE (date_trunc(cap, last) + ('1 ' || cap)::interval)::date - 1 END AS last,
           session_at, CASE WHEN session_at IS NOT NULL THEN resource_id END AS resource_id,
           CASE WHEN session_at IS NOT NULL THEN lower END AS lower,
           CASE WHEN session_at IS NOT NULL THEN upper END AS upper
      FROM spans) AS found ON true

-- name: places_left
-- How many places the sessions of groups have left: of a service its own capacity counts, of a resource that of the
-- claims that are there.
SELECT w.service_id, w.resource_id, w.session_at,
       greatest(0, least(r.capacity, coalesce(s.capacity, (
           SELECT min(places) FROM allocations AS a
            WHERE a.resource_id = r.id AND a.start_at = w.session_at AND a.released_at IS NULL)))
           - peak_claimed(r.id, tstzrange(w.lower, w.upper)))::integer AS remaining
  FROM jsonb_to_recordset(%(sessions)s::jsonb) AS w (
           service_id uuid, resource_id uuid, session_at timestamptz, lower timestamptz, upper timestamptz)
  JOIN resources AS r ON r.id = w.resource_id LEFT JOIN services AS s ON s.id = w.service_id
 WHERE w.service_id IS NULL OR s.capacity > 1

-- name: missed_changes
-- What may have changed days behind a position, for somebody who comes back. It begins a little earlier: a change is told
-- a moment after its event, and others' events may have come in between.
WITH gone AS (
    SELECT coalesce(max(placed_at), now() - interval '1 hour') - interval '2 seconds' AS at
      FROM events WHERE position = %(after)s
)
SELECT gone.at AS since, e.type, e.booking_id, e.data
  FROM gone LEFT JOIN events AS e
    ON e.position > %(after)s - 5000 AND e.placed_at >= gone.at
   AND (e.type = 'calendar.changed' OR (e.type LIKE 'booking.%%' AND e.type <> ALL (%(silent)s::text[])))
 ORDER BY e.position
