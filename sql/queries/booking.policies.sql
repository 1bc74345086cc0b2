-- What follows from the policies of bookings. Only bookings/booking/ uses these.

-- name: unattended
-- Bookings, and requests that nobody has answered, to which nobody has come for too long, the oldest first. Each status has
-- an index of its own.
SELECT id FROM (
    SELECT id, start_at FROM bookings
     WHERE policy IS NOT NULL AND status = 'confirmed' AND start_at <= %(now)s::timestamptz
       AND start_at + make_interval(mins => (policy ->> 'releaseAfterMinutes')::integer) <= %(now)s
    UNION ALL
    SELECT id, start_at FROM bookings
     WHERE policy IS NOT NULL AND status = 'pending' AND start_at <= %(now)s
       AND start_at + make_interval(mins => (policy ->> 'releaseAfterMinutes')::integer) <= %(now)s) AS due
 ORDER BY start_at LIMIT %(limit)s

-- name: reassignable
-- The resources that a booking claims and one that is to replace one of them; of each, whether it delivers the service
-- and which of its requirements it serves.
SELECT r.id, r.kind, r.owner_id, r.active, r.capacity,
       EXISTS (SELECT FROM service_resources AS d
                WHERE d.service_id = %(service_id)s::uuid AND d.resource_id = r.id) AS delivers,
       ARRAY(SELECT q.position FROM service_requirements AS q
              WHERE q.service_id = %(service_id)s AND q.kind = r.kind
                AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids))) AS serves
  FROM resources AS r WHERE r.id = ANY (%(resource_ids)s::uuid[]) OR r.id = %(wished)s

-- name: claimable
-- Resources that somebody wants to claim against the rules, and whether there is room for it.
SELECT r.id, r.kind, r.owner_id, r.auto_confirm, {room} AS has_room
  FROM resources AS r, (SELECT tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz) AS during,
                               %(units)s::integer AS units, %(session_places)s::integer AS places) AS w
 WHERE r.id = ANY (%(resource_ids)s::uuid[])

-- name: create_beside
-- As `create_of_service`, by staff who override: whatever the calendars say, with or without a service. Claims of the
-- resources in `beside` stand outside the constraint, so that it holds for everybody else.
WITH asked AS (
    SELECT id, exclusive FROM resources
     WHERE id = ANY (%(resource_ids)s::uuid[]) AND active AND capacity >= %(units)s::integer
), claimed AS (
    INSERT INTO allocations (resource_id, exclusive, during, units, places, booking_id, start_at, overbooked)
    SELECT id, exclusive, tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz), %(units)s,
           %(session_places)s::integer, %(id)s::uuid, %(start_at)s::timestamptz, id = ANY (%(beside)s::uuid[])
      FROM asked WHERE EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL)
     ORDER BY id
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
    RETURNING resource_id
), {booked_of_service}, {assigned_and_told}

-- name: take_claims_beside
-- The second half of a move by staff who override: as `take_claims`, those of `beside` outside the constraint.
INSERT INTO allocations (resource_id, exclusive, during, units, places, booking_id, start_at, overbooked)
SELECT r.id, exclusive, tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz), %(units)s,
       %(session_places)s::integer, %(id)s, %(start_at)s, r.id = ANY (%(beside)s::uuid[])
  FROM resources AS r WHERE r.id = ANY (%(resource_ids)s::uuid[]) ORDER BY r.id
ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING

-- name: beside
-- Claims that stand outside the constraint and would fit into it now, the oldest booking first; of some resources, or
-- of all that there are.
SELECT a.booking_id, a.resource_id FROM allocations AS a JOIN resources AS r ON r.id = a.resource_id, LATERAL (
    SELECT a.during, a.units, a.places) AS w
 WHERE a.overbooked AND a.released_at IS NULL AND upper(a.during) > now()
   AND (%(resource_ids)s::uuid[] IS NULL OR a.resource_id = ANY (%(resource_ids)s)) AND {room}
 ORDER BY a.booking_id, a.resource_id LIMIT 1000

-- name: join
-- Such a claim becomes one like any other, if nobody was quicker.
UPDATE allocations SET overbooked = false
 WHERE booking_id = %(booking_id)s AND resource_id = %(resource_id)s AND overbooked AND released_at IS NULL

-- name: no_shows
-- How often a customer did not come to what was to begin within so many days.
SELECT count(*) AS times FROM bookings
 WHERE user_id = %(user_id)s::uuid AND status = 'no_show' AND start_at > %(now)s::timestamptz - make_interval(days => %(days)s::integer)

-- name: providers
-- Which of these resources are providers.
SELECT id FROM resources WHERE id = ANY (%(ids)s::uuid[]) AND kind = 'provider' AND active
