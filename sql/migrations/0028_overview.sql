-- The dashboard's counts, kept by a consumer of events, so that neither a booking nor the dashboard pays for them.

-- Bookings by the quarter of an hour in which they start: a day of any time zone is made of whole ones.
CREATE TABLE overview_bookings (
    quarter      timestamptz NOT NULL,
    status       text NOT NULL,
    bookings     integer NOT NULL,
    -- units times length, of those that claim their time
    unit_minutes bigint NOT NULL,
    PRIMARY KEY (quarter, status)
);
-- Money by the quarter in which it moved.
CREATE TABLE overview_money (
    quarter  timestamptz NOT NULL,
    currency text NOT NULL,
    captured bigint NOT NULL,
    refunded bigint NOT NULL,
    PRIMARY KEY (quarter, currency)
);

CREATE FUNCTION quarter_of(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT date_bin('15 minutes', at, '2000-01-01Z')
$$;

-- Counts the quarters from one instant to another anew. Recounting instead of adding makes it right whatever was
-- counted before, and however often it is called.
CREATE FUNCTION overview_recount_bookings(lower_end timestamptz, upper_end timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM overview_bookings WHERE quarter >= quarter_of(lower_end) AND quarter <= quarter_of(upper_end);
    INSERT INTO overview_bookings (quarter, status, bookings, unit_minutes)
    SELECT quarter_of(start_at), status, count(*), coalesce(sum(units * extract(epoch FROM end_at - start_at) / 60)
               FILTER (WHERE status NOT IN ('cancelled', 'declined')), 0)::bigint
      FROM bookings
     WHERE start_at >= quarter_of(lower_end) AND start_at < quarter_of(upper_end) + interval '15 minutes'
     GROUP BY 1, 2 ORDER BY 1, 2;
$$;
CREATE FUNCTION overview_recount_money(lower_end timestamptz, upper_end timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM overview_money WHERE quarter >= quarter_of(lower_end) AND quarter <= quarter_of(upper_end);
    INSERT INTO overview_money (quarter, currency, captured, refunded)
    SELECT quarter_of(o.finished_at), p.currency, coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture'), 0)::bigint,
           coalesce(sum(o.amount) FILTER (WHERE o.kind = 'refund'), 0)::bigint
      FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
     WHERE o.state = 'done' AND o.kind IN ('capture', 'refund')
       AND o.finished_at >= quarter_of(lower_end) AND o.finished_at < quarter_of(upper_end) + interval '15 minutes'
     GROUP BY 1, 2 ORDER BY 1, 2;
$$;

-- What there is already, and from where the consumer goes on. What waits in the outbox is counted again; that is no harm.
INSERT INTO event_consumers (name, position) SELECT 'overview', coalesce(max(position), 0) FROM events;
SELECT overview_recount_bookings('2000-01-01Z', '9000-01-01Z'), overview_recount_money('2000-01-01Z', '9000-01-01Z');
