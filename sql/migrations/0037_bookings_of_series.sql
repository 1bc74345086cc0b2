-- migrate: no-transaction
-- The bookings of a series. Costs nothing for bookings of no series.
CREATE INDEX CONCURRENTLY bookings_of_series ON bookings (series_id, occurrence) WHERE series_id IS NOT NULL;
