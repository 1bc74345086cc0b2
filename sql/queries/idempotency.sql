-- Stored answers; see bookings/idempotency.py.

-- name: store
-- Last statement of a command: the primary key makes a twin wait, then fail.
INSERT INTO idempotency_keys (actor_id, key, fingerprint, status, headers, body)
VALUES (%(actor_id)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s, %(body)s)

-- name: find
-- What was answered before.
SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE actor_id = %(actor_id)s AND key = %(key)s

-- name: forget
-- Housekeeping: keys older than their time to live.
DELETE FROM idempotency_keys WHERE created_at < now() - %(ttl)s::interval
