-- What must be true of opening hours and closures, whatever happened. Every row returned is a bug.

-- name: hours_unheeded
-- What concerns a resource has been counted: otherwise it would be booked without a look at its hours.
SELECT r.id, r.schedule_version FROM resources AS r
 WHERE r.schedule_version = 0
   AND (EXISTS (SELECT FROM schedules WHERE layer = 'business' OR (layer = 'resource' AND subject_id = r.id))
        OR EXISTS (SELECT FROM closures WHERE resource_id IS NULL OR resource_id = r.id))

-- name: schedule_of_nothing
-- Layers belong to services and resources that are there.
SELECT s.layer, s.subject_id FROM schedules AS s
 WHERE (s.layer = 'service' AND NOT EXISTS (SELECT FROM services WHERE id = s.subject_id))
    OR (s.layer = 'resource' AND NOT EXISTS (SELECT FROM resources WHERE id = s.subject_id))

-- name: hours_unreadable
-- Every span has a beginning and an end on the clock, under the name of a weekday or on a date.
SELECT layer, subject_id, named, span FROM (
    SELECT layer, subject_id, weekday AS named, jsonb_array_elements(spans) AS span
      FROM schedules, jsonb_each(weekly) AS said (weekday, spans)
    UNION ALL
    SELECT layer, subject_id, day::text, jsonb_array_elements(hours) FROM schedule_days
) AS spans
 WHERE span ->> 'from' !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' OR span ->> 'to' !~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'
    OR NOT span ?& ARRAY['from', 'to']
    OR named !~ '^((mon|tues|wednes|thurs|fri|satur|sun)day|[0-9]{4}-[0-9]{2}-[0-9]{2})$'

-- name: closure_of_no_calendar
-- Busy times come from a calendar that is there, of the same resource; what people say comes from none.
SELECT c.id, c.resource_id, c.kind, c.calendar_id FROM closures AS c
 WHERE (c.kind = 'busy') <> (c.calendar_id IS NOT NULL)
    OR c.calendar_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM calendars AS k WHERE k.id = c.calendar_id AND k.resource_id = c.resource_id)

-- name: busy_times_miscounted
-- A calendar knows how many closures come from it.
SELECT k.id, k.busy_times FROM calendars AS k
 WHERE k.busy_times <> (SELECT count(*) FROM closures AS c WHERE c.calendar_id = k.id)

-- name: turn_twice
-- Turns of a service are taken one after the other: no two who deliver have the same, and the first is 1.
SELECT service_id, turn, array_agg(resource_id) AS resource_ids FROM assignment_turns
 GROUP BY service_id, turn HAVING count(*) > 1 OR turn < 1

-- name: turn_of_nobody
-- A turn is of a resource that delivers the service or was given a booking of it. (Which resource a booking had
-- before it was passed on only its events tell.)
SELECT t.service_id, t.resource_id, t.turn FROM assignment_turns AS t
 WHERE NOT EXISTS (SELECT FROM service_resources WHERE service_id = t.service_id AND resource_id = t.resource_id)
   AND NOT EXISTS (SELECT FROM bookings WHERE service_id = t.service_id AND t.resource_id = ANY (resource_ids))
   AND NOT EXISTS (SELECT FROM bookings AS b JOIN booking_history AS h ON h.booking_id = b.id
                    WHERE b.service_id = t.service_id AND h.action = 'reassign')
