-- What probes and scrapes ask beyond what the domains tell. Each must be answered in well under 250 ms, however large
-- the tables.

-- name: schema_version
-- The newest migration this database has had; 0 when it never had one.
SELECT coalesce(max(version), 0) FROM schema_migrations

-- name: oldest_due_reminder
-- For how many seconds the first undelivered reminder has been due; 0 when none is.
SELECT greatest(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float8 FROM reminders WHERE sent_at IS NULL

-- name: written
-- PostgreSQL's own counts of rows ever inserted, which cost nothing: bookings and notifications.
SELECT pg_stat_get_tuples_inserted('bookings'::regclass), pg_stat_get_tuples_inserted('notifications'::regclass)
