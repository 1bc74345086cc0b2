-- What must be true of the dashboard's counts. Every row returned is a bug. They follow events, so that a quarter of an hour
-- of which an event still waits for its consumer may be counted as it was before.

-- name: bookings_miscounted
-- Of each quarter and status as many bookings are counted as there are, with as many minutes as they claim.
WITH waiting AS MATERIALIZED (
    SELECT DISTINCT quarter_of(h.start_at) AS quarter FROM booking_history AS h
     WHERE h.booking_id IN (
           SELECT booking_id FROM outbox WHERE type LIKE 'booking.%'
           UNION ALL
           SELECT booking_id FROM events WHERE type LIKE 'booking.%'
              AND position > coalesce((SELECT position FROM event_consumers WHERE name = 'overview'), 0))
), found AS (
    SELECT quarter, status, sum(bookings)::bigint AS bookings,
           coalesce(extract(epoch FROM sum(claimed)) / 60, 0)::bigint AS unit_minutes
      FROM (SELECT quarter_of(start_at) AS quarter, status, count(*) AS bookings, NULL::interval AS claimed
              FROM bookings GROUP BY 1, 2
            UNION ALL
            SELECT quarter_of(b.start_at), b.status, 0, sum((upper(a.during) - lower(a.during)) * a.units)
              FROM allocations AS a JOIN bookings AS b ON b.id = a.booking_id
             WHERE a.released_at IS NULL GROUP BY 1, 2) AS sides
     GROUP BY quarter, status
)
SELECT quarter, status, o.bookings, found.bookings AS there_are, o.unit_minutes, found.unit_minutes AS claimed
  FROM found FULL JOIN overview_bookings AS o USING (quarter, status)
 WHERE (o.bookings::bigint, o.unit_minutes) IS DISTINCT FROM (found.bookings, found.unit_minutes)
   AND quarter NOT IN (SELECT quarter FROM waiting)

-- name: money_miscounted
-- Of each quarter and currency as much is counted as was taken and given back.
WITH waiting AS MATERIALIZED (
    SELECT DISTINCT quarter_of(o.finished_at) AS quarter FROM payment_operations AS o
     WHERE o.state = 'done' AND o.kind IN ('capture', 'refund') AND o.payment_id IN (
           SELECT (data ->> 'id')::uuid FROM outbox WHERE type IN ('payment.received', 'payment.refunded')
           UNION ALL
           SELECT (data ->> 'id')::uuid FROM events WHERE type IN ('payment.received', 'payment.refunded')
              AND position > coalesce((SELECT position FROM event_consumers WHERE name = 'overview'), 0))
), found AS (
    SELECT quarter_of(o.finished_at) AS quarter, p.currency,
           coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture'), 0)::bigint AS captured,
           coalesce(sum(o.amount) FILTER (WHERE o.kind = 'refund'), 0)::bigint AS refunded
      FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
     WHERE o.state = 'done' AND o.kind IN ('capture', 'refund')
     GROUP BY 1, 2
)
SELECT quarter, currency, o.captured, found.captured AS taken, o.refunded, found.refunded AS given_back
  FROM found FULL JOIN overview_money AS o USING (quarter, currency)
 WHERE (o.captured, o.refunded) IS DISTINCT FROM (found.captured, found.refunded)
   AND quarter NOT IN (SELECT quarter FROM waiting)
