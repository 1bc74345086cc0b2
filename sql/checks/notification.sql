-- What must be true of reminders and of what was sent. Every row returned is a bug.

-- name: reminder_of_what_is_not
-- What waits to be sent speaks of an active booking, in its present version, at its present time.
SELECT r.id, r.booking_id, r.booking_version, r.due_at, b.version, b.status, b.start_at
  FROM reminders AS r JOIN bookings AS b ON b.id = r.booking_id
 WHERE r.sent_at IS NULL
   AND (b.status NOT IN ('pending', 'confirmed', 'checked_in') OR b.version <> r.booking_version
        OR r.due_at <> b.start_at - r.lead)

-- name: sent_twice
-- Nobody is reminded twice of the same booking for the same instant.
SELECT booking_id, recipient_id, lead, due_at, count(*) AS times
  FROM reminders WHERE sent_at IS NOT NULL
 GROUP BY booking_id, recipient_id, lead, due_at
HAVING count(*) > 1

-- name: sent_too_early
-- A reminder is sent once it is due, not before.
SELECT id, booking_id, due_at, sent_at FROM reminders WHERE sent_at < due_at

-- name: sent_without_notification
-- A reminder counts as sent exactly when its notification is written.
SELECT r.id, r.booking_id, r.sent_at, n.id AS notification_id
  FROM reminders AS r FULL JOIN notifications AS n ON n.reminder_id = r.id
 WHERE (r.sent_at IS NULL) <> (n.id IS NULL) AND (n.id IS NULL OR n.cause = 'reminder')

-- name: sent_without_event
-- Each reminder sent is one event, and each such event a reminder sent.
SELECT booking_id, due_at, lead, sent, told
  FROM (SELECT booking_id, due_at, extract(epoch FROM lead)::integer AS lead, count(*) AS sent
          FROM reminders WHERE sent_at > (SELECT until FROM events_pruned) GROUP BY 1, 2, 3) AS reminded
  FULL JOIN (SELECT booking_id, (data -> 'reminder' ->> 'dueAt')::timestamptz AS due_at,
                    (data -> 'reminder' ->> 'leadSeconds')::integer AS lead, count(*) AS told
               FROM (SELECT booking_id, type, data, occurred_at FROM events
                     UNION ALL SELECT booking_id, type, data, occurred_at FROM outbox) AS published
              WHERE type = 'booking.reminder' AND occurred_at > (SELECT until FROM events_pruned)
              GROUP BY 1, 2, 3) AS announced
  USING (booking_id, due_at, lead)
 WHERE sent IS DISTINCT FROM told
