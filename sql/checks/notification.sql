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

-- name: told_twice
-- Nobody is told the same cause of the same subject twice on one channel.
SELECT recipient_id, cause, subject, channel, count(*) AS times
  FROM notifications GROUP BY recipient_id, cause, subject, channel HAVING count(*) > 1

-- name: told_another_customer
-- Who is told as the customer of a booking is its customer.
SELECT n.id, n.recipient_id, b.user_id
  FROM notifications AS n LEFT JOIN bookings AS b ON b.id = n.booking_id
 WHERE n.booking_id IS NOT NULL AND (b.id IS NULL OR (n.audience = 'customer' AND b.user_id <> n.recipient_id))

-- name: impossible_state
-- What is in the app or in the log is there at once; a mail that is sent was tried or reported, and says when; one that
-- failed or was skipped says why.
SELECT id, channel, status, attempts, sent_at, delivered_at, last_error
  FROM notifications
 WHERE (channel <> 'email' AND (status <> 'sent' OR attempts > 0 OR delivered_at IS NOT NULL))
    OR (channel <> 'in_app' AND read_at IS NOT NULL)
    OR (status = 'sent' AND sent_at IS NULL)
    OR (channel = 'email' AND status = 'sent' AND attempts = 0 AND delivered_at IS NULL)
    OR (status IN ('failed', 'dead', 'skipped') AND last_error IS NULL)

-- name: mail_without_job
-- Every mail that is still to be sent is the job of somebody, or its job has died and is about to say so.
SELECT n.id, n.status, n.created_at
  FROM notifications AS n
 WHERE n.channel = 'email' AND n.status IN ('queued', 'sending', 'failed')
   AND NOT EXISTS (SELECT FROM jobs AS j
                    WHERE j.kind = 'notification.deliver' AND j.key = n.id::text
                      AND (j.state IN ('waiting', 'running', 'failed') OR (j.state = 'dead' AND j.told_at IS NULL)))

-- name: in_app_without_event
-- What somebody finds in the app was told on their sockets, once.
SELECT n.id, count(told.id) AS times
  FROM notifications AS n
  LEFT JOIN (SELECT (data ->> 'id')::uuid AS id FROM events WHERE type = 'notification.created'
             UNION ALL
             SELECT (data ->> 'id')::uuid FROM outbox WHERE type = 'notification.created') AS told ON told.id = n.id
 WHERE n.channel = 'in_app' AND n.created_at > (SELECT until FROM events_pruned)
 GROUP BY n.id
HAVING count(told.id) <> 1

-- name: mail_sent_without_event
-- A mail that was sent is an event.
SELECT n.id, n.sent_at
  FROM notifications AS n
 WHERE n.channel = 'email' AND n.sent_at > (SELECT until FROM events_pruned) AND n.status = 'sent' AND n.id NOT IN (
       SELECT (data ->> 'id')::uuid FROM events WHERE type = 'notification.sent'
       UNION ALL
       SELECT (data ->> 'id')::uuid FROM outbox WHERE type = 'notification.sent')
