-- migrate: no-transaction
-- The latest bookings of services: what is popular. Costs nothing for bookings of plain time.
CREATE INDEX CONCURRENTLY bookings_of_services ON bookings (created_at, service_id) WHERE service_id IS NOT NULL;
