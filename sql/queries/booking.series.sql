-- Series: many bookings made, moved and changed by one statement. Only bookings/booking/ uses these.

-- fragment: series_document
-- The JSON of a series `s`, without its bookings.
json_build_object(
    'id', s.id,
    'userId', s.user_id,
    'serviceId', s.service_id,
    'rrule', s.rrule,
    'timeZone', s.time_zone,
    'startsAt', s.starts_at,
    'exdates', s.exdates,
    'splitFrom', s.split_from,
    'version', s.version,
    'createdBy', s.created_by,
    'createdAt', btrim(to_json(s.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
    'updatedAt', btrim(to_json(s.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z')

-- fragment: wished
-- The rows that a command about many bookings names, as JSON.
jsonb_to_recordset(%(rows)s::jsonb) AS w (
    id uuid, version integer, occurrence timestamp, start_at timestamptz, end_at timestamptz,
    buffer_before_minutes integer, buffer_after_minutes integer, resource_ids uuid[],
    provider_id uuid, workspace_id uuid, status text, reschedules integer, fee_amount bigint,
    price_amount bigint, payment_required boolean, payment_status text, confirm_when_paid boolean,
    policy text, cancellation_policy text)

-- fragment: with_series
-- What the event of a booking says when its series tells of it, too: whoever shows both need show only one.
(document::jsonb || jsonb_build_object('withSeries', true))::json

-- fragment: blocked
-- What a row `w` claims: its time with its buffers.
tstzrange(w.start_at - make_interval(mins => w.buffer_before_minutes),
          w.end_at + make_interval(mins => w.buffer_after_minutes))

-- name: series_resources
-- What is known of resources that are asked for without a service.
SELECT id, kind, active, capacity, owner_id, auto_confirm, time_zone, schedule_version
  FROM resources WHERE id = ANY (%(resource_ids)s::uuid[])

-- name: series_user_known
-- Whether somebody may still book.
SELECT EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL) AS known

-- name: lock_exclusive
-- Whoever claims or moves many times of a resource does so one after the other: each holds some of its times while it
-- asks for others, and two that cross would deadlock. A single new booking holds nothing of it yet and need not wait.
-- Shared resources are left to the capacity trigger, which locks them last (see `lock_resources`).
SELECT id FROM resources WHERE id = ANY (%(resource_ids)s::uuid[]) AND exclusive ORDER BY id FOR NO KEY UPDATE

-- name: keep_schedules
-- Until this transaction ends nobody changes the hours, rules or closures that it was judged by.
SELECT id, schedule_version FROM resources WHERE id = ANY (%(resource_ids)s::uuid[]) ORDER BY id FOR KEY SHARE

-- name: insert_series
-- A new series.
INSERT INTO series AS s (id, user_id, service_id, rrule, time_zone, starts_at, exdates, split_from, created_by,
                         created_at, updated_at)
VALUES (%(id)s, %(user_id)s, %(service_id)s, %(rrule)s, %(time_zone)s, %(starts_at)s, %(exdates)s::date[],
        %(split_from)s, %(actor_id)s, %(now)s, %(now)s)

-- name: series_alone
-- A series without its bookings, for whoever has just made or changed it.
SELECT {series_document} AS document, s.version FROM series AS s WHERE s.id = %(id)s::uuid

-- name: create_occurrences
-- What `create` and `create_of_service` do for one booking, for all of a series in one statement: claims in the order of
-- resources and then of time, bookings, history, reminders, events, audit entries; or nothing.
WITH wanted AS (
    SELECT w.*, {blocked} AS blocked FROM {wished}
), asked AS (
    SELECT w.id, w.start_at, w.blocked, r.id AS resource_id, r.exclusive
      FROM wanted AS w JOIN resources AS r ON r.id = ANY (w.resource_ids)
     WHERE r.active AND r.capacity >= %(units)s::integer
       AND (%(unrestricted)s::boolean OR r.owner_id IS NULL OR r.owner_id = %(actor_id)s::uuid)
), claimed AS (
    INSERT INTO allocations (resource_id, exclusive, during, units, places, booking_id, start_at)
    SELECT resource_id, exclusive, blocked, %(units)s, %(session_places)s::integer, id, start_at
      FROM asked
     WHERE EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL)
       AND (%(service_id)s::uuid IS NULL OR EXISTS (SELECT FROM services
            WHERE id = %(service_id)s AND version = %(service_version)s::integer AND archived_at IS NULL))
     ORDER BY resource_id, start_at
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
    RETURNING resource_id
), booked AS (
    INSERT INTO bookings (id, user_id, resource_ids, provider_id, workspace_id, start_at, end_at, units, status,
                          title, description, location, notes, created_by, created_at, updated_at,
                          service_id, party_size, price_amount, currency, payment_required, payment_status,
                          confirm_when_paid, buffer_before_minutes, buffer_after_minutes, session_places,
                          cancellation_policy, reminder_leads, place_price, policy, series_id, occurrence)
    SELECT w.id, %(user_id)s, w.resource_ids, w.provider_id, w.workspace_id, w.start_at, w.end_at, %(units)s, w.status,
           %(title)s::text, %(description)s::text, %(location)s::text, %(notes)s::text, %(actor_id)s,
           %(now)s::timestamptz, %(now)s,
           %(service_id)s, %(party_size)s::integer, w.price_amount, %(currency)s::text, w.payment_required,
           w.payment_status, w.confirm_when_paid, w.buffer_before_minutes, w.buffer_after_minutes, %(session_places)s,
           w.cancellation_policy::jsonb, %(reminder_leads)s::interval[], %(place_price)s::bigint, w.policy::jsonb,
           %(series_id)s::uuid, w.occurrence
      FROM wanted AS w
     WHERE claimed_together((SELECT count(*) FROM claimed),
                            (SELECT sum(cardinality(resource_ids))::integer FROM wanted))
    RETURNING *
), answer AS (
    SELECT b.*, {document} AS document FROM booked AS b
), history AS (
    INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, actor_id, request_id, at)
    SELECT id, version, 'create', status, start_at, end_at, %(actor_id)s, %(request_id)s::text, %(now)s FROM answer
), reminding AS (
    INSERT INTO reminders (booking_id, booking_version, recipient_id, lead, due_at)
    SELECT id, version, user_id, lead, start_at - lead
      FROM answer, unnest(%(leads)s::interval[]) AS lead WHERE start_at - lead > now()
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, actor_id, request_id, occurred_at)
    SELECT 'booking.created', id, ARRAY['user:' || user_id] || ARRAY(SELECT 'resource:' || r FROM unnest(resource_ids) AS r),
           {with_series}, %(actor_id)s, %(request_id)s, %(now)s
      FROM answer ORDER BY start_at
), audited AS (
    INSERT INTO audit_entries (at, actor_id, actor_role, request_id, action, subject_type, subject_id, after)
    SELECT %(now)s, %(actor_id)s, %(actor_role)s::text, %(request_id)s, 'booking.create', 'booking', id::text,
           json_build_object('userId', user_id, 'status', status, 'seriesId', series_id)
      FROM answer WHERE %(actor_id)s::uuid <> user_id
)
SELECT id FROM answer

-- fragment: series_visible
-- Whether the actor may see a series: whoever may see one of its bookings may, and its customer.
(%(is_admin)s::boolean OR s.user_id = %(actor_id)s::uuid OR EXISTS (
    SELECT FROM bookings AS b WHERE b.series_id = s.id AND {visible}))

-- name: get_series
-- A series, and of each of its bookings that the actor may see where it stands.
SELECT {series_document} AS document, s.version,
       (SELECT coalesce(json_agg(json_build_object(
                'bookingId', b.id, 'occurrence', b.occurrence, 'status', b.status, 'resourceIds', b.resource_ids,
                'startAt', btrim(to_json(b.start_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
                'endAt', btrim(to_json(b.end_at AT TIME ZONE 'UTC')::text, '"') || 'Z') ORDER BY b.occurrence, b.id), '[]')
          FROM bookings AS b WHERE b.series_id = s.id AND {visible}) AS occurrences
  FROM series AS s WHERE s.id = %(id)s::uuid AND {series_visible}

-- name: list_of_series
-- The bookings of a series that the actor may see, a page of them.
SELECT {document}::text AS document, count(*) OVER () AS total
  FROM bookings AS b WHERE b.series_id = %(id)s::uuid AND {visible}
 ORDER BY b.occurrence, b.id LIMIT %(limit)s OFFSET %(offset)s

-- name: lock_series
-- A series about to change.
SELECT s.*, {series_document} AS document FROM series AS s WHERE s.id = %(id)s::uuid AND {series_visible} FOR UPDATE OF s

-- name: lock_occurrences
-- Its bookings from one occurrence on, all of them locked in the order in which everybody locks them.
SELECT b.*, %(is_admin)s OR EXISTS (
           SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s) AS is_staff, {may_override}
  FROM bookings AS b
 WHERE b.series_id = %(id)s::uuid AND b.occurrence >= %(from)s::timestamp AND {visible}
 ORDER BY b.start_at, b.id FOR NO KEY UPDATE OF b

-- name: drop_claims_of_many
-- The first half of a move of many: the claims leave their old places.
DELETE FROM allocations WHERE booking_id = ANY (%(ids)s::uuid[])

-- name: take_claims_of_many
-- The second half: they take the new ones, in the order of resources and then of time; how many did.
WITH taken AS (
    INSERT INTO allocations (resource_id, exclusive, during, units, places, booking_id, start_at)
    SELECT r.id, r.exclusive, {blocked}, b.units, b.session_places, b.id, w.start_at
      FROM {wished} JOIN bookings AS b ON b.id = w.id JOIN resources AS r ON r.id = ANY (b.resource_ids)
     ORDER BY r.id, w.start_at
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
    RETURNING booking_id
)
SELECT booking_id, count(*) AS claims FROM taken GROUP BY booking_id

-- fragment: said
-- What the audit trail tells of a change to booking `b`, by the names of the API.
jsonb_build_object('startAt', b.start_at, 'endAt', b.end_at, 'title', b.title, 'description', b.description,
                   'location', b.location, 'notes', b.notes, 'fees', b.fee_amount)

-- name: change_occurrences
-- What `change` does for one booking, for many: the next version of each, its history row, its event, its audit entry.
WITH changed AS (
    UPDATE bookings AS b SET
        title = CASE WHEN %(changes_title)s THEN %(title)s::text ELSE b.title END,
        description = CASE WHEN %(changes_description)s THEN %(description)s::text ELSE b.description END,
        location = CASE WHEN %(changes_location)s THEN %(location)s::text ELSE b.location END,
        notes = CASE WHEN %(changes_notes)s THEN %(notes)s::text ELSE b.notes END,
        start_at = w.start_at, end_at = w.end_at, series_id = %(series_id)s::uuid, occurrence = w.occurrence,
        reschedules = w.reschedules, fee_amount = w.fee_amount, version = b.version + 1, updated_at = %(now)s
      FROM {wished}
     WHERE b.id = w.id AND b.version = w.version
    RETURNING b.*
), answer AS (
    SELECT b.*, {document} AS document FROM changed AS b
), history AS (
    INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, reason, actor_id, request_id, at)
    SELECT id, version, %(action)s::text, status, start_at, end_at, %(reason)s::text, %(actor_id)s::uuid,
           %(request_id)s::text, %(now)s
      FROM answer
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, actor_id, request_id, occurred_at)
    SELECT %(event)s::text, id, ARRAY['user:' || user_id] || ARRAY(SELECT 'resource:' || r FROM unnest(resource_ids) AS r),
           {with_series}, %(actor_id)s, %(request_id)s, %(now)s
      FROM answer ORDER BY start_at
), audited AS (
    INSERT INTO audit_entries (at, actor_id, actor_role, request_id, action, subject_type, subject_id, before, after)
    SELECT %(now)s, %(actor_id)s, %(actor_role)s::text, %(request_id)s, 'booking.' || %(action)s, 'booking', a.id::text,
           (SELECT json_object_agg(key, value) FROM jsonb_each(was.said) WHERE value IS DISTINCT FROM a.said -> key),
           (SELECT json_object_agg(key, value) FROM jsonb_each(a.said || %(used)s::jsonb)
             WHERE value IS DISTINCT FROM was.said -> key)
      FROM (SELECT b.id, b.user_id, {said} AS said FROM answer AS b) AS a
      JOIN (SELECT b.id, {said} AS said FROM bookings AS b JOIN {wished} ON b.id = w.id) AS was ON was.id = a.id
     WHERE %(actor_id)s <> a.user_id
), carried AS (
    UPDATE reminders AS r SET booking_version = a.version, leased_until = NULL
      FROM answer AS a WHERE r.booking_id = a.id AND r.sent_at IS NULL AND %(action)s = 'update'
), forgotten AS (
    DELETE FROM reminders AS r USING answer AS a
     WHERE r.booking_id = a.id AND r.sent_at IS NULL AND %(action)s = 'reschedule'
), planned AS (
    INSERT INTO reminders (booking_id, booking_version, recipient_id, lead, due_at)
    SELECT id, version, user_id, lead, start_at - lead
      FROM answer, unnest(coalesce(reminder_leads, %(leads)s::interval[])) AS lead
     WHERE start_at - lead > now() AND %(action)s = 'reschedule'
)
SELECT id, document::text FROM answer ORDER BY start_at

-- name: change_series
-- A series says what its bookings say now.
UPDATE series AS s SET rrule = %(rrule)s, starts_at = %(starts_at)s, exdates = %(exdates)s::date[],
       version = version + 1, updated_at = %(now)s
 WHERE id = %(id)s::uuid

-- name: tell_of_series
-- What a command did to bookings of a series, told once, to its customer: others may not hear of all of them.
INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
SELECT %(event)s::text, ARRAY['user:' || s.user_id],
       ({series_document}::jsonb || jsonb_build_object('bookings', (
           SELECT jsonb_agg(jsonb_build_object(
                      'id', b.id, 'version', b.version, 'status', b.status, 'resourceIds', b.resource_ids,
                      'startAt', btrim(to_json(b.start_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
                      'endAt', btrim(to_json(b.end_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
                      'price', CASE WHEN b.price_amount IS NOT NULL
                          THEN json_build_object('amount', b.price_amount, 'currency', b.currency) END)
                      ORDER BY b.start_at, b.id)
             FROM bookings AS b WHERE b.id = ANY (%(ids)s::uuid[]))))::json,
       %(actor_id)s::uuid, %(request_id)s::text, %(now)s::timestamptz
  FROM series AS s WHERE s.id = %(id)s::uuid

-- name: occurrence_of
-- Which time of a series a booking stands for, if it is in it and to be seen.
SELECT b.occurrence FROM bookings AS b WHERE b.id = %(booking_id)s::uuid AND b.series_id = %(id)s::uuid AND {visible}

-- name: earlier_occurrences
-- Which times of a series before one of them have bookings.
SELECT occurrence FROM bookings WHERE series_id = %(id)s::uuid AND occurrence < %(first)s::timestamp
