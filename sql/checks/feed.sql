-- What must be true of calendar feeds. Every row returned is a bug.

-- name: feed_of_somebody_erased
-- Nobody reads the calendar of somebody who has left.
SELECT f.id FROM calendar_feeds AS f JOIN users AS u ON u.id = f.user_id WHERE u.erased_at IS NOT NULL

-- name: too_many_feeds
-- One user has at most twenty.
SELECT user_id, count(*) AS feeds FROM calendar_feeds GROUP BY user_id HAVING count(*) > 20
