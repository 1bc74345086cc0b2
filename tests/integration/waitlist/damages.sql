-- Damage done to a sound waitlist, in a transaction that is undone: each is seen by the checks that should see it.

-- fragment: open
-- The offer that can still be accepted.
(SELECT hold_id FROM waitlist_offers WHERE state = 'open')

-- name: second_offer
-- A second offer for the same wish.
INSERT INTO waitlist_offers (hold_id, entry_id, start_at, end_at, expires_at, offered_at)
SELECT gen_random_uuid(), entry_id, start_at, end_at, expires_at, offered_at FROM waitlist_offers WHERE state = 'open'

-- name: hold_of_an_offer_ends_earlier
-- A hold that ends before its offer does.
UPDATE waitlist_offers SET expires_at = expires_at + interval '1 minute' WHERE state = 'open'

-- name: offered_to_somebody_else
-- The hold of an offer is somebody else's.
UPDATE holds SET user_id = (SELECT id FROM users WHERE id <> user_id LIMIT 1) WHERE id = {open}

-- name: offer_outside_of_the_window
-- An offer that nobody wished.
UPDATE waitlist_entries SET to_at = to_at - interval '30 minutes'
 WHERE id = (SELECT entry_id FROM waitlist_offers WHERE state = 'open')

-- name: offer_of_one_of_two
-- An offer without somebody who was to be there.
UPDATE waitlist_entries AS e SET provider_ids = ARRAY[h.resource_ids[1], gen_random_uuid()]
  FROM waitlist_offers AS o JOIN holds AS h ON h.id = o.hold_id WHERE o.state = 'open' AND e.id = o.entry_id

-- name: offer_lost
-- An offer that is not written down.
DELETE FROM waitlist_offers WHERE state = 'open'

-- name: accepted_and_still_waiting
-- Somebody who has booked and waits on.
UPDATE waitlist_entries SET state = 'waiting', booking_id = NULL WHERE state = 'booked'

-- name: left_with_an_offer
-- Somebody who has left with their offer.
UPDATE waitlist_entries SET state = 'left' WHERE id = (SELECT entry_id FROM waitlist_offers WHERE state = 'open')

-- name: kept_after_the_line_was_asked
-- Time that is kept though nobody is to be asked about it any more.
DELETE FROM waitlist_openings

-- name: kept_for_a_day
-- Time that is kept for longer than anybody needs to ask.
UPDATE allocations SET expires_at = expires_at + interval '1 day' WHERE opening_id IS NOT NULL

-- name: kept_without_an_end
-- The same without a claim.
UPDATE waitlist_openings SET kept_until = created_at + interval '1 day'

-- name: offer_told_twice
-- An offer told twice.
INSERT INTO outbox (type, topics, data, occurred_at)
SELECT type, topics, data, occurred_at FROM (
    SELECT type, topics, data, occurred_at FROM events UNION ALL SELECT type, topics, data, occurred_at FROM outbox) AS told
 WHERE type = 'waitlist.offered' LIMIT 1
