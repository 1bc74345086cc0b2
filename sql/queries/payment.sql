-- Payments: what is owed, taken and given back. Only bookings/payment/ uses these.

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
