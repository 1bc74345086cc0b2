-- Closures: time off, blackouts, and what is busy.

-- fragment: closure_document
-- The JSON of a closure `c`. Instants are UTC with Z.
json_build_object(
    'id', c.id, 'resourceId', c.resource_id,
    'startAt', btrim(to_json(lower(c.during) AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'endAt', btrim(to_json(upper(c.during) AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'kind', c.kind, 'reason', c.reason, 'calendarId', c.calendar_id,
    'createdAt', btrim(to_json(c.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z')

-- name: close
-- Close some resources, or the whole business (an id that is null), each with a row of its own.
WITH made AS (
    INSERT INTO closures (id, resource_id, during, kind, reason, created_at)
    SELECT id, resource_id, tstzrange(%(start_at)s::timestamptz, %(end_at)s::timestamptz), %(kind)s, %(reason)s, %(now)s
      FROM unnest(%(ids)s::uuid[], %(resource_ids)s::uuid[]) AS wished (id, resource_id)
    RETURNING *
)
SELECT {closure_document} AS document FROM made AS c ORDER BY id

-- fragment: claims
-- Live claims `a` of a resource `r` that touch a time `w`: through the index of the exclusive ones, or of the shared ones.
(SELECT during, units, booking_id, start_at FROM allocations
  WHERE resource_id = r.id AND during && w.during AND exclusive AND released_at IS NULL AND NOT overbooked
    AND (expires_at IS NULL OR expires_at > clock_timestamp()
         OR ended_for_line(resource_id, during, expires_at, hold_id))
 UNION ALL
 SELECT during, units, booking_id, start_at FROM allocations
  WHERE resource_id = r.id AND during && w.during AND NOT exclusive AND released_at IS NULL AND NOT overbooked
    AND (expires_at IS NULL OR expires_at > clock_timestamp()
         OR ended_for_line(resource_id, during, expires_at, hold_id)))

-- name: bookings_in_the_way
-- Bookings to come that claim a time of some resources (null: of any), the earliest first, also those beside others.
SELECT b.id, claimed.resource_id AS "resourceId", b.start_at AS "startAt", b.end_at AS "endAt", b.status
  FROM (SELECT r.id AS resource_id, a.booking_id
          FROM (SELECT tstzrange(%(start_at)s::timestamptz, %(end_at)s::timestamptz) * tstzrange(now(), NULL) AS during) AS w,
               resources AS r, LATERAL {claims} AS a
         WHERE %(resource_ids)s::uuid[] IS NULL OR r.id = ANY (%(resource_ids)s)
        UNION
        SELECT resource_id, booking_id FROM allocations
         WHERE overbooked AND released_at IS NULL
           AND during && tstzrange(%(start_at)s::timestamptz, %(end_at)s::timestamptz) * tstzrange(now(), NULL)
           AND (%(resource_ids)s::uuid[] IS NULL OR resource_id = ANY (%(resource_ids)s))) AS claimed
  JOIN bookings AS b ON b.id = claimed.booking_id
 ORDER BY b.start_at, b.id, claimed.resource_id LIMIT %(limit)s

-- fragment: closure_visible
-- An admin sees all closures, an owner those of theirs and of the whole business.
(%(is_admin)s::boolean OR c.resource_id IS NULL
   OR EXISTS (SELECT FROM resources WHERE id = c.resource_id AND owner_id = %(actor_id)s::uuid))

-- name: find_closure
-- One closure for somebody entitled to it.
SELECT {closure_document}::text AS document FROM closures AS c WHERE c.id = %(id)s::uuid AND {closure_visible}

-- name: closure_of
-- What a closure closes, before the resources are locked.
SELECT c.resource_id FROM closures AS c WHERE c.id = %(id)s AND {closure_visible}

-- name: reopen
-- Take a closure back; nothing when somebody else has.
DELETE FROM closures AS c WHERE c.id = %(id)s RETURNING {closure_document} AS document

-- fragment: closures_chosen
-- The filters of the list. Their defaults let everything pass.
{closure_visible}
   AND c.during && tstzrange(%(from)s::timestamptz, %(to)s::timestamptz)
   AND (%(resource_id)s::uuid IS NULL OR c.resource_id IS NULL OR c.resource_id = %(resource_id)s)
   AND (%(kind)s::text IS NULL OR c.kind = %(kind)s)

-- name: list_closures
-- One page by their beginning, and how many there are, counted no further than the bound.
SELECT coalesce(json_agg({closure_document} ORDER BY lower(c.during), c.id), '[]')::text AS documents,
       (SELECT count(*) FROM (SELECT FROM closures AS c WHERE {closures_chosen} LIMIT %(total_bound)s) AS counted) AS total
  FROM (SELECT * FROM closures AS c WHERE {closures_chosen}
         ORDER BY lower(c.during), c.id LIMIT %(limit)s OFFSET %(offset)s) AS c

-- name: claims_of_resource
-- What a resource has promised between two instants, in seconds since 1970; of holds only those that last, and what is kept for the
-- line. Nothing says
-- whose it is.
SELECT extract(epoch FROM lower(a.during))::float8 AS lower, extract(epoch FROM upper(a.during))::float8 AS upper, a.units
  FROM (SELECT tstzrange(%(from)s::timestamptz, %(to)s::timestamptz) AS during) AS w, resources AS r, LATERAL {claims} AS a
 WHERE r.id = %(resource_id)s::uuid

-- name: capacity_of
-- How many units a resource has.
SELECT capacity FROM resources WHERE id = %(resource_id)s::uuid

-- name: units_that_say_something
-- Active resources with hours, dates or closures of their own, each by itself; the others together, by their zone.
SELECT CASE WHEN own THEN id END AS id, time_zone, sum(capacity)::bigint AS units
  FROM (SELECT r.id, r.time_zone, r.capacity,
               EXISTS (SELECT FROM schedules WHERE layer = 'resource' AND subject_id = r.id)
               OR EXISTS (SELECT FROM closures AS c WHERE c.resource_id = r.id AND c.kind <> 'busy'
                             AND c.during && tstzrange(%(from)s::timestamptz, %(to)s::timestamptz)) AS own
          FROM resources AS r WHERE r.active) AS counted
 GROUP BY CASE WHEN own THEN id END, time_zone
