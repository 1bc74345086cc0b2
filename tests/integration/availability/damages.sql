-- Damage done to a sound calendar, in a transaction that is undone: each is seen by the checks that should see it.

-- name: resource_that_nobody_told
-- Hours that nobody looks at.
UPDATE resources SET schedule_version = 0 WHERE id IN (SELECT subject_id FROM schedules WHERE layer = 'resource')

-- name: service_that_was_never_there
-- Hours of a service that is not there.
INSERT INTO schedules (layer, subject_id, updated_at) VALUES ('service', gen_random_uuid(), now())

-- name: half_past_twenty_four
-- A time that no clock shows.
UPDATE schedules SET weekly = '{"monday": [{"from": "09:00", "to": "24:30"}]}' WHERE layer = 'resource'

-- name: eighth_day_of_the_week
-- A weekday that no week has.
UPDATE schedules SET weekly = '{"someday": [{"from": "09:00", "to": "12:00"}]}' WHERE layer = 'resource'

-- name: date_without_an_end
-- A span without an end.
UPDATE schedule_days SET hours = '[{"from": "09:00"}]'

-- name: busy_for_nobody
-- A busy time that no calendar says.
INSERT INTO closures (id, resource_id, during, kind, calendar_id, created_at)
SELECT gen_random_uuid(), subject_id, '[2027-01-01Z, 2027-01-02Z)', 'busy', gen_random_uuid(), now()
  FROM schedules WHERE layer = 'resource'

-- name: busy_time_lost
-- A busy time that nobody wrote.
UPDATE calendars SET busy_times = busy_times + 1

-- name: same_turn_for_two
-- Two whose turn it is at once.
UPDATE assignment_turns SET turn = 1

-- name: turn_before_the_first
-- A turn that nobody takes.
UPDATE assignment_turns SET turn = 0 WHERE turn = 3

-- name: turn_of_a_stranger
-- A turn of somebody who has nothing to do with the service.
UPDATE assignment_turns SET resource_id = gen_random_uuid() WHERE turn = 3
