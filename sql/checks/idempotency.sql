-- What must be true of stored answers. Every row returned is a bug.

-- name: answer_of_nothing
-- A stored answer to a new booking or series points at one that exists, and shows it.
SELECT k.actor_id, k.key, k.headers ->> 'Location' AS location
  FROM idempotency_keys AS k
 WHERE k.headers ->> 'Location' LIKE '/bookings/%'
   AND NOT EXISTS (SELECT FROM bookings AS b
                    WHERE '/bookings/' || b.id = k.headers ->> 'Location' AND b.id::text = k.body::json ->> 'id')
   AND NOT EXISTS (SELECT FROM series AS s
                    WHERE '/bookings/series/' || s.id = k.headers ->> 'Location'
                      AND s.id::text = k.body::json #>> '{series,id}')

-- name: made_under_two_keys
-- A booking was made by one request: two keys never answer with the same new booking.
SELECT headers ->> 'Location' AS location, array_agg(key) AS keys
  FROM idempotency_keys
 WHERE headers ->> 'Location' LIKE '/bookings/%' AND status = 201
 GROUP BY headers ->> 'Location'
HAVING count(*) > 1
