-- migrate: no-transaction
-- What is told of somebody besides their bookings is found without reading all events: such an event names first whom it
-- is about.
CREATE INDEX CONCURRENTLY events_by_first_topic ON events ((topics[1]), occurred_at) WHERE booking_id IS NULL;
