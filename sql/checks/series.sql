-- What must be true of series and of who comes along. Every row returned is a bug.

-- name: booking_of_no_series
-- A booking of a series says which of its times it stands for, and belongs to a series of the same customer and service.
SELECT b.id, b.series_id, b.occurrence, b.user_id, b.service_id
  FROM bookings AS b LEFT JOIN series AS s ON s.id = b.series_id
 WHERE (b.series_id IS NULL) <> (b.occurrence IS NULL)
    OR (b.series_id IS NOT NULL AND (s.id IS NULL OR s.user_id <> b.user_id
        OR s.service_id IS DISTINCT FROM b.service_id))

-- name: series_of_nothing
-- A series was made with bookings, and those that leave it leave some behind.
SELECT s.id FROM series AS s WHERE NOT EXISTS (SELECT FROM bookings AS b WHERE b.series_id = s.id)

-- name: split_from_nothing
-- What was split off was part of something, of the same customer.
SELECT s.id, s.split_from
  FROM series AS s LEFT JOIN series AS whole ON whole.id = s.split_from
 WHERE s.split_from IS NOT NULL AND (whole.id IS NULL OR whole.user_id <> s.user_id)

-- name: more_named_than_come
-- No more people are named than come.
SELECT b.id, b.party_size, count(*) AS named
  FROM bookings AS b JOIN attendees AS a ON a.booking_id = b.id
 GROUP BY b.id HAVING count(*) > b.party_size

-- name: attendee_of_nothing
-- Whoever comes along comes to a booking.
SELECT a.id, a.booking_id FROM attendees AS a WHERE NOT EXISTS (SELECT FROM bookings AS b WHERE b.id = a.booking_id)
