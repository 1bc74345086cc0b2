-- What must be true of calendar feeds. Every row returned is a bug.

-- name: feed_of_somebody_erased
-- Nobody reads the calendar of somebody who has left.
SELECT f.id FROM calendar_feeds AS f JOIN users AS u ON u.id = f.user_id WHERE u.erased_at IS NOT NULL

-- name: too_many_feeds
-- One user has at most twenty.
SELECT user_id, count(*) AS feeds FROM calendar_feeds GROUP BY user_id HAVING count(*) > 20

-- name: departed_and_there
-- What a booking gave up it does not claim, and it has changed since.
SELECT d.resource_id, d.booking_id FROM booking_departures AS d
  LEFT JOIN bookings AS b ON b.id = d.booking_id LEFT JOIN resources AS r ON r.id = d.resource_id
 WHERE b.id IS NULL OR r.id IS NULL OR d.resource_id = ANY (b.resource_ids) OR d.version NOT BETWEEN 2 AND b.version
