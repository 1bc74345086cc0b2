-- Damage to do to a little data on purpose, each undone again. `one`, `other` and `gone` are bookings: see
-- test_check_data.py, which also says which checks must see which damage.

-- fragment: one
-- The booking of a provider and a shared room that was changed and reminded of.
(SELECT id FROM bookings WHERE title = 'one')

-- fragment: other
-- The booking of the same room at the same time that waits.
(SELECT id FROM bookings WHERE title = 'other')

-- fragment: gone
-- The cancelled one.
(SELECT id FROM bookings WHERE title = 'gone')

-- name: second_claim_of_the_providers_time
-- A second claim of the provider's time.
INSERT INTO allocations (resource_id, exclusive, during, booking_id, start_at)
  SELECT (SELECT resource_id FROM allocations WHERE booking_id = {one} AND exclusive), true,
         tstzrange(start_at + '1 minute', end_at + '1 minute'), id, start_at + '1 minute'
    FROM bookings WHERE title = 'other'

-- name: more_units_than_the_room_has
-- More units than the room has.
UPDATE allocations SET units = 3 WHERE booking_id = {other}

-- name: flag_that_hides_a_claim_from_its_constraint
-- A flag that hides a claim from its constraint.
UPDATE allocations SET exclusive = false WHERE booking_id = {one} AND exclusive

-- name: claim_of_no_time
-- A claim of no time.
UPDATE allocations SET during = 'empty' WHERE booking_id = {other}

-- name: claim_of_a_booking_that_never_was
-- A claim of a booking that never was.
INSERT INTO allocations (resource_id, exclusive, during, booking_id, start_at)
SELECT resource_id, exclusive, tstzrange(upper(during) + '1 day', upper(during) + '2 days'), gen_random_uuid(), start_at
  FROM allocations WHERE booking_id = {other}

-- name: booking_of_no_time
-- A booking of no time, called off, so that no claim tells.
UPDATE bookings SET end_at = start_at WHERE id = {gone}

-- name: claim_lost
-- A claim lost.
DELETE FROM allocations WHERE booking_id = {other}

-- name: claim_released_under_a_live_booking
-- A claim released under a live booking.
UPDATE allocations SET released_at = now() WHERE booking_id = {other}

-- name: claim_kept_by_a_cancelled_booking
-- A claim kept by a cancelled booking.
UPDATE allocations SET released_at = NULL WHERE booking_id = {gone}

-- name: claim_at_another_time
-- A claim at another time.
UPDATE allocations SET during = tstzrange(lower(during), upper(during) + '1 second') WHERE booking_id = {other}

-- name: resource_named_twice
-- A resource named twice.
UPDATE bookings SET resource_ids = resource_ids || resource_ids[1] WHERE id = {other}

-- name: provider_that_is_a_room
-- A provider that is a room.
UPDATE bookings SET provider_id = workspace_id WHERE id = {other}

-- name: price_without_currency
-- A price without a currency.
UPDATE bookings SET price_amount = 100 WHERE id = {other}

-- name: payment_status_that_nobody_knows
-- A payment status that nobody knows.
UPDATE bookings SET price_amount = 100, currency = 'EUR', payment_status = 'forgiven' WHERE id = {other}

-- name: fee_of_no_currency
-- A fee of no currency.
UPDATE bookings SET fee_amount = 100 WHERE id = {other}

-- name: moved_too_often
-- A booking that was moved more often than was agreed.
UPDATE bookings SET policy = '{"maxReschedules": 1}', reschedules = 2 WHERE id = {other}

-- name: released_but_coming
-- A booking whose time is free although it is to take place.
WITH freed AS (UPDATE allocations SET released_at = now() WHERE booking_id = {other})
UPDATE bookings SET released_at = now() WHERE id = {other}

-- name: claim_kept_by_a_released_booking
-- A claim kept by a released booking.
UPDATE bookings SET released_at = now(), status = 'no_show' WHERE id = {one}

-- name: overbooked_in_secret
-- A claim that stands outside the constraint although its booking does not say so.
UPDATE allocations SET overbooked = true WHERE booking_id = {other}

-- name: version_without_history
-- A version without history.
DELETE FROM booking_history WHERE action = 'cancel'

-- name: same_version_twice_in_history
-- The same version twice in history.
INSERT INTO booking_history SELECT * FROM booking_history WHERE booking_id = {other}

-- name: status_changed_without_a_version
-- A status changed without a version.
UPDATE bookings SET status = 'confirmed' WHERE id = {other}

-- name: step_that_the_state_machine_does_not_know
-- A step that the state machine does not know.
UPDATE booking_history SET status = 'completed' WHERE version = 1 AND booking_id = {gone}

-- name: position_lost
-- A position lost.
UPDATE events SET position = position + 10 WHERE position > 1

-- name: event_lost_on_the_way
-- An event lost on the way.
DELETE FROM outbox WHERE booking_id = {other}

-- name: event_told_twice
-- An event told twice.
INSERT INTO events (position, type, booking_id, topics, data, occurred_at)
  SELECT (SELECT max(position) + 1 FROM events), type, booking_id, topics, data, occurred_at
    FROM outbox WHERE booking_id = {other}

-- name: events_that_overtook_each_other
-- Events that overtook each other.
WITH turned AS (SELECT position, row_number() OVER (ORDER BY position DESC) AS place FROM events)
  UPDATE events SET position = place + 100 FROM turned WHERE turned.position = events.position

-- name: event_of_another_kind
-- An event of another kind.
UPDATE outbox SET type = 'booking.updated' WHERE booking_id = {other}

-- name: event_with_another_time
-- An event with another time.
UPDATE outbox SET data = jsonb_set(data::jsonb, ARRAY['startAt'], '"2030-01-01T00:00:00Z"') WHERE booking_id = {other}

-- name: event_for_nobody
-- An event for nobody.
UPDATE outbox SET topics = topics[2:] WHERE booking_id = {other}

-- name: event_of_another_claim
-- An event that names another resource than is claimed.
UPDATE outbox SET data = jsonb_set(data::jsonb, '{resourceIds,0}', to_jsonb(gen_random_uuid())) WHERE booking_id = {other}

-- name: event_for_a_stranger
-- An event for a stranger.
UPDATE outbox SET topics = topics || 'user:x'::text WHERE booking_id = {other}

-- name: reminder_of_a_version_that_is_past
-- A reminder of a version that is past.
UPDATE reminders SET booking_version = 7 WHERE booking_id = {other}

-- name: reminder_of_a_cancelled_booking
-- A reminder of a cancelled booking.
UPDATE reminders SET booking_id = {gone}, booking_version = 2 WHERE booking_id = {other}

-- name: reminder_at_the_wrong_time
-- A reminder at the wrong time.
UPDATE reminders SET due_at = due_at + '1 hour' WHERE booking_id = {other}

-- name: reminder_sent_twice
-- A reminder sent twice.
INSERT INTO reminders (booking_id, booking_version, recipient_id, lead, due_at, sent_at)
  SELECT booking_id, 0, recipient_id, lead, due_at, sent_at FROM reminders WHERE booking_id = {one}

-- name: reminder_sent_too_early
-- A reminder sent too early.
UPDATE reminders SET sent_at = due_at - interval '1 second' WHERE booking_id = {one}

-- name: reminder_said_to_be_sent
-- A reminder said to be sent.
UPDATE reminders SET sent_at = due_at WHERE booking_id = {other}

-- name: notification_lost
-- A notification lost.
DELETE FROM notifications

-- name: reminder_announced_twice
-- A reminder announced twice.
INSERT INTO outbox (type, booking_id, topics, data, occurred_at)
  SELECT type, booking_id, topics, data, occurred_at FROM outbox WHERE type = 'booking.reminder'

-- name: answer_that_points_nowhere
-- An answer that points nowhere.
UPDATE idempotency_keys SET headers = '{"Location": "/bookings/00000000-0000-0000-0000-000000000000"}'

-- name: answer_with_another_bookings_body
-- An answer with another booking's body.
UPDATE idempotency_keys SET body = json_build_object('id', {other})::text

-- name: one_booking_under_two_keys
-- One booking under two keys.
INSERT INTO idempotency_keys SELECT actor_id, key || 'x', fingerprint, status, headers, body, created_at
  FROM idempotency_keys

-- name: audit_entry_lost
-- An entry of the audit trail lost.
DELETE FROM audit_entries WHERE id = (SELECT max(id) FROM audit_entries)

-- name: audit_entry_made_up
-- An entry about something that did not happen.
INSERT INTO audit_entries (at, actor_id, actor_role, action, subject_type, subject_id)
  SELECT at, actor_id, actor_role, 'booking.cancel', subject_type, subject_id FROM audit_entries
   WHERE subject_type = 'booking' LIMIT 1

-- name: audit_entry_with_a_secret
-- A token that found its way into the trail.
UPDATE audit_entries SET after = json_build_object('note', 'bkr_0123456789abcdef0123')

-- name: review_of_what_did_not_take_place
-- A review of what did not take place.
INSERT INTO reviews (id, booking_id, author_id, provider_id, workspace_id, resource_ids, deleted_at, created_at, updated_at)
  SELECT gen_random_uuid(), id, user_id, provider_id, workspace_id, resource_ids, now(), now(), now()
    FROM bookings WHERE id = {other}

-- name: review_by_somebody_else
-- A review by somebody else.
INSERT INTO reviews (id, booking_id, author_id, provider_id, workspace_id, resource_ids, deleted_at, created_at, updated_at)
  SELECT gen_random_uuid(), id, (SELECT id FROM users WHERE id <> user_id LIMIT 1), provider_id, workspace_id, resource_ids, now(), now(), now()
    FROM bookings WHERE id = {other}

-- name: booking_reviewed_twice
-- A booking reviewed twice.
INSERT INTO reviews (id, booking_id, author_id, provider_id, workspace_id, resource_ids, deleted_at, created_at, updated_at)
  SELECT gen_random_uuid(), id, user_id, provider_id, workspace_id, resource_ids, now(), now(), now()
    FROM bookings, generate_series(1, 2) WHERE id = {other}

-- name: star_that_nobody_gave
-- A star that nobody gave.
INSERT INTO review_totals (subject_id, stars, reviews) SELECT id, 5, 1 FROM resources LIMIT 1
-- name: two_open_jobs_of_a_key
-- Two open jobs of a key.
INSERT INTO jobs (id, kind, key, payload, max_attempts)
  SELECT gen_random_uuid(), 'mail', 'k', '{}', 8 FROM generate_series(1, 2)

-- name: job_that_failed_without_a_word
-- A job that failed without a word.
INSERT INTO jobs (id, kind, payload, state, attempts, run, started_at, max_attempts)
  SELECT gen_random_uuid(), 'mail', '{}', 'failed', 1, 1, now(), 8

-- name: job_that_goes_on_after_its_last_attempt
-- A job that goes on after its last attempt.
INSERT INTO jobs (id, kind, payload, state, attempts, run, started_at, max_attempts, last_error)
  SELECT gen_random_uuid(), 'mail', '{}', 'failed', 8, 9, now(), 8, 'broken'

-- name: death_told_of_a_living_job
-- A death told of a living job.
INSERT INTO jobs (id, kind, payload, max_attempts, told_at) VALUES (gen_random_uuid(), 'mail', '{}', 8, now())

-- name: consumer_that_read_the_future
-- A consumer that read the future.
INSERT INTO event_consumers (name, position) SELECT 'mail', max(position) + 1 FROM events
-- name: service_with_another_lowest_price
-- A service with another lowest price.
UPDATE services SET price_from = price_from + 1

-- name: service_without_durations
-- A service without durations.
UPDATE services SET durations = '[]'

-- name: service_that_needs_what_is_not
-- A service that needs what is not.
UPDATE service_requirements SET resource_ids = ARRAY[gen_random_uuid()]

-- name: rating_of_six
-- A rating of six.
UPDATE services SET rating_count = 1, rating_sum = 6

-- name: booking_of_a_service_that_is_not
-- A booking of a service that is not.
UPDATE bookings SET service_id = gen_random_uuid() WHERE id = {other}

-- name: session_with_too_many
-- A session with more people than places.
WITH agreed AS (UPDATE bookings SET session_places = 1 WHERE id = {other})
UPDATE allocations SET places = 1 WHERE booking_id = {other}

-- name: star_beside_a_name
-- A star beside a name that no review gave.
UPDATE resources SET rating_count = 1, rating_sum = 5

-- name: review_shown_without_its_booking
-- A review that is shown although its booking did not take place, long after the worker could know.
WITH heard AS (INSERT INTO event_consumers (name, position) SELECT 'review', max(position) FROM events)
INSERT INTO reviews (id, booking_id, author_id, workspace_id, resource_ids, rating, hidden_at, hidden_reason, created_at, updated_at)
  SELECT gen_random_uuid(), id, user_id, workspace_id, resource_ids, 3, now(), 'x', now(), now() FROM bookings WHERE id = {gone}

-- fragment: report
-- What every report has.
id, requester_id, kind, from_at, to_at, time_zone, filters, format, created_at, expires_at

-- fragment: asked
-- The values of that.
gen_random_uuid(), id, 'bookings', now() - interval '1 day', now(), 'UTC', '{}'::jsonb, 'csv', now(), now()

-- name: report_without_its_file
-- A report that is finished and has no file.
INSERT INTO reports ({report}, status, progress, finished_at)
  SELECT {asked}, 'finished', 100, now() FROM users LIMIT 1

-- name: report_that_nobody_makes
-- A report that nobody makes.
INSERT INTO reports ({report}) SELECT {asked} FROM users LIMIT 1

-- name: period_reported_twice
-- A period reported twice.
INSERT INTO reports ({report}, status, finished_at, schedule_id, due_at)
  SELECT {asked}, 'failed', now(), (SELECT min(id::text)::uuid FROM users), '2027-03-01Z' FROM users LIMIT 2

-- name: report_told_twice
-- The end of a report told twice.
INSERT INTO outbox (type, topics, data, occurred_at)
  SELECT 'report.finished', ARRAY['user:x'], '{"id": "x"}', now() FROM generate_series(1, 2)

-- name: events_deleted_by_hand
-- Events deleted by hand.
DELETE FROM events WHERE position = 1

-- fragment: mail
-- The columns of an e-mail about `one` that was never written.
INSERT INTO notifications (id, recipient_id, audience, booking_id, cause, subject, channel, data, created_at, updated_at,
                           status, attempts, sent_at)
  SELECT gen_random_uuid(), user_id, 'customer', id, 'booking_created', 'x', 'email', '{}', now(), now()

-- name: notification_written_twice
-- A notification written twice.
INSERT INTO notifications (id, recipient_id, audience, booking_id, cause, subject, channel, data, created_at, updated_at,
                           status, attempts, sent_at, reminder_id)
  SELECT gen_random_uuid(), recipient_id, audience, booking_id, cause, subject, channel, data, created_at, updated_at,
         status, attempts, sent_at, reminder_id FROM notifications WHERE channel = 'log'

-- name: notification_to_somebody_else
-- A notification to somebody else.
UPDATE notifications SET recipient_id = (SELECT id FROM users WHERE id <> recipient_id LIMIT 1)

-- name: notification_in_the_app_that_failed
-- A notification in the app that failed.
UPDATE notifications SET status = 'failed', last_error = 'x' WHERE channel = 'in_app'

-- name: mail_that_nobody_sends
-- A mail that nobody sends.
{mail}, 'queued', 0, NULL FROM bookings WHERE title = 'one'

-- name: mail_said_to_be_sent
-- A mail said to be sent.
{mail}, 'sent', 0, now() FROM bookings WHERE title = 'one'

-- name: notification_announced_twice
-- A notification announced twice.
INSERT INTO outbox (type, topics, data, occurred_at)
  SELECT type, topics, data, occurred_at FROM outbox WHERE type = 'notification.created'

-- name: account_erased_in_name_only
-- An account that is said to be erased, and is not.
UPDATE users SET erased_at = now(), disabled_at = now() WHERE id = (SELECT user_id FROM bookings WHERE id = {one})

-- name: booking_of_a_series_that_is_not
-- A booking of a series that is not.
UPDATE bookings SET series_id = gen_random_uuid(), occurrence = '2027-01-01 09:00' WHERE id = {one}

-- name: booking_of_no_time_of_its_series
-- A booking that stands for a time of no series.
UPDATE bookings SET occurrence = '2027-01-01 09:00' WHERE id = {one}

-- name: series_of_nothing
-- A series without bookings, split from what never was.
INSERT INTO series (id, user_id, time_zone, starts_at, split_from, created_by, created_at, updated_at)
SELECT gen_random_uuid(), user_id, 'UTC', '2027-01-01 09:00', gen_random_uuid(), user_id, now(), now()
  FROM bookings WHERE id = {one}

-- name: more_named_than_come
-- More people named than come.
INSERT INTO attendees (id, booking_id, name, created_at)
SELECT gen_random_uuid(), {one}, name, now() FROM (VALUES ('A'), ('B')) AS people (name)

-- name: attendee_of_nothing
-- Somebody who comes along to nothing.
INSERT INTO attendees (id, booking_id, name, created_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'A', now())
