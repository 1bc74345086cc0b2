-- Seeding: what follows from the bookings that scripts/seed.py has copied in. Runs in its one transaction.

-- name: steps_table
-- Every version of every seeded booking, and every reminder sent: what history, audit and events are made of.
CREATE TEMPORARY TABLE seeded_steps (
    booking_id     uuid NOT NULL,
    version        integer NOT NULL,
    at             timestamptz NOT NULL,
    action         text NOT NULL,
    type           text NOT NULL,
    status         text NOT NULL,
    start_at       timestamptz NOT NULL,
    end_at         timestamptz NOT NULL,
    payment_status text,
    reason         text,
    status_reason  text,
    actor_id       uuid,
    request_id     text,
    updated_at     timestamptz NOT NULL,
    lead           interval,
    reminder_id    uuid,
    audited_as     text,
    audit_before   json,
    audit_after    json
) ON COMMIT DROP

-- name: nobody_asked
-- Hours that were there from the beginning are no news.
DELETE FROM outbox WHERE type = 'calendar.changed'

-- name: steps_index
-- The steps are told in the order of time, a few days after the other.
CREATE INDEX ON seeded_steps (at)

-- name: history
-- The history of a while.
INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, reason, actor_id, request_id, at)
SELECT booking_id, version, action, status, start_at, end_at, reason, actor_id, request_id, at FROM seeded_steps
 WHERE at >= %(from)s AND at < %(to)s AND action <> 'reminder'
 ORDER BY at, booking_id, version

-- name: audit
-- Who used a privilege in it.
INSERT INTO audit_entries (at, actor_id, actor_role, request_id, action, subject_type, subject_id, before, after)
SELECT at, actor_id, audited_as, request_id, 'booking.' || action, 'booking', booking_id::text, audit_before, audit_after
  FROM seeded_steps
 WHERE at >= %(from)s AND at < %(to)s AND audited_as IS NOT NULL
 ORDER BY at, booking_id, version

-- name: events
-- What was told in it, in the words of the service: documents of bookings as they were then.
INSERT INTO events (position, type, booking_id, topics, data, actor_id, request_id, occurred_at, placed_at)
SELECT %(after)s::bigint + row_number() OVER (ORDER BY b.at, b.id, b.version, b.lead NULLS FIRST), b.type, b.id,
       array_prepend('user:' || b.user_id, ARRAY(SELECT 'resource:' || named FROM unnest(b.resource_ids) AS named)),
       CASE WHEN b.lead IS NULL THEN {booking.document} ELSE ({booking.document}::jsonb || jsonb_build_object('reminder',
           jsonb_build_object('dueAt', btrim(to_json((b.start_at - b.lead) AT TIME ZONE 'UTC')::text, '"') || 'Z',
                              'leadSeconds', extract(epoch FROM b.lead)::integer)))::json END,
       b.actor_id, b.request_id, b.at, b.at + interval '20 milliseconds'
  FROM (SELECT k.id, k.user_id, k.provider_id, k.workspace_id, k.resource_ids, s.start_at, s.end_at, k.units, s.status,
               s.status_reason, k.service_id, k.party_size, k.price_amount, k.currency, k.payment_required,
               s.payment_status, k.cancellation_policy, k.title, k.description, k.location, k.notes, s.version,
               k.created_by, k.created_at, s.updated_at, s.at, s.type, s.lead, s.actor_id, s.request_id,
               k.policy, k.reschedules, k.fee_amount, k.overbooked, k.released_at, k.series_id, k.occurrence
          FROM seeded_steps AS s JOIN bookings AS k ON k.id = s.booking_id
         WHERE s.at >= %(from)s AND s.at < %(to)s) AS b

-- name: notifications
-- What customers were told of it: reminders in the log, and lately everything in the app, which is an event, too.
WITH heard AS (
    SELECT e.*, %(causes)s::jsonb ->> CASE WHEN e.type = 'booking.created' AND e.data ->> 'status' = 'confirmed'
                                          THEN 'booking.confirmed' ELSE e.type END AS cause
      FROM events AS e WHERE e.position > %(after)s AND e.type = ANY (%(types)s)
       AND (e.type = 'booking.reminder' OR e.occurred_at >= %(recent)s)
), written AS (
    INSERT INTO notifications (id, recipient_id, audience, booking_id, cause, subject, channel, reminder_id, data, status,
                               sent_at, created_at, updated_at)
    SELECT md5(h.position || channel)::uuid, (h.data ->> 'userId')::uuid, 'customer', h.booking_id, h.cause,
           coalesce('reminder:' || s.reminder_id, 'booking:' || h.booking_id || ':' || (h.data ->> 'version')), channel,
           s.reminder_id, json_build_object(
               'booking', (SELECT json_object_agg(key, value) FROM json_each(h.data) WHERE key = ANY (%(kept)s)),
               'reminder', h.data -> 'reminder'), 'sent', h.occurred_at, h.occurred_at, h.occurred_at
      FROM heard AS h
      LEFT JOIN seeded_steps AS s ON s.booking_id = h.booking_id AND s.at = h.occurred_at AND h.type = 'booking.reminder'
                                 AND s.at >= %(from)s AND s.at < %(to)s AND s.lead IS NOT NULL
     CROSS JOIN unnest(ARRAY['log', 'in_app']) AS channel
     WHERE CASE channel WHEN 'log' THEN h.type = 'booking.reminder' ELSE h.occurred_at >= %(recent)s END
     ORDER BY h.position
    RETURNING *
)
INSERT INTO events (position, type, topics, data, occurred_at, placed_at)
SELECT %(last)s::bigint + row_number() OVER (ORDER BY n.created_at, n.id), 'notification.created',
       ARRAY['user:' || n.recipient_id], {notification.item}, n.created_at, n.created_at + interval '40 milliseconds'
  FROM written AS n WHERE n.channel = 'in_app'

-- name: read
-- What was told some days ago has been read.
UPDATE notifications SET read_at = created_at + interval '3 hours', updated_at = created_at + interval '3 hours'
 WHERE channel = 'in_app' AND created_at < %(unread)s AND read_at IS NULL

-- fragment: told_of_payments
-- To whom the payments `p` of a while are told, and when.
b.id, array_prepend('user:' || b.user_id, ARRAY(SELECT 'resource:' || named FROM unnest(b.resource_ids) AS named)),
       {payment.document}, '00000000-0000-0000-0000-000000000000', p.updated_at, p.updated_at + interval '30 milliseconds'

-- name: money_received
-- Money that came in, as the payment was then: before anything of it was given back.
WITH payment_operations AS NOT MATERIALIZED (SELECT * FROM public.payment_operations WHERE kind <> 'refund')
INSERT INTO events (position, type, booking_id, topics, data, actor_id, occurred_at, placed_at)
SELECT %(last)s::bigint + row_number() OVER (ORDER BY p.updated_at, p.id), 'payment.received', {told_of_payments}
  FROM (SELECT q.id, q.booking_id, q.user_id, q.gateway, q.gateway_ref, q.amount, q.currency, q.captured, q.capture_later,
               q.is_current, q.error, q.expires_at, q.created_by, q.created_at, 'paid' AS status,
               0::bigint AS refunded, 0::bigint AS refunding, 2 AS version, s.at AS updated_at
          FROM seeded_steps AS s JOIN payments AS q ON q.booking_id = s.booking_id
         WHERE s.at >= %(from)s AND s.at < %(to)s AND s.action = 'payment' AND s.payment_status = 'paid') AS p
  JOIN bookings AS b ON b.id = p.booking_id

-- name: money_back
-- Money that was given back.
INSERT INTO events (position, type, booking_id, topics, data, actor_id, occurred_at, placed_at)
SELECT %(last)s::bigint + row_number() OVER (ORDER BY p.updated_at, p.id), 'payment.refunded', {told_of_payments}
  FROM seeded_steps AS s JOIN payments AS p ON p.booking_id = s.booking_id JOIN bookings AS b ON b.id = p.booking_id
 WHERE s.at >= %(from)s AND s.at < %(to)s AND s.action = 'payment'
   AND s.payment_status IN ('refunded', 'partially_refunded')

-- name: audit_money
-- Money that staff took at the desk.
INSERT INTO audit_entries (at, actor_id, actor_role, request_id, action, subject_type, subject_id, before, after)
SELECT o.finished_at, o.actor_id, u.role, o.request_id, 'payment.capture', 'payment', p.id::text,
       json_build_object('status', 'unpaid'),
       json_build_object('amount', o.amount, 'currency', p.currency, 'reason', NULL)
  FROM seeded_steps AS s JOIN payments AS p ON p.booking_id = s.booking_id
  JOIN payment_operations AS o ON o.payment_id = p.id AND o.kind = 'capture' JOIN users AS u ON u.id = o.actor_id
 WHERE s.at >= %(from)s AND s.at < %(to)s AND s.action = 'payment' AND s.payment_status = 'paid'
 ORDER BY o.finished_at, p.id

-- name: test_charges
-- The test gateway's own books: it can give back what was paid through it.
INSERT INTO test_gateway_charges (ref, amount, currency, capture_later, state, captured, refunded, created_at)
SELECT gateway_ref, amount, currency, false, 'captured', captured, refunded, created_at
  FROM payments WHERE gateway = 'test' AND gateway_ref LIKE 'seeded%%' ORDER BY created_at, id

-- name: test_effects
-- What it did with the money.
INSERT INTO test_gateway_effects (key, ref, kind, amount, at)
SELECT o.id::text, p.gateway_ref, o.kind, o.amount, o.finished_at
  FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
 WHERE p.gateway = 'test' AND p.gateway_ref LIKE 'seeded%%' AND o.kind IN ('capture', 'refund')
 ORDER BY o.finished_at, o.id

-- name: last_position
-- The end of the order. Nobody else places events while the town is told.
SELECT coalesce(max(position), 0) FROM events

-- name: hold_the_order
-- A relay waits until the town is told.
LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE

-- name: pass_consumers
-- What is past has had its effects: consumers that had read everything before the town have read the town, too.
UPDATE event_consumers SET position = %(last)s WHERE position = %(before)s AND failing IS NULL

-- name: count_overview
-- The dashboard's counts, which consumers of events keep otherwise.
SELECT overview_recount_bookings('2000-01-01Z', '9000-01-01Z'), overview_recount_money('2000-01-01Z', '9000-01-01Z')

-- name: seeded
-- Which town is here already.
SELECT after ->> 'size' AS size, after ->> 'today' AS today, (after ->> 'bookings')::bigint AS bookings
  FROM audit_entries WHERE action = 'town.seed' ORDER BY id LIMIT 1

-- name: strangers
-- Whether anybody lives here who is not of the demo.
SELECT EXISTS (SELECT FROM users WHERE id <> ALL (%(demo)s::uuid[])) OR EXISTS (SELECT FROM bookings)

-- name: sign
-- The town says in the audit trail that it was made, and how.
INSERT INTO audit_entries (at, actor_id, actor_role, action, subject_type, subject_id, after)
VALUES (%(at)s, '00000000-0000-0000-0000-000000000000', 'admin', 'town.seed', 'town', %(size)s,
        json_build_object('size', %(size)s::text, 'seed', %(seed)s::text, 'today', %(today)s::text,
                          'bookings', %(bookings)s::bigint))
