-- What must be true of the waitlist whatever happened. Every row returned is a bug.

-- name: two_offers_for_one_wish
-- Nobody has two offers for one wish at a time.
SELECT entry_id, array_agg(hold_id) AS holds FROM waitlist_offers WHERE state = 'open'
 GROUP BY entry_id HAVING count(*) > 1

-- name: offer_of_nothing
-- An offer that can still be accepted is a hold that keeps its time until then, for whoever waits.
SELECT o.hold_id, o.entry_id, o.expires_at, h.state
  FROM waitlist_offers AS o
  JOIN waitlist_entries AS e ON e.id = o.entry_id
  LEFT JOIN holds AS h ON h.id = o.hold_id
 WHERE o.state = 'open' AND o.expires_at > now()
   AND (h.id IS NULL OR NOT h.offered OR h.user_id <> e.user_id OR h.service_id <> e.service_id
        OR h.expires_at <> o.expires_at OR (h.start_at, h.end_at) <> (o.start_at, o.end_at))

-- name: offer_beside_the_wish
-- What is offered lies in the window, is as long and with whom as was wished, and was not refused before.
SELECT o.hold_id, o.entry_id, o.start_at, o.end_at
  FROM waitlist_offers AS o JOIN waitlist_entries AS e ON e.id = o.entry_id
 WHERE o.start_at < e.from_at OR o.end_at > e.to_at OR o.end_at <> o.start_at + make_interval(mins => e.minutes)
    OR (e.resource_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM holds WHERE id = o.hold_id AND e.resource_id = ANY (resource_ids)))
    OR (e.provider_ids <> '{}' AND NOT EXISTS (
        SELECT FROM holds WHERE id = o.hold_id AND resource_ids @> e.provider_ids))
    OR EXISTS (SELECT FROM waitlist_offers AS p
                WHERE p.entry_id = o.entry_id AND p.offered_at < o.offered_at
                  AND p.start_at < o.end_at AND p.end_at > o.start_at)

-- name: hold_offered_to_nobody
-- A hold that the waitlist has made is somebody's offer.
SELECT h.id, h.user_id FROM holds AS h
 WHERE h.offered AND NOT EXISTS (SELECT FROM waitlist_offers WHERE hold_id = h.id)

-- name: booked_without_offer
-- Whoever is booked has accepted one offer, which became that booking; nobody else has accepted any.
SELECT e.id, e.state, e.booking_id
  FROM waitlist_entries AS e
 WHERE (e.state = 'booked') <> EXISTS (SELECT FROM waitlist_offers WHERE entry_id = e.id AND state = 'accepted')
    OR (e.state = 'booked' AND NOT EXISTS (
        SELECT FROM waitlist_offers AS o JOIN holds AS h ON h.id = o.hold_id
         WHERE o.entry_id = e.id AND o.state = 'accepted' AND h.booking_id = e.booking_id))

-- name: offer_after_the_end
-- Who has left, is booked or waited in vain has no open offer.
SELECT e.id, e.state, o.hold_id FROM waitlist_entries AS e JOIN waitlist_offers AS o ON o.entry_id = e.id
 WHERE e.state <> 'waiting' AND o.state = 'open'

-- name: kept_for_nothing
-- What is kept for the line is kept because of an opening about which it is still to be asked, and not for ever.
SELECT a.resource_id, a.during, a.opening_id, a.expires_at
  FROM allocations AS a LEFT JOIN waitlist_openings AS w ON w.id = a.opening_id
 WHERE a.opening_id IS NOT NULL AND a.expires_at > now()
   AND (w.id IS NULL OR a.released_at IS NOT NULL OR a.expires_at > w.created_at + interval '11 minutes')

-- name: opening_kept_for_ever
-- What opens without a claim is kept for a while only.
SELECT id, kept_until FROM waitlist_openings WHERE kept_until > created_at + interval '11 minutes'

-- name: offer_not_told
-- Every offer was told once. (Of what happened before old events were deleted, nothing can be said.)
SELECT o.hold_id, o.entry_id, count(told.type) AS times
  FROM waitlist_offers AS o
  LEFT JOIN (SELECT type, data FROM events WHERE type = 'waitlist.offered'
             UNION ALL SELECT type, data FROM outbox WHERE type = 'waitlist.offered') AS told
    ON told.data #>> '{offer,holdId}' = o.hold_id::text
 WHERE o.offered_at > (SELECT until FROM events_pruned)
 GROUP BY o.hold_id, o.entry_id HAVING count(told.type) <> 1
