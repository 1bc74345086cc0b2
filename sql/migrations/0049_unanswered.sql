-- migrate: no-transaction
-- Requests that nobody has answered when their time has come: they are released as what is unattended is.
CREATE INDEX CONCURRENTLY bookings_unanswered ON bookings (start_at) WHERE policy IS NOT NULL AND status = 'pending';
