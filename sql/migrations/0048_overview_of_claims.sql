-- The dashboard's occupancy compares what is claimed with what is open: all that a booking claims, each resource with its
-- buffers, as the report on utilisation counts it, and not the length of the booking once.
CREATE OR REPLACE FUNCTION overview_recount_bookings(lower_end timestamptz, upper_end timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM overview_bookings WHERE quarter >= quarter_of(lower_end) AND quarter <= quarter_of(upper_end);
    INSERT INTO overview_bookings (quarter, status, bookings, unit_minutes)
    SELECT quarter_of(b.start_at), b.status, count(*), coalesce(sum(claimed.minutes), 0)::bigint
      FROM bookings AS b, LATERAL (
          SELECT sum(a.units * extract(epoch FROM upper(a.during) - lower(a.during)) / 60) AS minutes
            FROM allocations AS a WHERE a.booking_id = b.id AND a.released_at IS NULL) AS claimed
     WHERE b.start_at >= quarter_of(lower_end) AND b.start_at < quarter_of(upper_end) + interval '15 minutes'
     GROUP BY 1, 2 ORDER BY 1, 2;
$$;
SELECT pg_advisory_xact_lock(hashtextextended('overview', 0)), overview_recount_bookings('2000-01-01Z', '9000-01-01Z');
