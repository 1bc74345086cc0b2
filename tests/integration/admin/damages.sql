-- Damage done to the dashboard's counts, in a transaction that is undone: each is seen by the check that should see it.

-- name: booking_counted_twice
-- One booking too many.
UPDATE overview_bookings SET bookings = bookings + 1 WHERE status = 'confirmed'

-- name: minutes_forgotten
-- What is claimed is not counted.
UPDATE overview_bookings SET unit_minutes = unit_minutes - 1 WHERE unit_minutes > 0

-- name: quarter_lost
-- A quarter of an hour without its bookings.
DELETE FROM overview_bookings WHERE status = 'cancelled'

-- name: counted_where_nothing_is
-- Bookings where there are none.
INSERT INTO overview_bookings (quarter, status, bookings, unit_minutes) VALUES ('2027-01-01Z', 'pending', 1, 60)

-- name: claim_that_went_uncounted
-- Somebody released a claim, and no event told of it.
UPDATE allocations SET units = units + 1 WHERE released_at IS NULL

-- name: money_counted_twice
-- Money that came once.
UPDATE overview_money SET captured = captured * 2

-- name: refund_forgotten
-- Money that went back and counts as ours.
UPDATE overview_money SET refunded = 0

-- name: money_of_another_currency
-- The sum of one currency beside another one.
UPDATE overview_money SET currency = 'USD'
