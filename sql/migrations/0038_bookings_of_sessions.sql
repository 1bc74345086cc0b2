-- migrate: no-transaction
-- Group sessions of a service by their start. Costs nothing for bookings that are no part of a session.
CREATE INDEX CONCURRENTLY bookings_of_sessions ON bookings (service_id, start_at) WHERE session_places IS NOT NULL;
