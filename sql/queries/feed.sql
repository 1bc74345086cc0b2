-- Calendars that other programs read. Only bookings/feed/ uses these.

-- fragment: document
-- The JSON of a feed `f`, without its secret.
(SELECT row_to_json(d)::text FROM (SELECT
    f.id, f.kind, f.name, f.resource_id AS "resourceId",
    btrim(to_json(f.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(f.last_read_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "lastReadAt"
) AS d)

-- name: lock_user
-- Feeds of one user are counted and made one after the other.
SELECT (SELECT count(*) FROM calendar_feeds WHERE user_id = u.id) AS feeds
  FROM users AS u WHERE u.id = %(user_id)s FOR NO KEY UPDATE

-- name: owner_of
-- Whose a resource is.
SELECT owner_id FROM resources WHERE id = %(resource_id)s

-- name: insert
-- A new feed.
INSERT INTO calendar_feeds AS f (id, user_id, resource_id, kind, name, token_hash, created_at)
VALUES (%(id)s, %(user_id)s, %(resource_id)s, %(kind)s, %(name)s, %(token_hash)s, %(now)s)
RETURNING {document} AS document

-- name: list
-- A user's feeds, oldest first; there are few.
SELECT coalesce(string_agg({document}, ',' ORDER BY f.created_at, f.id), '') AS documents
  FROM calendar_feeds AS f WHERE f.user_id = %(user_id)s

-- name: delete
-- From now on its address shows nothing.
DELETE FROM calendar_feeds WHERE id = %(id)s AND user_id = %(user_id)s RETURNING resource_id, kind

-- fragment: feed
-- The feed behind a secret, while its user may still see what it shows.
feed AS (
    SELECT f.id, f.kind, f.user_id, f.resource_id, f.name, f.created_at, u.locale, u.name AS user_name,
           r.name AS resource_name, greatest(f.created_at, r.updated_at, u.updated_at) AS changed_at,
           f.last_read_at IS NULL OR f.last_read_at < %(now)s::timestamptz - interval '1 hour' AS unread,
           concat(u.version, ' ', r.version) AS versions
      FROM calendar_feeds AS f
      JOIN users AS u ON u.id = f.user_id AND u.disabled_at IS NULL
      LEFT JOIN resources AS r ON r.id = f.resource_id
     WHERE f.token_hash = %(token_hash)s::bytea
       AND (f.resource_id IS NULL OR r.owner_id = u.id OR u.role = 'admin')
)

-- fragment: within
-- Whether booking `b` is shown: not long over, not too far ahead, and called off only a while ago.
b.start_at >= %(earliest_start)s::timestamptz AND b.start_at < %(until)s::timestamptz AND b.end_at >= %(since)s::timestamptz
  AND (b.status NOT IN ('cancelled', 'declined') OR b.updated_at >= %(since)s)

-- fragment: current
-- What is shown of booking `b`.
b.id, b.version, b.created_at, b.updated_at, b.start_at, b.end_at, b.status, b.title, b.location, b.party_size,
           b.user_id, b.service_id, b.resource_ids, false AS departed

-- fragment: shown
-- The bookings of a feed. One that was passed on to another resource is cancelled here, as it was when it left: what it
-- has become since only those may see whom it concerns.
shown AS (
    SELECT {current} FROM feed
      JOIN bookings AS b ON b.user_id = feed.user_id WHERE feed.resource_id IS NULL AND {within}
    UNION ALL
    SELECT {current} FROM feed
      JOIN allocations AS a ON a.resource_id = feed.resource_id
                           AND a.start_at >= %(earliest_start)s AND a.start_at < %(until)s
      JOIN bookings AS b ON b.id = a.booking_id
     WHERE {within}
    UNION ALL
    SELECT b.id, d.version, b.created_at, d.left_at, d.start_at, d.end_at, 'cancelled', NULL, NULL, 1,
           b.user_id, b.service_id, ARRAY[d.resource_id], true
      FROM feed JOIN booking_departures AS d ON d.resource_id = feed.resource_id JOIN bookings AS b ON b.id = d.booking_id
     WHERE d.left_at >= %(since)s AND d.end_at >= %(since)s
       AND d.start_at >= %(earliest_start)s AND d.start_at < %(until)s
)

-- name: state
-- A feed, and what tells whether its text is still the same: a sum over all that is shown, names of people and things
-- included, and when the last of it changed or came into sight.
WITH {feed}, {shown}, seen AS (
    SELECT count(*) AS entries,
           sum(hashtextextended(concat(b.id, ' ', b.version, ' ', s.version, ' ', c.version, ' ', (
               SELECT sum(r.version) FROM resources AS r WHERE r.id = ANY (b.resource_ids))), 0)::numeric) AS sum,
           max(greatest(b.updated_at, b.start_at - %(ahead)s::interval, s.updated_at, c.updated_at, (
               SELECT max(r.updated_at) FROM resources AS r WHERE r.id = ANY (b.resource_ids)))) AS changed_at
      FROM shown AS b JOIN users AS c ON c.id = b.user_id LEFT JOIN services AS s ON s.id = b.service_id
)
SELECT feed.id, feed.kind, feed.user_id, feed.resource_id, feed.locale, feed.unread, feed.versions,
       coalesce(feed.name, feed.resource_name, feed.user_name) AS title,
       seen.entries, seen.sum::text AS sum, greatest(feed.changed_at, seen.changed_at) AS changed_at
  FROM feed, seen

-- fragment: entry
-- What an entry needs to know of booking `b`.
b.id, b.version, b.created_at, b.updated_at, b.start_at, b.end_at, b.status, b.title, b.location, b.party_size,
       s.name AS service, c.name AS customer,
       ARRAY(SELECT r.name FROM resources AS r WHERE r.id = ANY (b.resource_ids)
              ORDER BY array_position(b.resource_ids, r.id)) AS resources

-- name: entries
-- The text of a feed, by time, and no more than a calendar program can bear.
WITH {feed}, {shown}
SELECT {entry}, b.departed FROM shown AS b JOIN users AS c ON c.id = b.user_id LEFT JOIN services AS s ON s.id = b.service_id
 ORDER BY b.start_at, b.id LIMIT %(limit)s

-- name: booking
-- One booking for someone entitled to it, and whether they are its customer.
SELECT {entry}, false AS departed, b.user_id = %(actor_id)s AS mine
  FROM bookings AS b JOIN users AS c ON c.id = b.user_id LEFT JOIN services AS s ON s.id = b.service_id
 WHERE b.id = %(id)s::uuid AND {booking.visible}

-- name: was_read
-- Its owner sees that it is in use.
UPDATE calendar_feeds SET last_read_at = %(now)s WHERE id = %(id)s
