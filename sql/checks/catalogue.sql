-- What must be true of services, whatever happened. Every row returned is a bug.

-- name: price_from_wrong
-- Lists filter and sort by the lowest price that the durations give, for the smallest party.
SELECT s.id, s.price_from, s.durations
  FROM services AS s
 WHERE s.price_from <> coalesce((SELECT min((one ->> 'price')::bigint) FROM jsonb_array_elements(s.durations) AS one), -1)
                       + coalesce(s.per_person_price, 0) * s.min_party_size

-- name: durations_broken
-- A service has at least one duration; each has a length and a price in whole minor units, no length comes twice.
SELECT s.id, s.durations
  FROM services AS s
 WHERE jsonb_array_length(s.durations) = 0
    OR (SELECT count(DISTINCT one ->> 'minutes') FROM jsonb_array_elements(s.durations) AS one)
       <> jsonb_array_length(s.durations)
    OR EXISTS (SELECT FROM jsonb_array_elements(s.durations) AS one
                WHERE one ->> 'minutes' !~ '^[1-9][0-9]*$' OR one ->> 'price' !~ '^[0-9]+$')

-- name: requirement_of_what_is_not
-- What a service needs besides is chosen from resources that exist and are of that kind.
SELECT q.service_id, q.position, named.id
  FROM service_requirements AS q, unnest(q.resource_ids) AS named (id)
 WHERE NOT EXISTS (SELECT FROM resources AS r WHERE r.id = named.id AND r.kind = q.kind)

-- name: rating_impossible
-- Ratings are 1 to 5, so their sum is between the number of them and five times that.
SELECT 'service' AS what, id, rating_count, rating_sum FROM services
 WHERE rating_count < 0 OR rating_sum NOT BETWEEN rating_count AND 5 * rating_count
UNION ALL
SELECT 'resource', id, rating_count, rating_sum FROM resources
 WHERE rating_count < 0 OR rating_sum NOT BETWEEN rating_count AND 5 * rating_count

-- name: booking_of_no_service
-- The service that a booking names exists, archived or not.
SELECT b.id, b.service_id FROM bookings AS b
 WHERE b.service_id IS NOT NULL AND NOT EXISTS (SELECT FROM services AS s WHERE s.id = b.service_id)
