-- Group sessions: bookings of one service at one time in one place, and who comes along. Only bookings/booking/ uses these.

-- fragment: seated
-- Bookings `b` that have places in a session.
b.session_places IS NOT NULL AND b.status NOT IN ('cancelled', 'declined') AND b.released_at IS NULL

-- name: sessions
-- The sessions of a service that somebody comes to: places, taken, left, in what it claims; and the caller's bookings.
WITH found AS (
    SELECT b.start_at, b.end_at, sorted.ids AS resource_ids, min(b.session_places) AS places, sum(b.party_size) AS taken,
           max(b.buffer_before_minutes) AS before, max(b.buffer_after_minutes) AS after,
           array_agg(b.id ORDER BY b.id) FILTER (WHERE b.user_id = %(actor_id)s::uuid) AS own
      FROM bookings AS b, LATERAL (SELECT array_agg(id ORDER BY id) AS ids FROM unnest(b.resource_ids) AS id) AS sorted
     WHERE b.service_id = %(service_id)s::uuid AND b.start_at >= %(from)s AND b.start_at < %(to)s AND {seated}
     GROUP BY b.start_at, b.end_at, sorted.ids
)
SELECT json_build_object(
    'serviceId', %(service_id)s::uuid,
    'startAt', btrim(to_json(start_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'endAt', btrim(to_json(end_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'resourceIds', resource_ids,
    'capacity', places,
    'taken', taken,
    'remaining', (SELECT greatest(0, min(least(r.capacity, places) - peak_claimed(r.id, tstzrange(
            start_at - make_interval(mins => before), end_at + make_interval(mins => after)))))
        FROM resources AS r WHERE r.id = ANY (resource_ids)),
    'bookingIds', coalesce(own, '{}')) AS document, count(*) OVER () AS total
  FROM found ORDER BY start_at, resource_ids LIMIT %(limit)s OFFSET %(offset)s

-- name: lock_session
-- The bookings of a session whose staff the actor is, locked in the order in which everybody locks several.
SELECT b.id, b.user_id, b.status, b.party_size, b.start_at
  FROM bookings AS b
 WHERE b.service_id = %(service_id)s::uuid AND b.start_at = %(start_at)s AND {seated}
   AND (%(resource_id)s::uuid IS NULL OR %(resource_id)s = ANY (b.resource_ids))
   AND (%(is_admin)s OR EXISTS (
        SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s))
 ORDER BY b.start_at, b.id FOR NO KEY UPDATE OF b

-- name: attendees_of_session
-- Who comes to a session, for its staff.
SELECT json_build_object(
    'bookingId', b.id, 'status', b.status, 'partySize', b.party_size, 'userId', b.user_id, 'name', u.name,
    'email', u.email, 'resourceIds', b.resource_ids, 'attendees', (
        SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'email', a.email)
                                 ORDER BY a.created_at, a.id), '[]')
          FROM attendees AS a WHERE a.booking_id = b.id)) AS document
  FROM bookings AS b JOIN users AS u ON u.id = b.user_id
 WHERE b.service_id = %(service_id)s::uuid AND b.start_at = %(start_at)s AND {seated}
   AND (%(resource_id)s::uuid IS NULL OR %(resource_id)s = ANY (b.resource_ids))
   AND (%(is_admin)s OR EXISTS (
        SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s))
 ORDER BY b.created_at, b.id

-- name: lock_party
-- A booking whose party is about to change.
SELECT b.*, {document} AS document, %(is_admin)s OR EXISTS (
           SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s) AS is_staff, {may_override}
  FROM bookings AS b WHERE b.id = %(id)s::uuid AND {visible} FOR NO KEY UPDATE OF b

-- name: party
-- How many come, for whoever may see the booking.
SELECT b.party_size FROM bookings AS b WHERE b.id = %(id)s::uuid AND {visible}

-- name: attendees
-- Who comes along, as far as somebody said.
SELECT id, name, email, created_at FROM attendees WHERE booking_id = %(id)s::uuid ORDER BY created_at, id

-- name: name_attendee
-- Somebody more is named.
INSERT INTO attendees (id, booking_id, name, email, created_at)
VALUES (%(attendee_id)s, %(id)s, %(name)s, %(email)s, %(now)s)

-- name: forget_attendees
-- These are not named any more.
DELETE FROM attendees WHERE booking_id = %(id)s::uuid AND id = ANY (%(attendee_ids)s::uuid[])

-- name: change_party
-- Fewer come: the next version of the booking, its claims, history, reminders, event.
WITH changed AS (
    UPDATE bookings SET party_size = %(party_size)s, units = %(units)s, price_amount = %(price_amount)s,
           version = version + 1, updated_at = %(now)s
     WHERE id = %(id)s::uuid AND version = %(version)s
    RETURNING *
), freed AS (
    UPDATE allocations AS a SET units = b.units FROM changed AS b
     WHERE a.booking_id = b.id AND a.released_at IS NULL AND a.units <> b.units
), answer AS (
    SELECT b.*, {document} AS document FROM changed AS b
), history AS (
    INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, reason, actor_id, request_id, at)
    SELECT id, version, 'attendees', status, start_at, end_at, %(reason)s::text, %(actor_id)s::uuid, %(request_id)s::text,
           %(now)s
      FROM answer
), carried AS (
    UPDATE reminders AS r SET booking_version = b.version, leased_until = NULL FROM changed AS b
     WHERE r.booking_id = b.id AND r.sent_at IS NULL
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, actor_id, request_id, occurred_at)
    SELECT 'booking.attendees-changed', id,
           ARRAY['user:' || user_id] || ARRAY(SELECT 'resource:' || r FROM unnest(resource_ids) AS r),
           document, %(actor_id)s, %(request_id)s, %(now)s
      FROM answer
)
SELECT document::text, version FROM answer
