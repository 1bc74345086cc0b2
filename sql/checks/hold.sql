-- What must be true of holds whatever happened. Every row returned is a bug.

-- name: keeps_nothing
-- A hold that has not ended claims every resource that it names, for its units, until it ends.
SELECT h.id, wanted.resource_id, h.expires_at
  FROM holds AS h, unnest(h.resource_ids) AS wanted (resource_id)
 WHERE h.state = 'active' AND h.expires_at > now()
   AND NOT EXISTS (SELECT FROM allocations AS a
                    WHERE a.hold_id = h.id AND a.resource_id = wanted.resource_id AND a.released_at IS NULL
                      AND a.units = h.units AND a.start_at = h.start_at AND a.expires_at = h.expires_at
                      AND a.during @> tstzrange(h.start_at, h.end_at))

-- name: claim_of_no_hold
-- A claim that names a hold is of one that was not ended by anybody, and ends when it does.
SELECT a.hold_id, a.resource_id, a.expires_at, h.state, h.expires_at AS hold_expires_at
  FROM allocations AS a LEFT JOIN holds AS h ON h.id = a.hold_id
 WHERE a.hold_id IS NOT NULL
   AND (h.id IS NULL OR h.state <> 'active' OR a.expires_at IS DISTINCT FROM h.expires_at
        OR a.resource_id <> ALL (h.resource_ids))

-- name: booked_for_somebody_else
-- What a hold became is a booking of the same service, for the same customer.
SELECT h.id, h.booking_id, b.user_id, b.service_id
  FROM holds AS h LEFT JOIN bookings AS b ON b.id = h.booking_id
 WHERE h.state = 'booked' AND (b.id IS NULL OR b.user_id <> h.user_id OR b.service_id IS DISTINCT FROM h.service_id)

-- name: end_not_told
-- That a hold was made, and how it ended, was told once. (Of what happened before old events were deleted, nothing can be
-- said.)
SELECT h.id, h.state, ending.type, count(told.type) AS times
  FROM holds AS h
  CROSS JOIN LATERAL (VALUES ('hold.created', h.created_at), ('hold.' || h.state, h.updated_at)) AS ending (type, at)
  LEFT JOIN (SELECT type, data FROM events WHERE type LIKE 'hold.%'
             UNION ALL SELECT type, data FROM outbox WHERE type LIKE 'hold.%') AS told
    ON told.type = ending.type AND told.data ->> 'id' = h.id::text
 WHERE ending.type <> 'hold.active' AND ending.at > (SELECT until FROM events_pruned)
 GROUP BY h.id, h.state, ending.type
HAVING count(told.type) <> 1
