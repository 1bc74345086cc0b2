-- What each layer says of hours and rules: reading and changing it.

-- fragment: schedule_document
-- The JSON of what a layer `w` says in the row `s`, if there is one. Instants are UTC with Z.
(SELECT row_to_json(d)::text FROM (SELECT
    w.layer,
    nullif(w.subject_id, '00000000-0000-0000-0000-000000000000') AS "subjectId",
    s.weekly,
    s.holidays,
    coalesce(s.rules, '{}') AS rules,
    coalesce(s.version, 1) AS version,
    btrim(to_json(s.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- name: find_schedule
-- What a layer says; also when it never said anything, but not of a service or resource that is not there.
SELECT {schedule_document} AS document, coalesce(s.version, 1) AS version
  FROM (VALUES (%(layer)s::text, %(subject_id)s::uuid)) AS w (layer, subject_id)
  LEFT JOIN schedules AS s USING (layer, subject_id)
 WHERE CASE w.layer WHEN 'service' THEN EXISTS (SELECT FROM services WHERE id = w.subject_id)
                    WHEN 'resource' THEN EXISTS (SELECT FROM resources WHERE id = w.subject_id) ELSE true END

-- name: lock_business
-- One change of what concerns everybody at a time; new resources wait for it (trigger resources_begin_scheduled).
SELECT pg_advisory_xact_lock(hashtext('bookings business schedule'))

-- name: lock_all_resources
-- Nobody claims anything while the hours of all change. In the order of ids, as everybody who locks several.
SELECT count(*) AS resources FROM (SELECT FROM resources ORDER BY id FOR UPDATE) AS locked

-- name: lock_resources_named
-- The same for some; whose they are, and where.
SELECT id, owner_id, time_zone FROM resources WHERE id = ANY (%(resource_ids)s::uuid[]) ORDER BY id FOR UPDATE

-- name: lock_service
-- A service whose hours or rules change.
SELECT id FROM services WHERE id = %(id)s FOR UPDATE

-- name: count_up_all
-- Whoever has judged by what held before judges anew.
UPDATE resources SET schedule_version = schedule_version + 1

-- name: count_up_resources
-- The same of some resources.
UPDATE resources SET schedule_version = schedule_version + 1 WHERE id = ANY (%(resource_ids)s::uuid[])

-- name: count_up_service
-- The same of a service: bookings name the version they were judged by.
UPDATE services SET version = version + 1, updated_at = %(now)s WHERE id = %(id)s

-- name: write_schedule
-- The next version of what a layer says. What never was said is version 1.
INSERT INTO schedules (layer, subject_id, weekly, holidays, rules, version, updated_at)
VALUES (%(layer)s, %(subject_id)s, %(weekly)s::jsonb, %(holidays)s, %(rules)s::jsonb, 2, %(now)s)
    ON CONFLICT (layer, subject_id) DO UPDATE
   SET weekly = excluded.weekly, holidays = excluded.holidays, rules = excluded.rules,
       version = schedules.version + 1, updated_at = excluded.updated_at

-- name: touch_schedule
-- The next version when a date changes.
INSERT INTO schedules (layer, subject_id, version, updated_at) VALUES (%(layer)s, %(subject_id)s, 2, %(now)s)
    ON CONFLICT (layer, subject_id) DO UPDATE SET version = schedules.version + 1, updated_at = excluded.updated_at
RETURNING version

-- fragment: day_document
-- The JSON of a date `d` with other hours.
json_build_object('date', d.day, 'hours', d.hours, 'note', d.note)

-- name: find_day
-- One date with other hours.
SELECT {day_document} AS document FROM schedule_days AS d
 WHERE d.layer = %(layer)s AND d.subject_id = %(subject_id)s AND d.day = %(day)s

-- name: count_days
-- How many dates of a layer have other hours.
SELECT count(*) AS days FROM schedule_days WHERE layer = %(layer)s AND subject_id = %(subject_id)s

-- name: write_day
-- Other hours on a date.
INSERT INTO schedule_days (layer, subject_id, day, hours, note)
VALUES (%(layer)s, %(subject_id)s, %(day)s, %(hours)s::jsonb, %(note)s)
    ON CONFLICT (layer, subject_id, day) DO UPDATE SET hours = excluded.hours, note = excluded.note

-- name: delete_day
-- The usual hours again.
DELETE FROM schedule_days WHERE layer = %(layer)s AND subject_id = %(subject_id)s AND day = %(day)s

-- name: list_days
-- One page of dates with other hours, and how many there are; a layer has at most 1,000. Notes are for those who work
-- there: `with_notes`, and the owner of a resource.
SELECT coalesce(json_agg({day_document} ORDER BY d.day) FILTER (WHERE d.number > %(offset)s::integer
                                                                  AND d.number <= %(offset)s + %(limit)s::integer), '[]')
       ::text AS documents, count(*) AS total
  FROM (SELECT day, hours, row_number() OVER (ORDER BY day) AS number,
               CASE WHEN %(with_notes)s::boolean OR EXISTS (
                   SELECT FROM resources WHERE id = %(subject_id)s AND owner_id = %(actor_id)s::uuid) THEN note END AS note
          FROM schedule_days
         WHERE layer = %(layer)s AND subject_id = %(subject_id)s
           AND (%(from)s::date IS NULL OR day >= %(from)s) AND (%(to)s::date IS NULL OR day <= %(to)s)) AS d

-- name: layers_of
-- What the layers say that concern some resources, and a service if one is named; layers that say nothing are left out.
SELECT s.layer, s.subject_id, {said} AS said FROM schedules AS s
 WHERE s.layer = 'business' OR (s.layer = 'service' AND s.subject_id = %(service_id)s::uuid)
    OR (s.layer = 'resource' AND (%(resource_ids)s::uuid[] IS NULL OR s.subject_id = ANY (%(resource_ids)s)))

-- name: resources_of
-- The resources themselves, with their zone.
SELECT id, time_zone, owner_id FROM resources WHERE id = ANY (%(resource_ids)s::uuid[])

-- name: closures_of
-- When some resources are closed between two instants, in seconds since 1970; a null id: all are.
SELECT resource_id, extract(epoch FROM lower(during))::bigint AS lower, extract(epoch FROM upper(during))::bigint AS upper
  FROM closures
 WHERE during && tstzrange(%(from)s::timestamptz, %(to)s::timestamptz)
   AND kind = ANY (%(kinds)s::text[])
   AND (resource_id IS NULL OR %(resource_ids)s::uuid[] IS NULL OR resource_id = ANY (%(resource_ids)s))

-- name: service_exists
-- Whether there is such a service.
SELECT id FROM services WHERE id = %(id)s::uuid
