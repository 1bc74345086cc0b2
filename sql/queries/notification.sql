-- Notifications and the delivery of reminders. Only bookings/notification/ uses these. Due times are compared with
-- PostgreSQL's clock, because the clocks of workers differ.

-- name: lease_upcoming
-- Reminders that come due within the horizon and are not scheduled yet: each is leased until a moment after its time,
-- so that another worker, or the sweep, takes it over when the scheduled task is lost.
UPDATE reminders SET leased_until = greatest(due_at, now()) + %(grace)s
 WHERE id IN (SELECT id FROM reminders
               WHERE sent_at IS NULL AND due_at BETWEEN now() AND now() + %(horizon)s AND leased_until IS NULL
               ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, due_at

-- name: deliver
-- Claim what is due and say so in one statement: mark it sent and write the event; the rows of its recipient follow in
-- the same transaction. Joined to an active booking of the very version, whose row is locked: never for a cancelled or
-- moved booking, never twice.
WITH due AS (
    SELECT r.id, r.booking_id, r.recipient_id, r.due_at, r.lead, b.resource_ids, {booking.document}::jsonb AS document
      FROM reminders AS r JOIN bookings AS b
        ON b.id = r.booking_id AND b.version = r.booking_version AND b.status IN ('pending', 'confirmed', 'checked_in')
     WHERE r.sent_at IS NULL AND r.due_at <= now()
       AND CASE WHEN %(id)s::uuid IS NULL THEN coalesce(r.leased_until, r.due_at + %(grace)s) < now()
                ELSE r.id = %(id)s END
     ORDER BY r.due_at LIMIT %(limit)s
       FOR NO KEY UPDATE OF r, b SKIP LOCKED
), marked AS (
    UPDATE reminders SET sent_at = now() FROM due WHERE reminders.id = due.id
    RETURNING due.*, jsonb_build_object(
        'dueAt', btrim(to_json(due.due_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
        'leadSeconds', extract(epoch FROM due.lead)::integer) AS reminder
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, occurred_at)
    SELECT 'booking.reminder', booking_id,
           array_prepend('user:' || recipient_id, (SELECT array_agg('resource:' || r) FROM unnest(resource_ids) AS r)),
           document || jsonb_build_object('reminder', reminder), now()
      FROM marked
)
SELECT id, booking_id, recipient_id, due_at, document, reminder FROM marked

-- name: recipients
-- Whom a booking concerns: its customer and the owners of what it claims, each once; who owns what they booked
-- themselves is told as the customer.
SELECT %(user_id)s::uuid AS id, 'customer' AS audience
UNION ALL
SELECT DISTINCT owner_id, 'provider' FROM resources
 WHERE id = ANY (%(resource_ids)s::uuid[]) AND owner_id <> %(user_id)s

-- name: owners
-- Who else owns which of these resources.
SELECT id, owner_id FROM resources
 WHERE id = ANY (%(resource_ids)s::uuid[]) AND owner_id <> %(user_id)s::uuid

-- name: told_together
-- Bookings as they are now, for what they are called.
SELECT b.id, {booking.document} AS document FROM bookings AS b WHERE b.id = ANY (%(ids)s::uuid[])

-- fragment: item
-- The JSON of a notification `n` without its words, which are made when it is read.
json_build_object(
    'id', n.id, 'cause', n.cause, 'audience', n.audience, 'bookingId', n.booking_id, 'data', n.data,
    'readAt', btrim(to_json(n.read_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'createdAt', btrim(to_json(n.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z')

-- name: write
-- The rows of one fact, each once whatever is repeated; what is read in the app is an event, too.
WITH written AS (
    INSERT INTO notifications AS n (id, recipient_id, audience, booking_id, cause, subject, channel, reminder_id, data,
                                    status, sent_at, created_at, updated_at)
    SELECT r.id, r.recipient_id, r.audience, %(booking_id)s::uuid, %(cause)s::text, %(subject)s::text, r.channel,
           %(reminder_id)s::uuid, %(data)s::json, r.status,
           CASE r.status WHEN 'sent' THEN clock_timestamp() END, clock_timestamp(), clock_timestamp()
      FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS r (id uuid, recipient_id uuid, audience text, channel text, status text)
    ON CONFLICT ON CONSTRAINT notifications_once DO NOTHING
    RETURNING *
), told AS (
    INSERT INTO outbox (type, topics, data, occurred_at)
    SELECT 'notification.created', ARRAY['user:' || recipient_id], {item}, created_at FROM written AS n
     WHERE channel = 'in_app'
)
SELECT id, recipient_id, channel FROM written

-- fragment: named
-- What is needed to put a notification `n` into words: the facts it keeps, and what people and things are called today.
n.id, n.cause, n.audience, n.data, n.created_at,
(SELECT name FROM users WHERE id = (n.data -> 'booking' ->> 'userId')::uuid) AS customer,
(SELECT name FROM services WHERE id = (n.data -> 'booking' ->> 'serviceId')::uuid) AS service,
ARRAY(SELECT r.name FROM resources AS r
       WHERE r.id IN (SELECT json_array_elements_text(n.data -> 'booking' -> 'resourceIds')::uuid)
       ORDER BY r.kind <> 'provider', r.name) AS resources

-- fragment: mine
-- What somebody finds in the app.
n.recipient_id = %(user_id)s::uuid AND n.channel = 'in_app' AND (NOT %(unread)s::boolean OR n.read_at IS NULL)

-- name: list
-- One page, newest first, behind the cursor if there is one.
SELECT {named}, n.booking_id, n.read_at FROM notifications AS n
 WHERE {mine} AND (n.created_at, n.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
 ORDER BY n.created_at DESC, n.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- name: total
-- How many there are, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM notifications AS n WHERE {mine} LIMIT %(total_bound)s::bigint) AS counted

-- name: get
-- One of somebody's own.
SELECT {named}, n.booking_id, n.read_at FROM notifications AS n
 WHERE n.id = %(id)s AND n.recipient_id = %(user_id)s AND n.channel = 'in_app'

-- name: read
-- Somebody has read one; the first time counts.
UPDATE notifications SET read_at = now(), updated_at = now()
 WHERE id = %(id)s AND recipient_id = %(user_id)s AND channel = 'in_app' AND read_at IS NULL

-- name: read_all
-- Somebody has read all that there was.
UPDATE notifications SET read_at = now(), updated_at = now()
 WHERE recipient_id = %(user_id)s AND channel = 'in_app' AND read_at IS NULL

-- name: take
-- A mail about to be sent, with its booking as it is now; locked until it is marked as being sent. `waits`: an earlier
-- one of the same booking to the same person is still on its way, and not for very long.
SELECT {named}, n.recipient_id, n.status, b.status AS booking_status, b.start_at AS booking_start,
       EXISTS (SELECT FROM notifications AS e
                WHERE e.booking_id = n.booking_id AND e.recipient_id = n.recipient_id AND e.channel = 'email'
                  AND e.status IN ('queued', 'sending', 'failed')
                  AND (e.created_at, e.id) < (n.created_at, n.id)) AND n.created_at > now() - %(patience)s::interval AS waits
  FROM notifications AS n LEFT JOIN bookings AS b ON b.id = n.booking_id
 WHERE n.id = %(id)s AND n.channel = 'email' AND n.status <> 'sent' FOR UPDATE OF n

-- name: begin
-- An attempt begins.
UPDATE notifications SET status = 'sending', attempts = attempts + 1, updated_at = now() WHERE id = %(id)s

-- name: finish
-- The server has taken it, or somebody who sends for us says so; told once.
WITH done AS (
    UPDATE notifications SET status = 'sent', sent_at = coalesce(sent_at, now()), last_error = NULL,
           delivered_at = CASE WHEN %(delivered)s::boolean THEN coalesce(delivered_at, now()) ELSE delivered_at END,
           updated_at = now()
     WHERE id = %(id)s AND channel = 'email'
    RETURNING *, sent_at = now() AS first
)
INSERT INTO outbox (type, topics, data, occurred_at)
SELECT 'notification.sent', ARRAY['user:' || recipient_id], json_build_object(
           'id', id, 'cause', cause, 'audience', audience, 'channel', channel, 'bookingId', booking_id,
           'sentAt', btrim(to_json(sent_at AT TIME ZONE 'UTC')::text, '"') || 'Z'), now()
  FROM done WHERE first

-- name: fail
-- An attempt failed, or it is given up or skipped. What was sent meanwhile stays sent, unless it came back (`bounced`).
UPDATE notifications SET status = %(status)s, last_error = %(error)s, updated_at = now()
 WHERE id = %(id)s AND channel = 'email'
   AND (status IN ('queued', 'sending', 'failed') OR (status = 'sent' AND %(bounced)s::boolean))

-- fragment: fate
-- The JSON of a notification `n` for admins: what became of it.
json_build_object(
    'id', n.id, 'recipientId', n.recipient_id, 'audience', n.audience, 'cause', n.cause, 'subject', n.subject,
    'channel', n.channel, 'bookingId', n.booking_id, 'status', n.status, 'attempts', n.attempts,
    'lastError', n.last_error,
    'createdAt', btrim(to_json(n.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'updatedAt', btrim(to_json(n.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'sentAt', btrim(to_json(n.sent_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'deliveredAt', btrim(to_json(n.delivered_at AT TIME ZONE 'UTC')::text, '"') || 'Z')

-- fragment: chosen
-- The admins' filters. Their defaults let everything pass.
(%(status)s::text IS NULL OR n.status = %(status)s) AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
   AND (%(cause)s::text IS NULL OR n.cause = %(cause)s)
   AND (%(recipient_id)s::uuid IS NULL OR n.recipient_id = %(recipient_id)s)
   AND (%(booking_id)s::uuid IS NULL OR n.booking_id = %(booking_id)s)

-- name: rows
-- One page for admins, newest first, behind the cursor if there is one.
SELECT n.id, n.created_at, {fate}::text AS document FROM notifications AS n
 WHERE {chosen} AND (n.created_at, n.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
 ORDER BY n.created_at DESC, n.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- name: total_rows
-- How many pass the filters, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM notifications AS n WHERE {chosen} LIMIT %(total_bound)s::bigint) AS counted

-- name: row
-- One for admins.
SELECT n.status, n.channel, {fate}::text AS document FROM notifications AS n WHERE n.id = %(id)s

-- name: lock_row
-- One about to be changed by an admin.
SELECT n.status, n.channel, {fate} AS document FROM notifications AS n WHERE n.id = %(id)s FOR UPDATE

-- name: revive
-- A mail that is dead, or was skipped, is to be sent after all, if it is of any use now.
UPDATE notifications SET status = 'queued', sent_at = NULL, delivered_at = NULL, updated_at = now()
 WHERE id = %(id)s AND channel = 'email' AND status IN ('dead', 'skipped')

-- name: revive_oldest
-- The oldest mails that are dead are to be sent after all.
UPDATE notifications SET status = 'queued', sent_at = NULL, delivered_at = NULL, updated_at = now()
 WHERE id IN (SELECT id FROM notifications
               WHERE channel = 'email' AND status = 'dead' AND (%(cause)s::text IS NULL OR cause = %(cause)s)
               ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: review_due
-- A booking whose customer may be asked for a review: still completed, and nobody has written one.
SELECT {booking.document} AS document FROM bookings AS b
 WHERE b.id = %(id)s AND b.status = 'completed' AND NOT EXISTS (SELECT FROM reviews WHERE booking_id = b.id)

-- name: payment_told
-- The booking that a payment is for, and how much of the payment had been given back when that was told the last time.
SELECT {booking.document} AS document, coalesce((
           SELECT (data ->> 'refunded')::bigint FROM events
            WHERE booking_id = b.id AND type = 'payment.refunded' AND data ->> 'id' = %(id)s::text
              AND position < %(position)s::bigint
            ORDER BY position DESC LIMIT 1), 0) AS refunded
  FROM bookings AS b WHERE b.id = %(booking_id)s::uuid
