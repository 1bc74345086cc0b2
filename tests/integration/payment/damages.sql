-- Damage done to sound payments, in a transaction that is undone: each is seen by the checks that should see it. `paid` is
-- a payment that was given back in part, `old` one whose place it took.

-- name: money_that_the_ledger_does_not_know
-- Money that the ledger does not know.
UPDATE payments SET captured = captured - 100 WHERE gateway = 'test' AND status = 'partially_refunded'

-- name: ledger_row_lost
-- A refund lost.
DELETE FROM payment_operations WHERE kind = 'refund' AND state = 'done'

-- name: given_back_too_much
-- More given back than was taken.
UPDATE payments SET refunding = captured WHERE status = 'partially_refunded'

-- name: refunded_that_is_called_paid
-- A status that forgets a refund.
UPDATE payments SET status = 'paid' WHERE status = 'partially_refunded'

-- name: booking_that_says_otherwise
-- A booking that was not told.
UPDATE bookings SET payment_status = 'unpaid' WHERE payment_status = 'partially_refunded'

-- name: two_current_payments
-- Two present payments.
UPDATE payments SET is_current = true WHERE NOT is_current

-- name: paid_in_another_currency
-- Another currency.
UPDATE payments SET currency = 'USD' WHERE status = 'partially_refunded'

-- name: paid_twice
-- An old payment that brought money, too.
WITH old AS (UPDATE payments SET captured = 100, status = 'paid' WHERE NOT is_current RETURNING *), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, occurred_at)
    SELECT 'payment.received', b.id,
           array_prepend('user:' || b.user_id, (SELECT array_agg('resource:' || r) FROM unnest(b.resource_ids) AS r)),
           json_build_object('id', old.id), now()
      FROM old JOIN bookings AS b ON b.id = old.booking_id)
INSERT INTO payment_operations (id, payment_id, kind, amount, state, created_at, finished_at)
SELECT gen_random_uuid(), id, 'capture', 100, 'done', now(), now() FROM old

-- name: price_that_fell_unheard
-- Fewer come, and nobody gave back what they had paid.
UPDATE bookings SET price_amount = 1 WHERE payment_status = 'partially_refunded'

-- name: errand_that_nobody_runs
-- The job of an errand lost.
DELETE FROM jobs WHERE kind = 'payment.operate' AND key IN (SELECT id::text FROM payment_operations WHERE state = 'pending')

-- name: notice_that_nobody_reads
-- The job of a notice lost.
DELETE FROM jobs WHERE kind = 'payment.notice'

-- name: payment_that_the_gateway_never_heard_of
-- A payment begun without an errand.
UPDATE payment_operations SET state = 'failed', finished_at = now() WHERE state = 'pending' AND kind = 'pay'

-- name: refund_that_nobody_was_told_of
-- An event lost.
DELETE FROM outbox WHERE type = 'payment.refunded'

-- name: charged_twice
-- The test gateway was given two keys for one thing.
INSERT INTO test_gateway_effects (key, ref, kind, amount)
SELECT 'again', ref, kind, amount FROM test_gateway_effects WHERE kind = 'capture'

-- name: refunded_behind_our_back
-- Money that the gateway has given back and we do not know of.
UPDATE test_gateway_effects SET amount = amount + 1 WHERE kind = 'refund'

-- name: cents_that_float
-- An amount that is no whole number.
ALTER TABLE payments ALTER COLUMN amount TYPE double precision
