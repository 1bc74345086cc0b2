-- Damage done to sound holds, in a transaction that is undone: each is seen by the checks that should see it.

-- name: claim_of_a_hold_lost
-- A hold that keeps nothing.
DELETE FROM allocations WHERE hold_id = (SELECT id FROM holds WHERE state = 'active')

-- name: claim_ends_later_than_its_hold
-- A claim that goes on when its hold has ended.
UPDATE allocations SET expires_at = expires_at + interval '1 hour' WHERE hold_id IS NOT NULL

-- name: claim_of_a_hold_that_never_was
-- A claim of a hold that never was.
UPDATE allocations SET hold_id = gen_random_uuid() WHERE hold_id IS NOT NULL

-- name: claim_kept_by_a_released_hold
-- A released hold that still claims.
UPDATE holds SET state = 'released' WHERE state = 'active'

-- name: hold_said_to_be_booked
-- A hold said to be booked.
UPDATE holds SET state = 'booked', booking_id = gen_random_uuid() WHERE state = 'released'

-- name: hold_booked_for_another
-- A hold booked for somebody else.
UPDATE bookings SET user_id = (SELECT id FROM users WHERE id <> user_id LIMIT 1)
 WHERE id = (SELECT booking_id FROM holds WHERE state = 'booked')

-- name: end_told_twice
-- An end told twice.
INSERT INTO outbox (type, topics, data, occurred_at)
SELECT type, topics, data, occurred_at FROM outbox WHERE type = 'hold.released'
