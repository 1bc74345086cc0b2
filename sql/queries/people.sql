-- People across all domains. Only bookings/people/ uses these.

-- name: find_customer
-- Somebody who has booked a provider, as far as the provider needs to know them.
SELECT row_to_json(d)::text AS document, d.version, u.role
  FROM users AS u, LATERAL (
    SELECT u.id, u.email, u.name, u.phone, u.time_zone AS "timeZone", u.locale, u.addresses, u.version) AS d
 WHERE u.id = %(id)s::uuid AND EXISTS (
    SELECT FROM bookings AS b JOIN resources AS r ON r.id = ANY (b.resource_ids)
     WHERE b.user_id = %(id)s AND r.owner_id = %(provider_id)s::uuid)

-- name: stats
-- What somebody did here, in one walk over their bookings and one over their payments.
WITH mine AS (
    SELECT status, start_at FROM bookings WHERE user_id = %(id)s::uuid
), counted AS (
    SELECT status, count(*) AS n FROM mine GROUP BY status
), spent AS (
    SELECT currency, sum(captured - refunded)::bigint AS amount
      FROM payments WHERE user_id = %(id)s AND captured > 0 GROUP BY currency
)
SELECT json_build_object(
    'userId', %(id)s::uuid,
    'bookings', (SELECT count(*) FROM mine),
    'byStatus', coalesce((SELECT json_object_agg(status, n) FROM counted), '{}'),
    'noShows', coalesce((SELECT n FROM counted WHERE status = 'no_show'), 0),
    'noShowRate', (SELECT round(count(*) FILTER (WHERE status = 'no_show')::numeric / nullif(count(*), 0), 4)::float8
                     FROM mine WHERE status IN ('completed', 'no_show')),
    'spend', coalesce((SELECT json_agg(json_build_object('amount', amount, 'currency', currency) ORDER BY currency)
                         FROM spent), '[]'),
    'firstStartAt', (SELECT btrim(to_json(min(start_at) AT TIME ZONE 'UTC')::text, '"') || 'Z' FROM mine),
    'lastStartAt', (SELECT btrim(to_json(max(start_at) AT TIME ZONE 'UTC')::text, '"') || 'Z' FROM mine)
)::text AS document

-- fragment: page
-- One page of a part of the export, behind a place in it. Each part names its rows' time `at`, a text `key` and `document`.
AS held (at, key, document)
 WHERE (at, key) > (%(after_at)s::timestamptz, %(after_key)s::text) ORDER BY at, key LIMIT %(limit)s::bigint

-- fragment: of_theirs
-- Events they are told of, notifications of others about their bookings, and reviews of which they wrote the reply.
('user:' || %(user_id)s::uuid = ANY (topics) OR data #>> '{data,booking,userId}' = %(user_id)s::uuid::text
    OR (type LIKE 'review.%%' AND 'resource:' || %(user_id)s::uuid = ANY (topics)))

-- fragment: about_theirs
-- Entries of the audit trail about them, their bookings, payments and reviews, and what can be booked of them.
(subject_type, subject_id) IN (
    VALUES ('user', %(user_id)s::uuid::text), ('resource', %(user_id)s::uuid::text)
    UNION ALL SELECT 'booking', id::text FROM bookings WHERE user_id = %(user_id)s::uuid
    UNION ALL SELECT 'payment', id::text FROM payments WHERE user_id = %(user_id)s::uuid
    UNION ALL SELECT 'review', id::text FROM reviews
               WHERE author_id = %(user_id)s::uuid OR replied_by = %(user_id)s::uuid)

-- name: export_bookings
-- Bookings with everything that was done to them and told of them.
SELECT at, key, document::text FROM (
    SELECT b.created_at, b.id::text, json_build_object(
        'booking', {booking.document},
        'history', (SELECT json_agg(json_build_object('version', h.version, 'action', h.action, 'status', h.status,
                'startAt', h.start_at, 'endAt', h.end_at, 'reason', h.reason, 'at', h.at) ORDER BY h.version)
              FROM booking_history AS h WHERE h.booking_id = b.id),
        'events', (SELECT json_agg(json_build_object('id', e.position, 'event', e.type, 'data', e.data)
                ORDER BY e.position) FROM events AS e WHERE e.booking_id = b.id),
        'eventsUnderWay', (SELECT json_agg(json_build_object('event', o.type, 'data', o.data) ORDER BY o.seq)
              FROM outbox AS o WHERE o.booking_id = b.id),
        'reminders', (SELECT json_agg(json_build_object('dueAt', r.due_at, 'sentAt', r.sent_at) ORDER BY r.due_at)
              FROM reminders AS r WHERE r.booking_id = b.id AND r.recipient_id = b.user_id),
        'attendees', (SELECT json_agg(json_build_object('id', a.id, 'name', a.name, 'email', a.email)
                ORDER BY a.created_at, a.id) FROM attendees AS a WHERE a.booking_id = b.id))
      FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid
    UNION ALL
    SELECT s.created_at, s.id::text, json_build_object('series', row_to_json(s))
      FROM series AS s WHERE s.user_id = %(user_id)s::uuid
    UNION ALL
    SELECT a.created_at, a.id::text, json_build_object('attendee', row_to_json(a))
      FROM attendees AS a JOIN users AS u ON lower(u.email) = lower(a.email) WHERE u.id = %(user_id)s::uuid
) {page}

-- name: export_events
-- What else was told of them, or of them to others: holds, places in line, series, reviews with their older texts, what
-- they and those whom they booked found in the app. What is no booking's names first who it is about, and so it is found.
SELECT at, key, document::text FROM (
    SELECT e.occurred_at, e.position::text, json_build_object('id', e.position, 'event', e.type, 'data', e.data)
      FROM events AS e WHERE e.booking_id IS NULL AND e.topics[1] = 'user:' || %(user_id)s::uuid
    UNION ALL
    SELECT e.occurred_at, e.position::text, json_build_object('id', e.position, 'event', e.type, 'data', e.data)
      FROM bookings AS b
      JOIN notifications AS n ON n.booking_id = b.id AND n.channel = 'in_app' AND n.recipient_id <> b.user_id
      JOIN events AS e ON e.booking_id IS NULL AND e.topics[1] = 'user:' || n.recipient_id
       AND e.occurred_at = n.created_at AND e.data ->> 'id' = n.id::text
     WHERE b.user_id = %(user_id)s::uuid
    UNION ALL
    SELECT e.occurred_at, e.position::text, json_build_object('id', e.position, 'event', e.type, 'data', e.data)
      FROM reviews AS r
      JOIN events AS e ON e.booking_id IS NULL AND e.topics[1] = 'user:' || r.author_id
       AND e.type LIKE 'review.%%' AND e.data ->> 'id' = r.id::text
     WHERE r.resource_ids @> ARRAY[%(user_id)s::uuid] AND r.author_id <> %(user_id)s
    UNION ALL
    SELECT o.occurred_at, 'under way ' || o.seq, json_build_object('event', o.type, 'data', o.data)
      FROM outbox AS o WHERE o.booking_id IS NULL AND {of_theirs}
) {page}

-- name: export_holds
-- Times that were kept for them.
SELECT at, key, document::text FROM (
    SELECT h.created_at, h.id::text, {booking.hold_document} FROM holds AS h WHERE h.user_id = %(user_id)s::uuid
) {page}

-- name: export_waitlist
-- What they waited for, and what was offered to them.
SELECT at, key, document::text FROM (
    SELECT e.created_at, e.id::text, json_build_object('entry', {waitlist.document}, 'offers', (
        SELECT json_agg(json_build_object('startAt', o.start_at, 'endAt', o.end_at, 'state', o.state,
                                          'offeredAt', o.offered_at) ORDER BY o.offered_at)
          FROM waitlist_offers AS o WHERE o.entry_id = e.id))
      FROM waitlist_entries AS e WHERE e.user_id = %(user_id)s::uuid
) {page}

-- name: export_payments
-- What they paid, what the gateway was told, and what it told us.
SELECT at, key, document::text FROM (
    SELECT p.created_at, p.id::text, json_build_object(
        'payment', row_to_json(p),
        'operations', (SELECT json_agg(row_to_json(o) ORDER BY o.created_at, o.id)
              FROM payment_operations AS o WHERE o.payment_id = p.id),
        'notices', (SELECT json_agg(json_build_object('type', w.type, 'receivedAt', w.received_at,
                'body', encode(w.body, 'escape')) ORDER BY w.received_at)
              FROM webhook_inbox AS w WHERE w.gateway = p.gateway AND w.ref = p.gateway_ref))
      FROM payments AS p WHERE p.user_id = %(user_id)s::uuid
) {page}

-- name: export_reviews
-- Reviews they wrote, and those they answered.
SELECT at, key, document::text FROM (
    SELECT r.created_at, r.id::text, json_build_object('id', r.id, 'bookingId', r.booking_id,
        'rating', r.rating, 'text', CASE WHEN r.author_id = %(user_id)s THEN r.text END,
        'reply', r.reply, 'hiddenReason', r.hidden_reason, 'createdAt', r.created_at, 'editedAt', r.edited_at)
      FROM reviews AS r WHERE r.author_id = %(user_id)s::uuid OR r.replied_by = %(user_id)s::uuid
) {page}

-- name: export_notifications
-- What was sent to them, and what others were told of their bookings.
SELECT at, key, document::text FROM (
    SELECT n.created_at, n.id::text, row_to_json(n) FROM notifications AS n WHERE n.recipient_id = %(user_id)s::uuid
    UNION ALL
    SELECT n.created_at, n.id::text, json_build_object('id', n.id, 'cause', n.cause, 'audience', n.audience,
        'channel', n.channel, 'booking_id', n.booking_id, 'data', n.data, 'created_at', n.created_at)
      FROM bookings AS b JOIN notifications AS n ON n.booking_id = b.id AND n.recipient_id <> b.user_id
     WHERE b.user_id = %(user_id)s::uuid
) {page}

-- name: export_sessions
-- Where they signed in; the tokens themselves are not kept.
SELECT at, key, document::text FROM (
    SELECT f.created_at, f.id::text, json_build_object('createdAt', f.created_at, 'revokedAt', f.revoked_at,
        'lastUsedAt', (SELECT max(t.created_at) FROM refresh_tokens AS t WHERE t.family_id = f.id))
      FROM refresh_families AS f WHERE f.user_id = %(user_id)s::uuid
    UNION ALL
    SELECT i.created_at, 'invitation', json_build_object('invitedAt', i.created_at, 'expiresAt', i.expires_at)
      FROM invitations AS i WHERE i.user_id = %(user_id)s::uuid
) {page}

-- name: export_answers
-- Answers kept for repeated requests; of what others were answered the parts that are about them.
SELECT at, key, document::text FROM (
    SELECT k.created_at, k.key, json_build_object('key', k.key, 'status', k.status, 'body', k.body,
        'createdAt', k.created_at)
      FROM idempotency_keys AS k WHERE k.actor_id = %(user_id)s::uuid
    UNION ALL
    SELECT k.created_at, k.actor_id || ' ' || k.key, json_build_object('status', k.status, 'body', of_others.parts,
        'createdAt', k.created_at)
      FROM idempotency_keys AS k, LATERAL (
           SELECT CASE WHEN strpos(k.body, %(user_id)s::uuid::text) > 0 AND left(k.body, 1) = '{' THEN
                  jsonb_path_query_array(k.body::jsonb, 'strict $.** ? (@.userId == $they || @.authorId == $they
                      || @.recipientId == $they || @.id == $they)', jsonb_build_object('they', %(user_id)s::uuid))
                  END AS parts) AS of_others
     WHERE k.actor_id <> %(user_id)s::uuid AND of_others.parts <> '[]'
) {page}

-- name: export_resources
-- What can be booked of them.
SELECT at, key, document::text FROM (
    SELECT r.created_at, r.id::text, row_to_json(r) FROM resources AS r WHERE r.owner_id = %(user_id)s::uuid
    UNION ALL
    SELECT c.created_at, c.id::text, row_to_json(c) FROM closures AS c JOIN resources AS r ON r.id = c.resource_id
     WHERE r.owner_id = %(user_id)s::uuid
    UNION ALL
    SELECT k.created_at, k.id::text, row_to_json(k) FROM calendars AS k JOIN resources AS r ON r.id = k.resource_id
     WHERE r.owner_id = %(user_id)s::uuid
    UNION ALL
    SELECT s.updated_at, 'schedule ' || s.subject_id, json_build_object('schedule', row_to_json(s), 'days', (
               SELECT json_agg(row_to_json(d) ORDER BY d.day) FROM schedule_days AS d
                WHERE d.layer = s.layer AND d.subject_id = s.subject_id))
      FROM schedules AS s JOIN resources AS r ON r.id = s.subject_id
     WHERE s.layer = 'resource' AND r.owner_id = %(user_id)s::uuid
) {page}

-- name: export_reports
-- Reports they asked for and have made again and again.
SELECT at, key, document::text FROM (
    SELECT r.created_at, r.id::text, row_to_json(r) FROM reports AS r WHERE r.requester_id = %(user_id)s::uuid
    UNION ALL
    SELECT s.created_at, s.id::text, row_to_json(s) FROM report_schedules AS s WHERE s.requester_id = %(user_id)s::uuid
) {page}

-- name: export_feeds
-- The calendar feeds they have; the secrets are not kept.
SELECT at, key, document::text FROM (
    SELECT f.created_at, f.id::text, json_build_object('id', f.id, 'kind', f.kind, 'name', f.name,
        'resourceId', f.resource_id, 'createdAt', f.created_at, 'lastReadAt', f.last_read_at)
      FROM calendar_feeds AS f WHERE f.user_id = %(user_id)s::uuid
) {page}

-- name: export_audit
-- What they did with a privilege, and what others did to them and what is theirs.
SELECT at, key, document::text FROM (
    SELECT a.at, a.id::text, row_to_json(a) FROM audit_entries AS a WHERE a.actor_id = %(user_id)s::uuid
    UNION ALL
    SELECT a.at, a.id::text, row_to_json(a) FROM audit_entries AS a
     WHERE a.actor_id <> %(user_id)s::uuid AND {about_theirs}
) {page}

-- name: let_go
-- From here to the end of the transaction the append-only tables let go of words.
SELECT set_config('bookings.erasing', 'on', true)

-- name: ahead_as_customer
-- What a customer has yet to come to, and can still be called off.
SELECT id FROM bookings
 WHERE user_id = %(user_id)s::uuid AND end_at > now() AND status IN ('pending', 'confirmed') ORDER BY start_at, id
 LIMIT %(limit)s

-- name: ahead_of_others
-- Those who are still to come to what this person is or owns.
SELECT b.id FROM resources AS r JOIN allocations AS a ON a.resource_id = r.id
  JOIN bookings AS b ON b.id = a.booking_id
 WHERE r.owner_id = %(user_id)s::uuid AND a.released_at IS NULL AND upper(a.during) > now() AND b.user_id <> r.owner_id
   AND b.status IN ('pending', 'confirmed', 'checked_in')
 ORDER BY a.start_at, b.id LIMIT %(limit)s

-- name: empty_resource
-- A provider's own resource says who they are.
UPDATE resources SET name = 'Erased', description = NULL, location = NULL, photo_url = NULL, amenities = '{}',
       active = false, version = version + 1, updated_at = %(now)s
 WHERE id = %(user_id)s::uuid

-- name: empty_closures
-- Why they were away.
UPDATE closures SET reason = NULL
 WHERE reason IS NOT NULL AND resource_id IN (SELECT id FROM resources WHERE owner_id = %(user_id)s::uuid)

-- name: empty_calendars
-- Their other calendars are read no more; what was read last stays until it is past.
UPDATE calendars SET name = NULL, url = NULL, content = NULL, next_refresh_at = NULL, last_error = NULL
 WHERE num_nonnulls(name, url, content) > 0
   AND resource_id IN (SELECT id FROM resources WHERE owner_id = %(user_id)s::uuid)

-- name: empty_days
-- What they noted on dates with other hours.
UPDATE schedule_days SET note = NULL
 WHERE note IS NOT NULL AND layer = 'resource'
   AND subject_id IN (SELECT id FROM resources WHERE owner_id = %(user_id)s::uuid)

-- name: end_feeds
-- Nobody reads their calendar any more.
DELETE FROM calendar_feeds WHERE user_id = %(user_id)s::uuid

-- name: forget_in_failures
-- What a job said when it failed may quote an address.
UPDATE jobs SET last_error = replace(last_error, %(email)s::text, 'erased') WHERE strpos(last_error, %(email)s) > 0

-- name: empty_bookings
-- The next few bookings that say something in their customer's words become a version that says nothing, with its
-- history row and its event, so that whoever keeps a copy hears of it.
WITH chosen AS (
    SELECT id FROM bookings
     WHERE user_id = %(user_id)s::uuid AND num_nonnulls(title, description, location, notes, status_reason) > 0
     ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
), emptied AS (
    UPDATE bookings AS b SET title = NULL, description = NULL, location = NULL, notes = NULL, status_reason = NULL,
           version = b.version + 1, updated_at = %(now)s
      FROM chosen WHERE b.id = chosen.id
    RETURNING b.*
), history AS (
    INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, actor_id, at)
    SELECT id, version, 'update', status, start_at, end_at, %(actor_id)s, %(now)s FROM emptied
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, actor_id, occurred_at)
    SELECT 'booking.updated', id, ARRAY['user:' || user_id] || ARRAY(SELECT 'resource:' || r FROM unnest(resource_ids) AS r),
           {booking.document}, %(actor_id)s, %(now)s
      FROM emptied AS b
), carried AS (
    UPDATE reminders AS r SET booking_version = emptied.version, leased_until = NULL FROM emptied
     WHERE r.booking_id = emptied.id AND r.sent_at IS NULL
)
SELECT id FROM emptied

-- name: empty_history
-- Why something was done is told in words.
UPDATE booking_history SET reason = NULL
 WHERE reason IS NOT NULL AND booking_id IN (SELECT id FROM bookings WHERE user_id = %(user_id)s::uuid)

-- name: forget_as_guest
-- Where others have named them as somebody who comes along.
UPDATE attendees SET name = NULL, email = NULL WHERE lower(email) = lower(%(email)s::text)

-- name: empty_attendees
-- Who comes along to their bookings.
UPDATE attendees SET name = NULL, email = NULL
 WHERE num_nonnulls(name, email) > 0 AND booking_id IN (SELECT id FROM bookings WHERE user_id = %(user_id)s::uuid)

-- name: empty_reviews
-- What they wrote; the stars stay, and so do averages.
UPDATE reviews SET text = CASE WHEN author_id = %(user_id)s THEN NULL ELSE text END,
       reply = CASE WHEN replied_by = %(user_id)s THEN NULL ELSE reply END,
       replied_at = CASE WHEN replied_by = %(user_id)s THEN NULL ELSE replied_at END,
       hidden_reason = CASE WHEN hidden_reason IS NOT NULL THEN 'erased' END,
       version = version + 1, updated_at = %(now)s
 WHERE author_id = %(user_id)s::uuid OR replied_by = %(user_id)s::uuid

-- name: empty_payments
-- What a gateway said when something failed.
UPDATE payments SET error = NULL WHERE user_id = %(user_id)s::uuid AND error IS NOT NULL

-- name: empty_operations
-- Why somebody wanted money back, and what the gateway said.
UPDATE payment_operations SET reason = NULL, error = NULL
 WHERE num_nonnulls(reason, error) > 0
   AND payment_id IN (SELECT id FROM payments WHERE user_id = %(user_id)s::uuid)

-- name: empty_notices
-- What gateways told us of a payment names the payer; what we made of it stays.
UPDATE webhook_inbox SET body = ''
 WHERE processed_at IS NOT NULL
   AND (gateway, ref) IN (SELECT gateway, gateway_ref FROM payments WHERE user_id = %(user_id)s::uuid)

-- name: end_schedules
-- Nobody waits for their reports any more.
UPDATE report_schedules SET name = NULL, active = false, version = version + 1, updated_at = %(now)s
 WHERE requester_id = %(user_id)s::uuid AND (name IS NOT NULL OR active)

-- name: empty_audit
-- Entries about them and what is theirs keep who did what when, and lose the words.
UPDATE audit_entries SET before = without_words(before::jsonb)::json, after = without_words(after::jsonb)::json
 WHERE {about_theirs}

-- name: empty_notifications
-- What was told to them, and to others about their bookings. A window of all of them at a time, because no index leads
-- here; the last row of the window says where the next one begins.
WITH seen AS (
    SELECT id, created_at, recipient_id, booking_id FROM notifications
     WHERE (created_at, id) > (%(after_at)s::timestamptz, %(after_id)s::uuid) ORDER BY created_at, id LIMIT %(limit)s
), emptied AS (
    UPDATE notifications AS n SET data = without_words(data::jsonb)::json,
           last_error = CASE WHEN last_error IS NOT NULL THEN 'erased' END, updated_at = %(now)s
      FROM seen
     WHERE n.id = seen.id AND (seen.recipient_id = %(user_id)s::uuid OR EXISTS (
           SELECT FROM bookings AS b WHERE b.id = seen.booking_id AND b.user_id = %(user_id)s))
)
SELECT created_at, id FROM seen ORDER BY created_at DESC, id DESC LIMIT 1

-- name: empty_outbox
-- Events that have no place yet; before those that have, so that none slips from one to the other unseen.
UPDATE outbox SET data = without_words(data::jsonb)::json WHERE {of_theirs}

-- name: empty_events
-- A window of the published order; the positions, types and times stay, so that nobody loses their place.
UPDATE events SET data = without_words(data::jsonb)::json
 WHERE position > %(after)s AND position <= %(after)s + %(limit)s::bigint
   AND {of_theirs}

-- name: newest_event
-- Where the windows end.
SELECT coalesce(max(position), 0) AS position FROM events

-- name: empty_answers
-- Stored answers that mention them keep their keys, so that nothing is done twice, and lose the words.
UPDATE idempotency_keys SET body = without_words(body::jsonb)::text
 WHERE strpos(body, %(user_id)s::uuid::text) > 0 AND left(body, 1) = '{'
