-- What a judgement needs to know: who could deliver, what the layers say, what is claimed. Only bookings/availability/
-- uses these. However many resources there are, it takes the same few statements.

-- fragment: business_spoken
-- What the business says.
(SELECT {said}::text FROM schedules AS s
  WHERE s.layer = 'business' AND s.subject_id = '00000000-0000-0000-0000-000000000000')

-- fragment: service_spoken
-- What the service says.
(SELECT {said}::text FROM schedules AS s WHERE s.layer = 'service' AND s.subject_id = %(service_id)s::uuid)

-- fragment: candidate
-- Resource `r` as picture.py reads it.
json_build_array(r.id, r.kind, r.owner_id, r.capacity, r.schedule_version, r.time_zone, (
    SELECT {said}::text FROM schedules AS s WHERE s.layer = 'resource' AND s.subject_id = r.id))

-- name: who
-- A service, what the layers say, who delivers it and what it needs besides, each in the order of preference. Where
-- somebody is named who delivers it, nobody else does.
SELECT {catalogue.document}, {business_spoken}, {service_spoken},
       coalesce(
           (SELECT json_agg({candidate} ORDER BY d.position) FROM service_resources AS d
              JOIN resources AS r ON r.id = d.resource_id
             WHERE d.service_id = s.id AND d.resource_id = ANY (%(named)s::uuid[]) AND r.active),
           (SELECT json_agg({candidate} ORDER BY d.position) FROM service_resources AS d
              JOIN resources AS r ON r.id = d.resource_id WHERE d.service_id = s.id AND r.active),
           '[]')::text,
       (SELECT coalesce(json_agg(json_build_array(q.kind, q.count, (
                SELECT coalesce(json_agg({candidate} ORDER BY array_position(q.resource_ids, r.id), r.name, r.id), '[]')
                  FROM resources AS r
                 WHERE r.kind = q.kind AND r.active AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids))))
            ORDER BY q.position), '[]')
          FROM service_requirements AS q WHERE q.service_id = s.id)::text
  FROM services AS s WHERE s.id = %(service_id)s::uuid

-- name: these
-- The same for resources that are settled: those of a booking, or named by somebody who books plain time.
SELECT (SELECT {catalogue.document} FROM services AS s WHERE s.id = %(service_id)s::uuid),
       {business_spoken}, {service_spoken},
       (SELECT coalesce(json_agg({candidate} ORDER BY array_position(%(resource_ids)s::uuid[], r.id)), '[]')
          FROM resources AS r WHERE r.id = ANY (%(resource_ids)s::uuid[]) AND r.active)::text, '[]'

-- fragment: lasting
-- Claim `a` has not ended by itself: no hold that is over, unless somebody in line waits for its time, and nothing that was
-- kept for the line by the openings about which is being asked (`answered`). It asks for nothing that is not in the index.
(a.expires_at IS NULL
    OR a.expires_at > clock_timestamp() AND NOT (a.hold_id IS NULL AND is_answered(a.resource_id, a.during, %(answered)s::bigint[]))
    OR ended_for_line(a.resource_id, a.during, a.expires_at, a.hold_id))

-- fragment: live
-- Claim `a` of candidate `c` counts: not released, not over, not on purpose beside others, and not of the booking or hold
-- that itself wants the time.
a.resource_id = c.id AND a.released_at IS NULL AND NOT a.overbooked AND {lasting}
   AND (a.booking_id = %(ignored_booking)s::uuid) IS NOT TRUE AND (a.hold_id = %(ignored_hold)s::uuid) IS NOT TRUE

-- fragment: time
-- The time that is looked at.
tstzrange(%(lower)s::timestamptz, %(upper)s::timestamptz)

-- fragment: begins
-- When ranges `during` begin, joined in binary form.
string_agg(timestamptz_send(lower(during)), '') AS begins

-- fragment: ends
-- When they end.
string_agg(timestamptz_send(upper(during)), '') AS ends

-- name: taken
-- What is claimed of each candidate and when it is closed; of those that one can have alone (A) only when, of the others
-- (S) how much; the closures of each (C) and of the whole business (B), and as such what has opened and is still kept
-- for the line. In binary form, because a month of a thousand people is many ranges: spans.py reads them. Each resource is looked up by itself. Claims of what one can have alone do
-- not overlap, so beside those that begin in the time only the last before it can reach into it; that is asked of the
-- B-tree of starts, which holds all that is asked for here, because the GiST index, built claim by claim, takes three
-- times as long. A claim begins no more than a day before its booking: that is the longest buffer.
SELECT 'B', NULL::uuid, {begins}, {ends}, NULL::bytea AS units, NULL::bytea AS places
  FROM closures WHERE resource_id IS NULL AND during && {time}
HAVING count(*) > 0
UNION ALL
SELECT 'C', resource_id, {begins}, {ends}, NULL, NULL
  FROM closures WHERE resource_id = ANY (%(alone)s::uuid[] || %(shared)s::uuid[]) AND during && {time}
 GROUP BY resource_id
UNION ALL
SELECT 'C', resource, {begins}, {ends}, NULL, NULL
  FROM kept_by_openings(%(alone)s || %(shared)s, {time}, %(answered)s::bigint[]) GROUP BY resource
UNION ALL
SELECT 'A', c.id, taken.begins, taken.ends, NULL, NULL
  FROM unnest(%(alone)s) AS c (id),
       LATERAL (SELECT {begins}, {ends} FROM (
                    SELECT a.during FROM allocations AS a
                     WHERE {live} AND a.start_at >= %(lower)s AND a.start_at < %(upper)s + interval '2 days'
                       AND (a.start_at < %(upper)s OR lower(a.during) < %(upper)s)
                    UNION ALL
                    SELECT before.during FROM (
                        SELECT a.during FROM allocations AS a WHERE {live} AND a.start_at < %(lower)s
                         ORDER BY a.start_at DESC LIMIT 1) AS before
                     WHERE upper(before.during) > %(lower)s) AS b) AS taken
 WHERE taken.begins IS NOT NULL
UNION ALL
SELECT 'S', c.id, taken.begins, taken.ends, taken.units, taken.places
  FROM unnest(%(shared)s) AS c (id),
       LATERAL (SELECT {begins}, {ends}, string_agg(int4send(a.units), '') AS units,
                       string_agg(int4send(coalesce(a.places, 0)), '') AS places
                  FROM allocations AS a WHERE NOT a.exclusive AND {live} AND a.during && {time}) AS taken
 WHERE taken.begins IS NOT NULL

-- name: counted
-- How many bookings begin on each local date, for caps: of resources (number from 1), holds included; and each booking of
-- the customer (number 0) with the second of its start, its service and resources, holds included. Which instants are
-- the midnights of local dates is told, one zone after the other, so many dates of each; the day is which of them was
-- last. For PostgreSQL may know other time zones than Python, which knows when it is open. And
-- how often (number -1) somebody did not come within so many days.
SELECT c.number::integer AS number, width_bucket(a.start_at, c.midnights)::bigint AS day, count(*)::integer AS bookings,
       NULL AS service_id, NULL AS resource_ids
  FROM (SELECT r.id, r.number,
               (%(midnights)s::timestamptz[])[(r.zone - 1) * %(dates)s::integer + 1 : r.zone * %(dates)s] AS midnights
          FROM unnest(%(resource_ids)s::uuid[], %(zones)s::integer[]) WITH ORDINALITY AS r (id, zone, number)
        OFFSET 0) AS c
  JOIN allocations AS a ON a.resource_id = c.id
 WHERE a.start_at >= %(counted_from)s::timestamptz AND a.start_at < %(counted_to)s::timestamptz AND a.released_at IS NULL
   AND {lasting}
   AND (a.booking_id = %(ignored_booking)s::uuid) IS NOT TRUE AND (a.hold_id = %(ignored_hold)s::uuid) IS NOT TRUE
 GROUP BY 1, 2
UNION ALL
SELECT 0, floor(extract(epoch FROM b.start_at))::bigint, 1, b.service_id::text, b.resource_ids::text
  FROM bookings AS b
 WHERE b.user_id = %(customer_id)s::uuid AND b.start_at >= %(counted_from)s AND b.start_at < %(counted_to)s
   AND b.status NOT IN ('cancelled', 'declined') AND (b.id = %(ignored_booking)s) IS NOT TRUE
UNION ALL
SELECT 0, floor(extract(epoch FROM h.start_at))::bigint, 1, h.service_id::text, h.resource_ids::text
  FROM holds AS h
 WHERE h.user_id = %(customer_id)s AND h.start_at >= %(counted_from)s AND h.start_at < %(counted_to)s
   AND h.state = 'active' AND h.expires_at > clock_timestamp() AND (h.id = %(ignored_hold)s) IS NOT TRUE
UNION ALL
SELECT -1, absent.days::bigint, (
        SELECT count(*) FROM bookings AS b
         WHERE b.user_id = %(absent_id)s::uuid AND b.status = 'no_show'
           AND b.start_at > %(now)s::timestamptz - make_interval(days => absent.days))::integer, NULL, NULL
  FROM unnest(%(absent_days)s::integer[]) AS absent (days)

-- name: fairness
-- What strategies ask of those who are free: how many bookings each has on the local days of the starts, and the turn at
-- which each was last chosen for the service (0: never). Each day is looked up by itself, in the index.
SELECT c.number::integer, (
        SELECT sum((
            SELECT count(*) FROM allocations AS a
             WHERE a.resource_id = c.id AND a.booking_id IS NOT NULL AND a.released_at IS NULL
               AND a.start_at >= date_trunc('day', s.at, c.zone)
               AND a.start_at < (date_trunc('day', s.at AT TIME ZONE c.zone) + interval '1 day') AT TIME ZONE c.zone
            ))::bigint FROM unnest(%(starts)s::timestamptz[]) AS s (at)),
       coalesce((SELECT turn FROM assignment_turns AS t
                  WHERE t.service_id = %(service_id)s::uuid AND t.resource_id = c.id), 0)
  FROM unnest(%(resource_ids)s::uuid[], %(zones)s::text[]) WITH ORDINALITY AS c (id, zone, number)

-- name: take_turn
-- Whoever delivers a service now comes last for its next booking. The caller holds the service's lock of assignment.
INSERT INTO assignment_turns (service_id, resource_id, turn)
SELECT %(service_id)s, %(resource_id)s, 1 + coalesce(max(turn), 0) FROM assignment_turns WHERE service_id = %(service_id)s
ON CONFLICT (service_id, resource_id) DO UPDATE SET turn = excluded.turn

-- name: lock
-- Commands that choose by what others were given, or that count, come one after the other. Locks are always taken before
-- any claim, in the order given, which is that of their numbers.
SELECT pg_advisory_xact_lock(n) FROM unnest(%(numbers)s::bigint[]) AS n

-- name: booking_to_move
-- A booking of a service that somebody may see, with what it placed and what was agreed about moving it, and as `these`
-- what there is to say of its resources: for the question where it could move.
SELECT (SELECT {catalogue.document} FROM services AS s WHERE s.id = b.service_id),
       {business_spoken}, {service_spoken},
       (SELECT coalesce(json_agg({candidate} ORDER BY array_position(b.resource_ids, r.id)), '[]')
          FROM resources AS r WHERE r.id = ANY (b.resource_ids) AND r.active)::text, '[]',
       json_build_object('user_id', b.user_id, 'resource_ids', b.resource_ids, 'start_at', b.start_at, 'end_at', b.end_at,
           'units', b.units, 'party_size', b.party_size, 'session_places', b.session_places,
           'buffer_before_minutes', b.buffer_before_minutes, 'buffer_after_minutes', b.buffer_after_minutes,
           'status', b.status, 'policy', b.policy, 'reschedules', b.reschedules)::text
  FROM bookings AS b
 WHERE b.id = %(ignored_booking)s::uuid AND b.service_id = %(service_id)s AND (
       %(is_admin)s::boolean OR b.user_id = %(actor_id)s::uuid OR EXISTS (
       SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s))
