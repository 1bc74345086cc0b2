-- Payments: what is owed, taken and given back. Only bookings/payment/ uses these. Whoever changes a payment locks its
-- booking first, then the payment: one order, no deadlocks, and the events of both keep theirs.

-- fragment: document
-- The JSON of a payment `p`, the same in answers and events. It holds no secret.
(SELECT row_to_json(d) FROM (SELECT
    p.id,
    p.booking_id AS "bookingId",
    p.user_id AS "userId",
    p.gateway,
    p.gateway_ref AS "gatewayRef",
    p.status,
    p.amount,
    p.currency,
    p.captured,
    p.refunded,
    p.refunding,
    p.capture_later AS "captureLater",
    p.is_current AS "isCurrent",
    p.error,
    btrim(to_json(p.expires_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "expiresAt",
    (SELECT coalesce(json_agg(json_build_object(
        'id', o.id, 'kind', o.kind, 'amount', o.amount, 'state', o.state, 'reason', o.reason, 'error', o.error,
        'createdAt', btrim(to_json(o.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
        'finishedAt', btrim(to_json(o.finished_at AT TIME ZONE 'UTC')::text, '"') || 'Z') ORDER BY o.created_at, o.id), '[]')
       FROM payment_operations AS o WHERE o.payment_id = p.id) AS operations,
    p.version,
    p.created_by AS "createdBy",
    btrim(to_json(p.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(p.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: terms
-- What a payment needs to know of its booking `b`.
b.id, b.user_id, b.resource_ids, b.status, b.version, b.price_amount, b.currency, b.payment_required, b.payment_status,
b.confirm_when_paid, b.cancellation_policy, b.start_at, b.created_at, b.fee_amount

-- name: lock_booking
-- A booking about to be paid, for someone entitled to it. `is_staff`: the actor is an admin or owns something it claims.
SELECT {terms}, %(is_admin)s OR EXISTS (
           SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s) AS is_staff
  FROM bookings AS b WHERE b.id = %(id)s AND {booking.visible} FOR NO KEY UPDATE OF b

-- name: lock_booking_of
-- The booking of a payment, for someone entitled to it.
SELECT {terms}, %(is_admin)s OR EXISTS (
           SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s) AS is_staff
  FROM bookings AS b WHERE b.id = (SELECT booking_id FROM payments WHERE id = %(id)s) AND {booking.visible}
   FOR NO KEY UPDATE OF b

-- name: lock
-- A payment about to change; its booking is locked already.
SELECT p.*, {document} AS document FROM payments AS p WHERE p.id = %(id)s FOR UPDATE OF p

-- name: lock_current
-- The payment that a booking shows.
SELECT p.*, {document} AS document FROM payments AS p WHERE p.booking_id = %(booking_id)s AND p.is_current
   FOR UPDATE OF p

-- name: supersede
-- Another payment takes this one's place.
UPDATE payments SET is_current = false, version = version + 1, updated_at = %(now)s WHERE id = %(id)s

-- name: insert
-- A payment that the gateway does not know of yet.
INSERT INTO payments (id, booking_id, user_id, gateway, amount, currency, capture_later, expires_at,
                      created_by, created_at, updated_at)
VALUES (%(id)s, %(booking_id)s, %(user_id)s, %(gateway)s, %(amount)s, %(currency)s, %(capture_later)s, %(expires_at)s,
        %(actor_id)s, %(now)s, %(now)s)

-- name: write
-- The next version of a payment.
UPDATE payments SET status = %(status)s, captured = %(captured)s, refunded = %(refunded)s, refunding = %(refunding)s,
       gateway_ref = %(gateway_ref)s, error = %(error)s, asked_at = %(asked_at)s, attempts = %(attempts)s,
       version = version + 1, updated_at = %(now)s
 WHERE id = %(id)s AND version = %(version)s

-- name: asked
-- The gateway has been asked and had nothing new to say.
UPDATE payments SET asked_at = %(now)s, attempts = attempts + 1 WHERE id = %(id)s

-- name: show
-- A payment as it is now, with what only its payer may be told beside it.
SELECT {document}::text AS document, p.version, p.user_id, p.status FROM payments AS p WHERE p.id = %(id)s

-- name: get
-- One payment for someone entitled to its booking.
SELECT {document}::text, p.version FROM payments AS p JOIN bookings AS b ON b.id = p.booking_id
 WHERE p.id = %(id)s AND {booking.visible}

-- name: tell
-- Payments are told of to whom their booking is told of.
INSERT INTO outbox (type, booking_id, topics, data, actor_id, request_id, occurred_at)
SELECT %(type)s, b.id,
       array_prepend('user:' || b.user_id, (SELECT array_agg('resource:' || r) FROM unnest(b.resource_ids) AS r)),
       {document}, %(actor_id)s, %(request_id)s, %(now)s
  FROM payments AS p JOIN bookings AS b ON b.id = p.booking_id WHERE p.id = %(id)s

-- name: plan
-- What the gateway is to be told, written before it is told.
INSERT INTO payment_operations (id, payment_id, kind, amount, reason, actor_id, request_id, created_at)
VALUES (%(id)s, %(payment_id)s, %(kind)s, %(amount)s, %(reason)s, %(actor_id)s, %(request_id)s, %(now)s)

-- name: note
-- What the gateway did by itself: written down after the fact.
INSERT INTO payment_operations (id, payment_id, kind, amount, state, reason, created_at, finished_at)
VALUES (%(id)s, %(payment_id)s, %(kind)s, %(amount)s, 'done', %(reason)s, %(now)s, %(now)s)

-- name: next_errand
-- The oldest thing that a payment's gateway is still to be told, with all that telling it needs.
SELECT o.id, o.kind, o.amount, o.reason, p.id AS payment_id, p.booking_id, p.gateway, p.gateway_ref,
       p.amount AS whole, p.currency, p.capture_later
  FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
 WHERE o.payment_id = %(payment_id)s AND o.state = 'pending' ORDER BY o.created_at, o.id LIMIT 1

-- name: try_errand
-- Count an attempt, before it is made.
UPDATE payment_operations SET attempts = attempts + 1 WHERE id = %(id)s

-- name: finish_errand
-- Compare-and-set: of several who told the gateway the same under the same key, one writes down what came of it.
UPDATE payment_operations SET state = %(state)s, error = %(error)s, finished_at = %(now)s
 WHERE id = %(id)s AND state = 'pending'

-- name: is_pending
-- Whether the gateway is still to be told something about a payment, so that its present word is not the last.
SELECT FROM payment_operations WHERE payment_id = %(payment_id)s AND state = 'pending' LIMIT 1

-- name: is_planned
-- Whether the gateway is still to be told a certain thing.
SELECT FROM payment_operations WHERE payment_id = %(payment_id)s AND kind = %(kind)s AND state = 'pending' LIMIT 1

-- name: outcome
-- What became of one errand.
SELECT state, error FROM payment_operations WHERE id = %(id)s

-- name: refused_refund
-- A refund that the gateway refused, and whether another one of its payment came after it.
SELECT o.amount, o.reason, coalesce(o.error, '') AS error, EXISTS (
           SELECT FROM payment_operations AS later WHERE later.payment_id = o.payment_id AND later.kind = 'refund'
              AND (later.created_at, later.id) > (o.created_at, o.id)) AS replaced
  FROM payment_operations AS o WHERE o.id = %(id)s AND o.kind = 'refund' AND o.state = 'failed'

-- name: look_at
-- What asking the gateway about a payment needs, and what had been given back before it is asked.
SELECT gateway, gateway_ref, refunded FROM payments WHERE id = %(id)s

-- name: gave_back_less
-- What should have been given back, of a payment whose gateway says that it was less.
SELECT refunded FROM payments WHERE id = %(id)s AND error = %(error)s

-- fragment: chosen
-- Filters whose defaults let everything pass.
(%(statuses)s::text[] IS NULL OR p.status = ANY (%(statuses)s))
   AND (%(booking_id)s::uuid IS NULL OR p.booking_id = %(booking_id)s)
   AND (%(gateway)s::text IS NULL OR p.gateway = %(gateway)s)
   AND p.created_at >= %(from)s::timestamptz AND p.created_at < %(to)s::timestamptz

-- fragment: page
-- Newest first, behind the cursor.
(p.created_at, p.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
 ORDER BY p.created_at DESC, p.id DESC LIMIT %(limit)s OFFSET %(offset)s

-- name: list_of_user
-- Somebody's payments.
SELECT {document}::text AS document, p.created_at, p.id FROM payments AS p
 WHERE p.user_id = %(user_id)s AND {chosen} AND {page}

-- name: total_of_user
-- How many they are, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM payments AS p WHERE p.user_id = %(user_id)s AND {chosen}
 LIMIT %(total_bound)s) AS counted

-- fragment: theirs
-- Payments of bookings that claim something of an owner's, and what the owner pays.
(p.user_id = %(user_id)s OR p.booking_id IN (
    SELECT a.booking_id FROM resources AS r JOIN allocations AS a ON a.resource_id = r.id WHERE r.owner_id = %(user_id)s))

-- name: list_of_owner
-- What a provider has to do with.
SELECT {document}::text AS document, p.created_at, p.id FROM payments AS p WHERE {theirs} AND {chosen} AND {page}

-- name: total_of_owner
-- How many they are, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM payments AS p WHERE {theirs} AND {chosen} LIMIT %(total_bound)s) AS counted

-- name: list_of_all
-- Everybody's; for admins.
SELECT {document}::text AS document, p.created_at, p.id FROM payments AS p WHERE {chosen} AND {page}

-- name: total_of_all
-- How many they are, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM payments AS p WHERE {chosen} LIMIT %(total_bound)s) AS counted

-- name: keep_notice
-- A notice of a gateway, as it came, once.
INSERT INTO webhook_inbox (gateway, event_id, type, ref, body)
VALUES (%(gateway)s, %(event_id)s, %(type)s, %(ref)s, %(body)s) ON CONFLICT (gateway, event_id) DO NOTHING

-- name: find_notice
-- A notice, the payment it is about, and its age in seconds.
SELECT n.processed_at, n.ref, p.id AS payment_id, extract(epoch FROM now() - n.received_at)::float8 AS age
  FROM webhook_inbox AS n LEFT JOIN payments AS p ON p.gateway = n.gateway AND p.gateway_ref = n.ref
 WHERE n.gateway = %(gateway)s AND n.event_id = %(event_id)s

-- name: finish_notice
-- What became of a notice.
UPDATE webhook_inbox SET processed_at = now(), outcome = %(outcome)s
 WHERE gateway = %(gateway)s AND event_id = %(event_id)s AND processed_at IS NULL

-- name: forget_notices
-- Notices hold what the gateway knows of payers; when it will not send them again, they are of no use any more.
DELETE FROM webhook_inbox WHERE (gateway, event_id) IN (
    SELECT gateway, event_id FROM webhook_inbox
     WHERE processed_at IS NOT NULL AND received_at < now() - %(kept)s::interval LIMIT %(limit)s)

-- name: in_between
-- Payments that have been in between for too long: somebody should ask the gateway.
SELECT id FROM payments
 WHERE gateway_ref IS NOT NULL AND gateway <> 'manual' AND status IN ('unpaid', 'requires_action', 'authorized')
   AND asked_at < now() - CASE status WHEN 'authorized' THEN %(reserved)s::interval ELSE %(waiting)s::interval END
 ORDER BY asked_at LIMIT %(limit)s

-- name: declined
-- Payments that were declined, which the payer may finish after all, with another card for instance: asked about for as
-- long as bookings wait for money, and once more when that is over. (A day more is for workers that were away.)
SELECT id FROM payments
 WHERE status = 'failed' AND gateway_ref IS NOT NULL AND gateway <> 'manual'
   AND asked_at < now() - %(waiting)s::interval AND asked_at < created_at + %(ttl)s::interval
   AND created_at > now() - %(ttl)s::interval - interval '1 day'
 ORDER BY asked_at LIMIT %(limit)s

-- name: forgotten_errands
-- What a gateway should have been told long ago: its job may be dead.
SELECT id, payment_id FROM payment_operations WHERE state = 'pending' AND created_at < now() - %(waiting)s::interval
 ORDER BY created_at LIMIT %(limit)s

-- name: forgotten_notices
-- Notices that nobody has looked at: their job may be dead.
SELECT gateway, event_id FROM webhook_inbox WHERE processed_at IS NULL AND received_at < now() - %(waiting)s::interval
 ORDER BY received_at LIMIT %(limit)s

-- name: overdue
-- Bookings that should have been paid by now: the job that gives them up may be dead, or older than this worker.
SELECT id FROM bookings
 WHERE payment_required AND payment_status IN ('unpaid', 'requires_action', 'failed')
   AND status IN ('pending', 'confirmed') AND created_at < now() - %(ttl)s::interval - %(waiting)s::interval
 ORDER BY created_at LIMIT %(limit)s

-- name: unpaid
-- What giving up an unpaid booking needs to know: the booking, and how its payment stands.
SELECT b.status AS booking_status, b.created_at, b.payment_required, p.id, p.status
  FROM bookings AS b LEFT JOIN payments AS p ON p.booking_id = b.id AND p.is_current WHERE b.id = %(booking_id)s

-- name: of_booking
-- All payments of a booking, older ones, too: their money may still have to go back.
SELECT id FROM payments WHERE booking_id = %(booking_id)s ORDER BY created_at, id

-- name: test_charge
-- The test gateway takes an order, once for each reference.
INSERT INTO test_gateway_charges (ref, amount, currency, capture_later, state, error)
VALUES (%(ref)s, %(amount)s, %(currency)s, %(capture_later)s, %(state)s, %(error)s) ON CONFLICT (ref) DO NOTHING

-- name: test_find
-- A charge of the test gateway, locked while it changes; its age in seconds decides what is late.
SELECT *, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
  FROM test_gateway_charges WHERE ref = %(ref)s FOR UPDATE

-- name: test_effect
-- Money moves, once for each key.
INSERT INTO test_gateway_effects (key, ref, kind, amount) VALUES (%(key)s, %(ref)s, %(kind)s, %(amount)s)
ON CONFLICT (key) DO NOTHING

-- name: test_seen
-- Whether a key has had its effect.
SELECT FROM test_gateway_effects WHERE key = %(key)s

-- name: test_write
-- How a charge of the test gateway stands now.
UPDATE test_gateway_charges SET state = %(state)s, captured = %(captured)s, refunded = %(refunded)s, error = %(error)s
 WHERE ref = %(ref)s
