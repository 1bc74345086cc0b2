-- Reports: their rows, their schedules, and what they count. Only bookings/report/ uses these. What a report shows comes
-- as plain columns in the order of bookings/report/kinds.py: the group's key and name first.

-- fragment: document
-- The JSON of a report `p`. Instants are UTC with Z.
(SELECT row_to_json(d) FROM (SELECT
    p.id,
    p.kind,
    btrim(to_json(p.from_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "from",
    btrim(to_json(p.to_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "to",
    p.time_zone AS "timeZone",
    p.group_by AS "groupBy",
    p.filters,
    p.format,
    p.status,
    p.progress,
    p.error,
    p.rows,
    p.bytes,
    btrim(to_json(p.snapshot_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "snapshotAt",
    p.requester_id AS "requesterId",
    p.schedule_id AS "scheduleId",
    btrim(to_json(p.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(p.started_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "startedAt",
    btrim(to_json(p.finished_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "finishedAt",
    btrim(to_json(p.expires_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "expiresAt"
) AS d)

-- fragment: visible
-- Whether the actor may see report `p`: an admin all, others what they asked for about what is theirs. Somebody who was
-- an admin once asked for more than is theirs.
(%(is_admin)s::boolean OR (p.requester_id = %(actor_id)s::uuid AND p.owner_id = %(actor_id)s::uuid))

-- name: insert
-- A report that is to be made. Nothing when its schedule has had this one made.
INSERT INTO reports AS p (id, requester_id, owner_id, kind, from_at, to_at, time_zone, group_by, filters, format,
                          schedule_id, due_at, created_at, expires_at)
VALUES (%(id)s, %(requester_id)s, %(owner_id)s, %(kind)s, %(from_at)s, %(to_at)s, %(time_zone)s, %(group_by)s, %(filters)s,
        %(format)s, %(schedule_id)s, %(due_at)s, %(now)s, %(expires_at)s)
ON CONFLICT ON CONSTRAINT reports_once_per_period DO NOTHING
RETURNING {document}::text AS document

-- name: wait_for_requester
-- Whoever asks for reports twice at the same moment is counted one after the other, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('reports of ' || %(requester_id)s::text, 0))

-- name: count_unfinished
-- How many reports that somebody asked for are still to be made; what a schedule asks for does not count.
SELECT count(*) AS unfinished FROM reports
 WHERE requester_id = %(requester_id)s AND schedule_id IS NULL AND status IN ('waiting', 'running')

-- name: find
-- One report for someone entitled to it.
SELECT p.status, p.file, p.kind, p.format, p.from_at, p.to_at, p.time_zone, {document}::text AS document
  FROM reports AS p WHERE p.id = %(id)s AND {visible}

-- fragment: chosen
-- The filters of the list. Their defaults let everything pass.
{visible} AND (NOT %(mine)s::boolean OR p.requester_id = %(actor_id)s)
   AND (%(kind)s::text IS NULL OR p.kind = %(kind)s) AND (%(status)s::text IS NULL OR p.status = %(status)s)
   AND (%(schedule_id)s::uuid IS NULL OR p.schedule_id = %(schedule_id)s)

-- name: list
-- One page, newest first, and how many there are, counted no further than the bound.
SELECT coalesce(string_agg({document}::text, ',' ORDER BY p.created_at DESC, p.id DESC), '') AS documents,
       (SELECT count(*) FROM (SELECT FROM reports AS p WHERE {chosen} LIMIT %(total_bound)s) AS counted) AS total
  FROM (SELECT * FROM reports AS p WHERE {chosen}
         ORDER BY p.created_at DESC, p.id DESC LIMIT %(limit)s OFFSET %(offset)s) AS p

-- name: delete
-- A report and where its file is. Whoever is making it notices.
DELETE FROM reports AS p WHERE p.id = %(id)s AND {visible} RETURNING p.file, p.requester_id, p.kind, p.status

-- name: start
-- Begin a try to make a report; nothing when it is made, failed or deleted. Earlier tries have no say any more.
UPDATE reports AS p SET status = 'running', attempt = attempt + 1, progress = 0, started_at = %(now)s
 WHERE p.id = %(id)s AND p.status IN ('waiting', 'running')
RETURNING p.id, p.attempt, p.requester_id, p.owner_id, p.kind, p.from_at, p.to_at, p.time_zone, p.group_by, p.filters,
          p.format

-- fragment: told
-- Tell whoever asked what has become of it (`changed`).
INSERT INTO outbox (type, topics, data, occurred_at)
    SELECT %(event)s, ARRAY['user:' || p.requester_id], {document}, %(now)s FROM changed AS p

-- name: progress
-- How far a try has come. Nothing when another one has begun or the report is deleted.
WITH changed AS (
    UPDATE reports SET progress = %(percent)s WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'running'
    RETURNING *
), told AS (
    {told}
)
SELECT 1 FROM changed

-- name: finish
-- The file is whole and in its place. Nothing when another try was quicker or the report is deleted.
WITH changed AS (
    UPDATE reports SET status = 'finished', progress = 100, error = NULL, file = %(file)s, rows = %(rows)s,
           bytes = %(bytes)s, snapshot_at = %(snapshot_at)s, finished_at = %(now)s
     WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'running'
    RETURNING *
), told AS (
    {told}
)
SELECT 1 FROM changed

-- name: fail
-- It cannot be made.
WITH changed AS (
    UPDATE reports SET status = 'failed', error = %(error)s, finished_at = %(now)s
     WHERE id = %(id)s AND status IN ('waiting', 'running')
    RETURNING *
), told AS (
    {told}
)
SELECT 1 FROM changed

-- name: drop_expired
-- Reports whose time is over, and where their files are.
DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE expires_at <= %(now)s LIMIT %(limit)s
                                 FOR UPDATE SKIP LOCKED)
RETURNING id, file

-- name: known_files
-- Which of these files belong to a report.
SELECT file FROM reports WHERE file = ANY (%(files)s)

-- fragment: schedule_document
-- The JSON of a schedule `s`.
(SELECT row_to_json(d) FROM (SELECT
    s.id,
    s.name,
    s.kind,
    s.group_by AS "groupBy",
    s.filters,
    s.format,
    s.every,
    to_char(s.at, 'HH24:MI') AS at,
    s.weekday,
    s.day,
    s.active,
    btrim(to_json(s.next_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "nextAt",
    s.requester_id AS "requesterId",
    s.version,
    btrim(to_json(s.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(s.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: schedule_visible
-- Whether the actor may see schedule `s`, by the same rule as its reports.
(%(is_admin)s::boolean OR (s.requester_id = %(actor_id)s::uuid AND s.owner_id = %(actor_id)s::uuid))

-- name: insert_schedule
-- A new schedule.
INSERT INTO report_schedules AS s (id, requester_id, owner_id, name, kind, group_by, filters, format, every, at, weekday,
                                   day, active, next_at, created_at, updated_at)
VALUES (%(id)s, %(requester_id)s, %(owner_id)s, %(name)s, %(kind)s, %(group_by)s, %(filters)s, %(format)s, %(every)s,
        %(at)s, %(weekday)s, %(day)s, %(active)s, %(next_at)s, %(now)s, %(now)s)
RETURNING s.version, {schedule_document}::text AS document

-- name: find_schedule
-- One schedule for someone entitled to it.
SELECT {schedule_document}::text, s.version FROM report_schedules AS s WHERE s.id = %(id)s AND {schedule_visible}

-- name: lock_schedule
-- A schedule about to change; the scheduler leaves it alone meanwhile.
SELECT s.*, {schedule_document} AS document
  FROM report_schedules AS s WHERE s.id = %(id)s AND {schedule_visible} FOR NO KEY UPDATE

-- name: change_schedule
-- Write the next version of a schedule.
UPDATE report_schedules AS s SET
    name = %(name)s, group_by = %(group_by)s, filters = %(filters)s, format = %(format)s, every = %(every)s, at = %(at)s,
    weekday = %(weekday)s, day = %(day)s, active = %(active)s, next_at = %(next_at)s, version = version + 1,
    updated_at = %(now)s
 WHERE s.id = %(id)s
RETURNING s.version, {schedule_document}::text AS document

-- name: delete_schedule
-- A schedule goes; the reports it has made stay until their time is over.
DELETE FROM report_schedules AS s WHERE s.id = %(id)s

-- fragment: schedules_chosen
-- Which schedules a list shows.
{schedule_visible} AND (NOT %(mine)s::boolean OR s.requester_id = %(actor_id)s)

-- name: list_schedules
-- One page, oldest first, and how many there are, counted no further than the bound.
SELECT coalesce(string_agg({schedule_document}::text, ',' ORDER BY s.created_at, s.id), '') AS documents,
       (SELECT count(*) FROM (SELECT FROM report_schedules AS s WHERE {schedules_chosen} LIMIT %(total_bound)s) AS counted)
           AS total
  FROM (SELECT * FROM report_schedules AS s WHERE {schedules_chosen}
         ORDER BY s.created_at, s.id LIMIT %(limit)s OFFSET %(offset)s) AS s

-- name: count_schedules
-- How many schedules somebody has.
SELECT count(*) AS schedules FROM report_schedules WHERE requester_id = %(requester_id)s

-- name: lock_due_schedule
-- The schedule that is due longest. Another worker that looks at the same moment takes the next one.
SELECT * FROM report_schedules WHERE active AND next_at <= %(now)s ORDER BY next_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: advance_schedule
-- When its next report is due.
UPDATE report_schedules SET next_at = %(next_at)s WHERE id = %(id)s

-- name: requester_active
-- Whether whoever asked is still somebody who may have reports: an admin, or a provider for what is theirs.
SELECT 1 FROM users WHERE id = %(requester_id)s AND disabled_at IS NULL
   AND (role = 'admin' OR (role = 'provider' AND id = %(owner_id)s::uuid))

-- name: snapshot
-- The first query of a snapshot: the instant whose data it holds.
SELECT clock_timestamp() AS at

-- fragment: narrowed
-- Bookings `b` that pass the filters and, for a provider, claim something of theirs.
(%(statuses)s::text[] IS NULL OR b.status = ANY (%(statuses)s))
   AND (%(user_id)s::uuid IS NULL OR b.user_id = %(user_id)s)
   AND (%(resource_id)s::uuid IS NULL OR %(resource_id)s = ANY (b.resource_ids))
   AND (%(service_id)s::uuid IS NULL OR b.service_id = %(service_id)s)
   AND (%(provider_id)s::uuid IS NULL OR b.provider_id = %(provider_id)s)
   AND (%(owner_id)s::uuid IS NULL OR EXISTS (
        SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(owner_id)s))

-- fragment: of_interest
-- Of those, the ones that start in the period.
b.start_at >= %(from)s::timestamptz AND b.start_at < %(to)s::timestamptz AND {narrowed}

-- fragment: things
-- The groups of a booking that have nothing to do with time: its service, its provider, each of its resources (for a
-- provider, of theirs). The planner keeps the one branch that is asked for.
UNION ALL SELECT b.service_id::text WHERE %(group_by)s = 'service'
    UNION ALL SELECT b.provider_id::text WHERE %(group_by)s = 'provider'
    UNION ALL SELECT claimed::text FROM unnest(b.resource_ids) AS claimed WHERE %(group_by)s = 'resource'
       AND (%(owner_id)s::uuid IS NULL OR EXISTS (SELECT FROM resources WHERE id = claimed AND owner_id = %(owner_id)s))

-- fragment: groups
-- The groups `g` a booking counts in: those, or the local day, week or month of its start.
LATERAL (
    SELECT to_char(date_trunc(%(group_by)s, b.start_at AT TIME ZONE %(zone)s), 'YYYY-MM-DD') AS key
     WHERE %(group_by)s IN ('day', 'week', 'month')
    {things}
) AS g

-- fragment: money_groups
-- The same for money that moved (`o`): by when it did.
LATERAL (
    SELECT to_char(date_trunc(%(group_by)s, o.finished_at AT TIME ZONE %(zone)s), 'YYYY-MM-DD') AS key
     WHERE %(group_by)s IN ('day', 'week', 'month')
    {things}
) AS g

-- fragment: name
-- What people call a group; nothing for days, weeks and months, which say it themselves.
CASE WHEN %(group_by)s IN ('resource', 'provider') THEN (SELECT name FROM resources WHERE id = key::uuid)
     WHEN %(group_by)s = 'service' THEN (SELECT name FROM services WHERE id = key::uuid) END AS name

-- name: rows_bookings
-- How many bookings there are, where they stand, and how long they are.
SELECT key, {name}, bookings, pending, confirmed, checked_in, completed, no_show, cancelled, declined, units, minutes
  FROM (SELECT g.key, count(*) AS bookings,
               count(*) FILTER (WHERE b.status = 'pending') AS pending,
               count(*) FILTER (WHERE b.status = 'confirmed') AS confirmed,
               count(*) FILTER (WHERE b.status = 'checked_in') AS checked_in,
               count(*) FILTER (WHERE b.status = 'completed') AS completed,
               count(*) FILTER (WHERE b.status = 'no_show') AS no_show,
               count(*) FILTER (WHERE b.status = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE b.status = 'declined') AS declined,
               sum(b.units) AS units,
               floor(sum(extract(epoch FROM b.end_at - b.start_at)) / 60)::bigint AS minutes
          FROM bookings AS b, {groups} WHERE {of_interest} GROUP BY g.key) AS counted
 ORDER BY key

-- name: rows_cancellations
-- What was called off, by whom, and who did not come; shares are of all bookings of the group.
SELECT key, {name}, bookings, by_customer, cancelled - by_customer AS by_others, declined, no_show,
       round(100.0 * cancelled / bookings, 1) AS cancelled_percent, round(100.0 * no_show / bookings, 1) AS no_show_percent
  FROM (SELECT g.key, count(*) AS bookings,
               count(*) FILTER (WHERE b.status = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE b.status = 'cancelled' AND EXISTS (
                   SELECT FROM booking_history AS h
                    WHERE h.booking_id = b.id AND h.action = 'cancel' AND h.actor_id = b.user_id)) AS by_customer,
               count(*) FILTER (WHERE b.status = 'declined') AS declined,
               count(*) FILTER (WHERE b.status = 'no_show') AS no_show
          FROM bookings AS b, {groups} WHERE {of_interest} GROUP BY g.key) AS counted
 ORDER BY key

-- name: rows_lead_time
-- How long before its start a booking was made, in whole minutes; percentiles are values that occur.
SELECT key, {name}, bookings, shortest, median, ninetieth, longest, mean
  FROM (SELECT g.key, count(*) AS bookings, min(lead.minutes) AS shortest,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY lead.minutes) AS median,
               percentile_disc(0.9) WITHIN GROUP (ORDER BY lead.minutes) AS ninetieth,
               max(lead.minutes) AS longest, round(avg(lead.minutes))::bigint AS mean
          FROM bookings AS b, {groups},
               LATERAL (SELECT floor(extract(epoch FROM b.start_at - b.created_at) / 60)::bigint AS minutes) AS lead
         WHERE {of_interest} GROUP BY g.key) AS counted
 ORDER BY key

-- name: rows_customers
-- How many customers came, and how many of them for the first time ever.
SELECT key, {name}, customers, new_customers, bookings
  FROM (SELECT g.key, count(DISTINCT b.user_id) AS customers, count(*) AS bookings,
               count(*) FILTER (WHERE b.id = (SELECT f.id FROM bookings AS f WHERE f.user_id = b.user_id
                                               ORDER BY f.start_at, f.id LIMIT 1)) AS new_customers
          FROM bookings AS b, {groups} WHERE {of_interest} GROUP BY g.key) AS counted
 ORDER BY key

-- name: rows_each_customers
-- One row for each customer of the period.
SELECT b.user_id::text, (SELECT name FROM users WHERE id = b.user_id), count(*) AS bookings,
       count(*) FILTER (WHERE b.status = 'completed') AS completed,
       count(*) FILTER (WHERE b.status IN ('cancelled', 'declined')) AS called_off,
       count(*) FILTER (WHERE b.status = 'no_show') AS no_show,
       min(b.start_at) AS first_at, max(b.start_at) AS last_at
  FROM bookings AS b WHERE {of_interest} GROUP BY b.user_id ORDER BY b.user_id

-- name: count_each_customers
-- How many rows that will be, so that progress can be told.
SELECT count(DISTINCT b.user_id) AS rows FROM bookings AS b WHERE {of_interest}

-- name: rows_utilisation
-- Seconds claimed of each resource by bookings, buffers included, in each part of the period; units count. Resources that
-- nobody claimed are there with nothing, unless they are inactive.
SELECT part.key, r.id::text, r.name, r.kind, r.capacity, r.time_zone, part.lower_at, part.upper_at,
       coalesce(claims.seconds, 0)::bigint AS seconds
  FROM unnest(%(keys)s::text[], %(lowers)s::timestamptz[], %(uppers)s::timestamptz[]) AS part (key, lower_at, upper_at)
 CROSS JOIN resources AS r
  LEFT JOIN (SELECT part.lower_at, a.resource_id,
                    sum(a.units * extract(epoch FROM least(upper(a.during), part.upper_at)
                                                   - greatest(lower(a.during), part.lower_at))) AS seconds
               FROM allocations AS a
               JOIN unnest(%(lowers)s::timestamptz[], %(uppers)s::timestamptz[]) AS part (lower_at, upper_at)
                 ON lower(a.during) < part.upper_at AND upper(a.during) > part.lower_at
              WHERE a.released_at IS NULL AND a.booking_id IS NOT NULL
                AND a.during && tstzrange(%(from)s::timestamptz, %(to)s::timestamptz)
              GROUP BY part.lower_at, a.resource_id) AS claims
    ON claims.resource_id = r.id AND claims.lower_at = part.lower_at
 WHERE (r.active OR claims.seconds IS NOT NULL)
   AND (%(owner_id)s::uuid IS NULL OR r.owner_id = %(owner_id)s)
   AND (%(resource_id)s::uuid IS NULL OR r.id = %(resource_id)s)
   AND (%(group_by)s <> 'provider' OR r.kind = 'provider')
 ORDER BY part.lower_at, r.name, r.id

-- name: rows_revenue
-- What was taken and given back, by the day on which it was, in each currency by itself.
SELECT key, {name}, currency, payments, captured, refunded, captured - refunded AS net
  FROM (SELECT g.key, p.currency, count(DISTINCT p.id) AS payments,
               coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture'), 0)::bigint AS captured,
               coalesce(sum(o.amount) FILTER (WHERE o.kind = 'refund'), 0)::bigint AS refunded
          FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
          JOIN bookings AS b ON b.id = p.booking_id, {money_groups}
         WHERE o.state = 'done' AND o.kind IN ('capture', 'refund')
           AND o.finished_at >= %(from)s::timestamptz AND o.finished_at < %(to)s::timestamptz AND {narrowed}
         GROUP BY g.key, p.currency) AS counted
 ORDER BY key, currency

-- fragment: owed
-- Bookings of the period that cost something or were paid for.
bookings AS b
  JOIN LATERAL (SELECT count(*) AS payments, coalesce(sum(p.captured), 0)::bigint AS captured,
                       coalesce(sum(p.refunded), 0)::bigint AS refunded,
                       coalesce(sum(p.refunding), 0)::bigint AS refunding,
                       coalesce(sum(p.captured - p.refunded), 0)::bigint AS net, min(p.currency) AS currency,
                       b.status IN ('cancelled', 'declined') AS called_off,
                       bool_or(p.error = 'gateway_gave_back_less') AS refund_lost
                  FROM payments AS p WHERE p.booking_id = b.id) AS paid ON true
 WHERE {of_interest} AND (b.price_amount > 0 OR paid.payments > 0)

-- name: rows_each_payments
-- Payments against bookings: what each cost, what was taken and given back, and whether that fits.
SELECT b.id::text, b.start_at, b.status, b.payment_status, coalesce(b.currency, paid.currency), coalesce(b.price_amount, 0),
       captured, refunded, refunding, net, CASE
           WHEN refunding > 0 THEN 'refund_pending'
           WHEN refund_lost THEN 'refund_failed'
           WHEN called_off AND net > 0 AND EXISTS (
               SELECT FROM payments AS p, LATERAL (
                   SELECT o.state FROM payment_operations AS o WHERE o.payment_id = p.id AND o.kind = 'refund'
                    ORDER BY o.created_at DESC, o.id DESC LIMIT 1) AS latest
                WHERE p.booking_id = b.id AND p.captured > p.refunded AND latest.state = 'failed') THEN 'refund_failed'
           WHEN called_off AND net > 0 THEN 'kept'
           WHEN called_off AND captured > 0 THEN 'refunded'
           WHEN called_off THEN 'nothing_due'
           WHEN net > coalesce(b.price_amount, 0) THEN 'overpaid'
           WHEN net = coalesce(b.price_amount, 0) THEN 'paid'
           WHEN net > 0 THEN 'partly_paid'
           WHEN captured > 0 THEN 'refunded'
           ELSE 'unpaid' END AS verdict
  FROM {owed}
 ORDER BY b.start_at, b.id

-- name: count_each_payments
-- How many rows that will be, so that progress can be told.
SELECT count(*) AS rows FROM {owed}
