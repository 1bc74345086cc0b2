-- Damage done to sound calendar feeds, in a transaction that is undone: each is seen by the checks that should see it.

-- name: feed_that_outlived_its_user
-- A calendar of somebody who has left.
UPDATE users SET disabled_at = now(), erased_at = now() WHERE id IN (SELECT user_id FROM calendar_feeds)

-- name: feeds_without_end
-- More than one may have.
INSERT INTO calendar_feeds (id, user_id, kind, token_hash, created_at)
SELECT gen_random_uuid(), f.user_id, 'busy', n::text::bytea, now()
  FROM (SELECT user_id FROM calendar_feeds LIMIT 1) AS f, generate_series(1, 20) AS n

-- name: departure_that_came_back
-- What is claimed again and said to be gone.
INSERT INTO booking_departures (resource_id, booking_id, version, start_at, end_at, left_at)
SELECT resource_ids[1], id, version + 1, start_at, end_at, now() FROM bookings LIMIT 1
