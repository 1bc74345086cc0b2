-- What must be true of reviews and their totals. Every row returned is a bug.

-- name: totals_wrong
-- Each counter is the number of reviews that are shown and give so many stars.
SELECT subject_id, stars, counted, reviews
  FROM (SELECT subject_id, rating AS stars, count(*) AS counted
          FROM reviews, unnest(ARRAY[service_id, provider_id, workspace_id]) AS subject_id
         WHERE hidden_at IS NULL AND withdrawn_at IS NULL AND deleted_at IS NULL AND subject_id IS NOT NULL
         GROUP BY subject_id, rating) AS recount
  FULL JOIN review_totals USING (subject_id, stars)
 WHERE coalesce(counted, 0) <> coalesce(reviews, 0)

-- name: by_somebody_else
-- A review is written by the customer of its booking, and speaks of what was booked.
SELECT r.id, r.booking_id, r.author_id, b.user_id
  FROM reviews AS r LEFT JOIN bookings AS b ON b.id = r.booking_id
 WHERE b.id IS NULL OR r.author_id <> b.user_id
    OR (r.service_id, r.provider_id, r.workspace_id, r.resource_ids)
       IS DISTINCT FROM (b.service_id, b.provider_id, b.workspace_id, b.resource_ids)

-- name: reviewed_twice
-- A booking has one review, deleted ones counted.
SELECT booking_id, count(*) AS times FROM reviews GROUP BY booking_id HAVING count(*) > 1

-- name: of_what_did_not_take_place
-- A review is of a booking that had been completed.
SELECT r.id, r.booking_id, r.created_at
  FROM reviews AS r
 WHERE NOT EXISTS (SELECT FROM booking_history AS h WHERE h.booking_id = r.booking_id AND h.status = 'completed')

-- name: rating_wrong
-- The rating beside a service or resource is what its totals say.
SELECT kind, id, rating_count, rating_sum, counted.*
  FROM (SELECT 'service' AS kind, id, rating_count, rating_sum FROM services
        UNION ALL SELECT 'resource', id, rating_count, rating_sum FROM resources) AS rated
  LEFT JOIN (SELECT subject_id, sum(reviews) AS reviews, sum(reviews * stars) AS stars
               FROM review_totals GROUP BY subject_id) AS counted ON counted.subject_id = rated.id
 WHERE (rating_count, rating_sum) IS DISTINCT FROM (coalesce(reviews, 0), coalesce(stars, 0))

-- name: not_with_its_booking
-- A review is withdrawn exactly while its booking is not completed, as soon as the worker has heard of it.
SELECT r.id, r.booking_id, b.status, r.withdrawn_at
  FROM reviews AS r JOIN bookings AS b ON b.id = r.booking_id
 WHERE r.deleted_at IS NULL AND (b.status = 'completed') <> (r.withdrawn_at IS NULL)
   AND NOT EXISTS (SELECT FROM outbox WHERE booking_id = r.booking_id)
   AND NOT EXISTS (SELECT FROM events WHERE booking_id = r.booking_id AND position >
                   coalesce((SELECT position FROM event_consumers WHERE name = 'review'), 0))
