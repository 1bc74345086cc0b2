-- What follows from the policies of bookings. Only bookings/booking/ uses these.

-- name: unattended
-- Bookings to which nobody has come for too long, the oldest first.
SELECT id FROM bookings
 WHERE policy IS NOT NULL AND status = 'confirmed' AND start_at <= %(now)s::timestamptz
   AND start_at + make_interval(mins => (policy ->> 'releaseAfterMinutes')::integer) <= %(now)s
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
