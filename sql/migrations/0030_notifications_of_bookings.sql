-- Admins ask what was told of one booking.
CREATE INDEX notifications_by_booking ON notifications (booking_id, created_at, id) WHERE booking_id IS NOT NULL;
