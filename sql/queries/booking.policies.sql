-- What follows from the policies of bookings. Only bookings/booking/ uses these.

-- name: unattended
-- Bookings to which nobody has come for too long, the oldest first.
SELECT id FROM bookings
 WHERE policy IS NOT NULL AND status = 'confirmed' AND start_at <= %(now)s::timestamptz
   AND start_at + make_interval(mins => (policy ->> 'releaseAfterMinutes')::integer) <= %(now)s
 ORDER BY start_at LIMIT %(limit)s
