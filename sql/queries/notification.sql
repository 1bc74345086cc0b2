-- The delivery of reminders. Only bookings/notification/ uses these. Due times are compared with PostgreSQL's clock,
-- because the clocks of workers differ.

-- name: lease_upcoming
-- Reminders that come due within the horizon and are not scheduled yet: each is leased until a moment after its time,
-- so that another worker, or the sweep, takes it over when the scheduled task is lost.
UPDATE reminders SET leased_until = greatest(due_at, now()) + %(grace)s
 WHERE id IN (SELECT id FROM reminders
               WHERE sent_at IS NULL AND due_at BETWEEN now() AND now() + %(horizon)s AND leased_until IS NULL
               ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, due_at

-- name: deliver
-- Claim what is due and say so in one statement: mark it sent, write the notification and the event. Joined to an
-- active booking of the very version, whose row is locked: never for a cancelled or moved booking, never twice.
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
    RETURNING due.*, due.document || jsonb_build_object('reminder', jsonb_build_object(
        'dueAt', btrim(to_json(due.due_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
        'leadSeconds', extract(epoch FROM due.lead)::integer)) AS data
), noted AS (
    INSERT INTO notifications (recipient_id, booking_id, cause, channel, reminder_id, data)
    SELECT recipient_id, booking_id, 'reminder', 'log', id, data FROM marked
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, occurred_at)
    SELECT 'booking.reminder', booking_id,
           array_prepend('user:' || recipient_id, (SELECT array_agg('resource:' || r) FROM unnest(resource_ids) AS r)),
           data, now()
      FROM marked
)
SELECT id, booking_id, recipient_id, due_at FROM marked
