-- What must be true of payments. Every row returned is a bug.

-- name: ledger_disagrees
-- What was taken, given back and promised is what the operations add up to.
SELECT p.id, p.captured, p.refunded, p.refunding, o.captured AS in_ledger, o.refunded AS back_in_ledger,
       o.refunding AS promised_in_ledger
  FROM payments AS p, LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE kind = 'capture' AND state = 'done'), 0) AS captured,
           coalesce(sum(amount) FILTER (WHERE kind = 'refund' AND state = 'done'), 0) AS refunded,
           coalesce(sum(amount) FILTER (WHERE kind = 'refund' AND state = 'pending'), 0) AS refunding
      FROM payment_operations WHERE payment_id = p.id) AS o
 WHERE (p.captured, p.refunded, p.refunding) IS DISTINCT FROM (o.captured, o.refunded, o.refunding)

-- name: more_than_there_was
-- Nobody gets back more than was taken, and no more is taken than is owed.
SELECT id, amount, captured, refunded, refunding FROM payments
 WHERE NOT (0 <= refunded AND 0 <= refunding AND refunded + refunding <= captured AND captured <= amount)

-- name: status_disagrees
-- The status says what the sums say.
SELECT id, status, captured, refunded FROM payments
 WHERE (captured > 0) <> (status IN ('paid', 'partially_refunded', 'refunded'))
    OR captured > 0 AND status <> CASE refunded WHEN 0 THEN 'paid' WHEN captured THEN 'refunded'
                                  ELSE 'partially_refunded' END

-- name: booking_disagrees
-- A booking says where its present payment stands; one that was given up leaves it unpaid.
SELECT b.id, b.payment_status, p.id AS payment_id, p.status
  FROM payments AS p JOIN bookings AS b ON b.id = p.booking_id
 WHERE p.is_current
   AND b.payment_status IS DISTINCT FROM CASE p.status WHEN 'cancelled' THEN 'unpaid' ELSE p.status END

-- name: not_one_current
-- Of a booking's payments exactly one is the present one.
SELECT booking_id, count(*) FILTER (WHERE is_current) AS current_ones FROM payments
 GROUP BY booking_id HAVING count(*) FILTER (WHERE is_current) <> 1

-- name: other_currency
-- A booking is paid in its own currency.
SELECT p.id, p.currency, b.currency AS owed_in FROM payments AS p JOIN bookings AS b ON b.id = p.booking_id
 WHERE p.currency IS DISTINCT FROM b.currency

-- name: kept_for_nothing
-- Of a payment whose place another one has taken, everything is given back.
SELECT p.id, p.status, p.captured, p.refunded FROM payments AS p
 WHERE NOT p.is_current
   AND (p.captured > p.refunded + p.refunding
        OR p.status = 'authorized' AND NOT EXISTS (SELECT FROM payment_operations AS o
            WHERE o.payment_id = p.id AND o.kind = 'cancel' AND o.state = 'pending'))

-- name: more_kept_than_owed
-- Of a booking that stands no more is kept than its price and its fees, unless the gateway refused to give it back, or
-- nobody has heard yet that fewer come.
SELECT p.id, p.booking_id, p.captured, p.refunded, p.refunding, b.price_amount, b.fee_amount
  FROM payments AS p JOIN bookings AS b ON b.id = p.booking_id
 WHERE p.is_current AND b.status NOT IN ('cancelled', 'declined')
   AND p.captured - p.refunded - p.refunding > coalesce(b.price_amount, 0) + coalesce(b.fee_amount, 0)
   AND NOT EXISTS (SELECT FROM payment_operations WHERE payment_id = p.id AND kind = 'refund' AND state = 'failed')
   AND NOT EXISTS (SELECT FROM outbox WHERE booking_id = b.id AND type = 'booking.attendees-changed')
   AND NOT EXISTS (SELECT FROM events WHERE booking_id = b.id AND type = 'booking.attendees-changed'
                      AND position > coalesce((SELECT position FROM event_consumers WHERE name = 'payment'), 0))

-- name: errand_without_job
-- Whatever a gateway is still to be told, a job tells it, or is dead where somebody sees it.
SELECT o.id, o.payment_id, o.kind FROM payment_operations AS o
 WHERE o.state = 'pending'
   AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.kind = 'payment.operate' AND j.key = o.id::text
                      AND j.state IN ('waiting', 'failed', 'running', 'dead'))

-- name: notice_without_job
-- Whatever a gateway told us, a job looks into it, or is dead where somebody sees it.
SELECT n.gateway, n.event_id FROM webhook_inbox AS n
 WHERE n.processed_at IS NULL
   AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.kind = 'payment.notice' AND j.key = n.gateway || ':' || n.event_id
                      AND j.state IN ('waiting', 'failed', 'running', 'dead'))

-- name: waiting_for_nobody
-- A payment that waits is known to its gateway, or is about to be.
SELECT p.id, p.status FROM payments AS p
 WHERE p.status IN ('unpaid', 'requires_action') AND p.gateway_ref IS NULL
   AND NOT EXISTS (SELECT FROM payment_operations AS o WHERE o.payment_id = p.id AND o.state = 'pending')

-- name: told_otherwise
-- Money that came in was told once, and each time that some went back. (Of what happened before old events were
-- deleted, nothing can be said.)
SELECT p.id, p.captured, told.received, told.refunded, back.times AS refunds
  FROM payments AS p, LATERAL (
    SELECT count(*) FILTER (WHERE type = 'payment.received') AS received,
           count(*) FILTER (WHERE type = 'payment.refunded') AS refunded
      FROM (SELECT booking_id, type, data FROM events UNION ALL SELECT booking_id, type, data FROM outbox) AS e
     WHERE e.booking_id = p.booking_id AND e.type LIKE 'payment.%' AND e.data ->> 'id' = p.id::text) AS told, LATERAL (
    SELECT count(*) AS times FROM payment_operations AS o
     WHERE o.payment_id = p.id AND o.kind = 'refund' AND o.state = 'done') AS back
 WHERE p.created_at > (SELECT until FROM events_pruned)
   AND (told.received <> (p.captured > 0)::integer OR told.refunded <> back.times)

-- name: test_gateway_disagrees
-- By the test gateway's own books nobody was charged or refunded twice, and we count no money that it does not.
SELECT c.ref, c.amount, e.captured, e.refunded, p.captured AS in_ours, p.refunded AS back_in_ours
  FROM test_gateway_charges AS c
  JOIN (SELECT c.ref, coalesce(sum(e.amount) FILTER (WHERE e.kind = 'capture'), 0) AS captured,
               coalesce(sum(e.amount) FILTER (WHERE e.kind = 'refund'), 0) AS refunded
          FROM test_gateway_charges AS c LEFT JOIN test_gateway_effects AS e ON e.ref = c.ref GROUP BY c.ref) AS e
    ON e.ref = c.ref
  LEFT JOIN payments AS p ON p.gateway = 'test' AND p.gateway_ref = c.ref
 WHERE e.captured > c.amount OR e.refunded > e.captured OR p.captured > e.captured OR p.refunded > e.refunded
    OR e.refunded > p.refunded + p.refunding

-- name: money_as_a_fraction
-- Amounts are whole minor units, in every table.
SELECT table_name, column_name, data_type FROM information_schema.columns
 WHERE table_schema = 'public' AND data_type IN ('real', 'double precision', 'numeric', 'money')
   AND column_name ~ 'amount|price|captured|refund|total|revenue'
