-- What must be true of bookings and their claims whatever happened. Every row returned is a bug. These recompute from
-- the plain tables what constraints and triggers guarantee, so that they also judge a database that has lost them.

-- name: double_booked
-- No two live claims of a resource that one can have alone overlap. Walks each calendar in order of starts: whoever
-- begins before everything earlier has ended overlaps something.
SELECT resource_id, booking_id, during
  FROM (SELECT a.*, max(upper(during)) OVER (PARTITION BY resource_id ORDER BY lower(during), upper(during)
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
          FROM allocations AS a JOIN resources AS r ON r.id = a.resource_id
         WHERE r.capacity = 1 AND released_at IS NULL AND NOT overbooked
           AND (expires_at IS NULL OR expires_at > now())) AS calendar
 WHERE lower(during) < busy_until
 ORDER BY resource_id, during

-- name: over_capacity
-- At no instant are more units of a resource claimed than it has. Ends come before starts at the same instant.
SELECT resource_id, at, claimed, capacity
  FROM (SELECT resource_id, at, sum(delta) OVER (PARTITION BY resource_id ORDER BY at, delta) AS claimed
          FROM (SELECT resource_id, at, delta
                  FROM allocations, LATERAL (VALUES (lower(during), units), (upper(during), -units)) AS edge (at, delta)
                 WHERE released_at IS NULL AND NOT overbooked AND (expires_at IS NULL OR expires_at > now())) AS edges
       ) AS sweep
  JOIN resources AS r ON r.id = resource_id
 WHERE claimed > capacity
 ORDER BY resource_id, at

-- name: over_places
-- While a claim stands that allows only so many units, no more are claimed.
SELECT a.booking_id, a.resource_id, a.during, a.places
  FROM allocations AS a
 WHERE a.places IS NOT NULL AND a.released_at IS NULL AND NOT a.exclusive
   AND NOT a.overbooked AND (a.expires_at IS NULL OR a.expires_at > now())
   AND peak_claimed(a.resource_id, a.during) > a.places

-- name: exclusive_flag_wrong
-- A claim is judged by the exclusion constraint exactly when its resource has one unit.
SELECT a.booking_id, a.resource_id, a.exclusive, r.capacity
  FROM allocations AS a JOIN resources AS r ON r.id = a.resource_id
 WHERE a.exclusive <> (r.capacity = 1)

-- name: claim_of_nothing
-- A claim is of something: of at least one unit for some time, half-open with both ends, of a hold or for the line, which
-- end by themselves, or of a booking that exists, which does not; a claim of a resource that one can have alone is of one unit.
SELECT a.resource_id, a.booking_id, a.hold_id, a.opening_id, a.during, a.units
  FROM allocations AS a
 WHERE NOT lower_inc(a.during) OR upper_inc(a.during) OR upper_inf(a.during) OR a.units < 1
    OR num_nonnulls(a.booking_id, a.hold_id, a.opening_id) <> 1
    OR (a.expires_at IS NOT NULL AND a.booking_id IS NOT NULL) OR (a.expires_at IS NULL AND a.opening_id IS NOT NULL)
    OR (a.booking_id IS NOT NULL AND NOT EXISTS (SELECT FROM bookings WHERE id = a.booking_id))
    OR (a.exclusive AND a.units <> 1 AND a.released_at IS NULL)

-- name: booking_without_claim
-- A booking that was neither called off nor released holds every resource that it names.
SELECT b.id, b.status, wanted.resource_id
  FROM bookings AS b, unnest(b.resource_ids) AS wanted (resource_id)
 WHERE b.status NOT IN ('cancelled', 'declined') AND b.released_at IS NULL
   AND NOT EXISTS (SELECT FROM allocations AS a
                    WHERE a.booking_id = b.id AND a.resource_id = wanted.resource_id AND a.released_at IS NULL)

-- name: claim_of_called_off_booking
-- A booking that was called off or released holds nothing.
SELECT b.id, b.status, a.resource_id
  FROM bookings AS b JOIN allocations AS a ON a.booking_id = b.id
 WHERE (b.status IN ('cancelled', 'declined') OR b.released_at IS NOT NULL) AND a.released_at IS NULL

-- name: claim_disagrees
-- A live claim is of a resource that its booking names, for its time with its buffers, and for its units and places.
SELECT b.id, a.resource_id, a.during, a.units, a.places, b.start_at, b.end_at, b.units AS booked_units
  FROM allocations AS a JOIN bookings AS b ON b.id = a.booking_id
 WHERE a.released_at IS NULL
   AND (a.during <> tstzrange(b.start_at - make_interval(mins => b.buffer_before_minutes),
                              b.end_at + make_interval(mins => b.buffer_after_minutes))
        OR a.start_at <> b.start_at OR a.units <> b.units
        OR a.places IS DISTINCT FROM b.session_places
        OR a.resource_id <> ALL (b.resource_ids))

-- name: named_twice
-- The resources of a booking are different ones, and providerId and workspaceId are among them and of that kind.
SELECT b.id, b.resource_ids, b.provider_id, b.workspace_id
  FROM bookings AS b
 WHERE (SELECT count(DISTINCT named) FROM unnest(b.resource_ids) AS named) <> cardinality(b.resource_ids)
    OR (b.provider_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM resources WHERE id = b.provider_id AND id = ANY (b.resource_ids) AND kind = 'provider'))
    OR (b.workspace_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM resources WHERE id = b.workspace_id AND id = ANY (b.resource_ids) AND kind = 'workspace'))

-- name: terms_broken
-- A price has an amount that is not negative and a currency; what must be paid has a price; a payment status is a known
-- one and only of what has a price.
SELECT b.id, b.price_amount, b.currency, b.payment_required, b.payment_status
  FROM bookings AS b
 WHERE (b.price_amount IS NULL) <> (b.currency IS NULL) OR b.price_amount < 0
    OR (b.payment_required AND b.price_amount IS NULL)
    OR (b.payment_status IS NOT NULL AND (b.price_amount IS NULL OR b.payment_status NOT IN
        ('unpaid', 'requires_action', 'authorized', 'paid', 'partially_refunded', 'refunded', 'failed', 'expired')))
    OR b.party_size < 1 OR b.buffer_before_minutes < 0 OR b.buffer_after_minutes < 0

-- name: policy_broken
-- Fees are of a currency and at least something; a booking is moved no more often than was agreed; only one that nobody
-- came to (or was said so) is released without being called off.
SELECT b.id, b.fee_amount, b.currency, b.reschedules, b.policy, b.released_at, b.status
  FROM bookings AS b
 WHERE (b.fee_amount IS NOT NULL AND (b.currency IS NULL OR b.fee_amount <= 0))
    OR b.reschedules < 0 OR b.reschedules > (b.policy ->> 'maxReschedules')::integer
    OR (b.released_at IS NOT NULL AND b.status NOT IN ('no_show', 'completed'))

-- name: overbooked_unsaid
-- Where a claim stands beside others on purpose, its booking says so.
SELECT b.id, a.resource_id, a.during
  FROM allocations AS a JOIN bookings AS b ON b.id = a.booking_id
 WHERE a.overbooked AND a.released_at IS NULL AND NOT b.overbooked

-- name: no_time
-- A booking ends after it starts.
SELECT b.id, b.start_at, b.end_at FROM bookings AS b WHERE b.end_at <= b.start_at

-- name: history_incomplete
-- History holds the versions 1 to the present one, each once.
SELECT b.id, b.version, count(h.version) AS entries, min(h.version) AS first, max(h.version) AS last
  FROM bookings AS b LEFT JOIN booking_history AS h ON h.booking_id = b.id
 GROUP BY b.id
HAVING count(h.version) <> b.version OR min(h.version) <> 1 OR max(h.version) <> b.version

-- name: history_disagrees
-- The last entry says what the booking says.
SELECT b.id, b.version, b.status, h.status AS in_history, b.start_at, h.start_at AS start_in_history
  FROM bookings AS b JOIN booking_history AS h ON h.booking_id = b.id AND h.version = b.version
 WHERE (b.status, b.start_at, b.end_at) IS DISTINCT FROM (h.status, h.start_at, h.end_at)

-- name: impossible_step
-- From one version to the next a booking stays where it is or makes a move that the state machine knows.
SELECT booking_id, version, before, status
  FROM (SELECT h.*, lag(status) OVER (PARTITION BY booking_id ORDER BY version) AS before
          FROM booking_history AS h) AS steps
 WHERE before <> status
   AND NOT EXISTS (SELECT FROM booking_transitions WHERE from_status = before AND to_status = status)
