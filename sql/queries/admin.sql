-- What admins see of all domains at once. Only bookings/admin/ uses these.

-- name: recount_bookings
-- Count the quarters of an hour anew in which bookings start, and in which their versions before did.
SELECT overview_recount_bookings(quarter, quarter) FROM (
    SELECT DISTINCT quarter_of(h.start_at) AS quarter
      FROM unnest(%(ids)s::uuid[], %(versions)s::integer[]) AS told (id, version)
      JOIN booking_history AS h ON h.booking_id = told.id AND h.version IN (told.version, told.version - 1)
     ORDER BY quarter) AS touched

-- name: recount_payments
-- Count the quarters of an hour anew in which money of payments moved.
SELECT overview_recount_money(quarter, quarter) FROM (
    SELECT DISTINCT quarter_of(finished_at) AS quarter FROM payment_operations
     WHERE payment_id = ANY (%(ids)s::uuid[]) AND state = 'done' AND kind IN ('capture', 'refund')
     ORDER BY quarter) AS touched

-- name: lock
-- Two that recount the same quarter would meet in its rows; the consumer is alone, a script may not be.
SELECT pg_advisory_xact_lock(hashtextextended('overview', 0))

-- fragment: bookings_between
-- The bookings that start in a period, by status.
(SELECT coalesce(json_object_agg(status, bookings), '{}') FROM (
    SELECT status, sum(bookings) AS bookings FROM overview_bookings
     WHERE quarter >= p.lower_end AND quarter < p.upper_end GROUP BY status) AS s)

-- fragment: money_between
-- What came in and was not given back in a period, for each currency.
(SELECT coalesce(json_agg(json_build_object('amount', amount, 'currency', currency) ORDER BY currency), '[]') FROM (
    SELECT currency, sum(captured - refunded)::bigint AS amount FROM overview_money
     WHERE quarter >= p.lower_end AND quarter < p.upper_end GROUP BY currency) AS m)

-- fragment: few
-- Counted no further than the bound: a backlog of millions is told as soon as one of thousands.
LIMIT %(bound)s::bigint) AS counted

-- name: overview
-- The numbers of a dashboard in one statement that reads a few thousand short rows, however many bookings there are.
WITH periods AS (
    SELECT * FROM (VALUES ('today', %(today)s::timestamptz, %(tomorrow)s::timestamptz),
                          ('week', %(monday)s::timestamptz, %(next_monday)s::timestamptz)) AS v (name, lower_end, upper_end)
)
SELECT
    (SELECT json_object_agg(p.name, json_build_object(
        'from', btrim(to_json(p.lower_end AT TIME ZONE 'UTC')::text, '"') || 'Z',
        'to', btrim(to_json(p.upper_end AT TIME ZONE 'UTC')::text, '"') || 'Z',
        'byStatus', {bookings_between}, 'revenue', {money_between})) FROM periods AS p) AS periods,
    (SELECT coalesce(sum(unit_minutes), 0)::bigint FROM overview_bookings
      WHERE quarter >= %(today)s AND quarter < %(tomorrow)s) AS booked_minutes,
    json_build_object(
        'outbox', (SELECT count(*) FROM (SELECT FROM outbox {few}),
        'oldestOutboxSeconds', (SELECT greatest(extract(epoch FROM clock_timestamp() - occurred_at), 0)::integer
              FROM outbox ORDER BY seq LIMIT 1),
        'jobs', json_build_object(
            'waiting', (SELECT count(*) FROM (SELECT FROM jobs WHERE state = 'waiting' AND run_at <= now() {few}),
            'failed', (SELECT count(*) FROM (SELECT FROM jobs WHERE state = 'failed' {few}),
            'dead', (SELECT count(*) FROM (SELECT FROM jobs WHERE state = 'dead' {few})),
        'notifications', json_build_object(
            'queued', (SELECT count(*) FROM (SELECT FROM notifications WHERE status IN ('queued', 'sending') {few}),
            'failed', (SELECT count(*) FROM (SELECT FROM notifications WHERE status = 'failed' {few}),
            'dead', (SELECT count(*) FROM (SELECT FROM notifications WHERE status = 'dead' {few}))) AS backlog,
    (SELECT extract(epoch FROM clock_timestamp() - min(due_at))::integer
       FROM reminders WHERE sent_at IS NULL AND due_at <= clock_timestamp()) AS oldest_reminder
