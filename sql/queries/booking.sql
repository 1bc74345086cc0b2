-- Bookings: the agreement, its claims, its history. Only bookings/booking/ uses these.

-- fragment: movable
-- Whether booking `b` has a policy and can still be called off or moved.
b.policy IS NOT NULL AND b.status IN ('pending', 'confirmed')

-- fragment: cancel_until
-- Until when its customer may call booking `b` off on ordinary terms.
CASE WHEN {movable} THEN btrim(to_json((b.start_at
    - make_interval(mins => (b.policy ->> 'cancelCutoffMinutes')::integer)) AT TIME ZONE 'UTC')::text, '"') || 'Z' END

-- fragment: reschedule_until
-- Until when its customer may move booking `b`.
CASE WHEN {movable} THEN btrim(to_json((b.start_at
    - make_interval(mins => (b.policy ->> 'rescheduleCutoffMinutes')::integer)) AT TIME ZONE 'UTC')::text, '"') || 'Z' END

-- fragment: document
-- The JSON of a booking `b`, defined here once for REST, events, webhooks and sockets. Instants are UTC with Z. What
-- calling it off would cost is true for a moment only: reading fills it in (bookings/booking/reading.py).
(SELECT row_to_json(d) FROM (SELECT
    b.id,
    b.user_id AS "userId",
    b.provider_id AS "providerId",
    b.workspace_id AS "workspaceId",
    b.resource_ids AS "resourceIds",
    btrim(to_json(b.start_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "startAt",
    btrim(to_json(b.end_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "endAt",
    b.units,
    b.status,
    b.status_reason AS "statusReason",
    b.service_id AS "serviceId",
    b.series_id AS "seriesId",
    b.occurrence,
    b.party_size AS "partySize",
    CASE WHEN b.price_amount IS NOT NULL
        THEN json_build_object('amount', b.price_amount, 'currency', b.currency) END AS price,
    b.payment_required AS "paymentRequired",
    b.payment_status AS "paymentStatus",
    b.cancellation_policy AS "cancellationPolicy",
    b.policy,
    {cancel_until} AS "canCancelUntil",
    {reschedule_until} AS "canRescheduleUntil",
    CASE WHEN {movable} THEN greatest((b.policy ->> 'maxReschedules')::integer - b.reschedules, 0) END AS "reschedulesLeft",
    NULL AS "cancellationFeeNow",
    CASE WHEN b.fee_amount IS NOT NULL
        THEN json_build_object('amount', b.fee_amount, 'currency', b.currency) END AS fees,
    b.overbooked,
    btrim(to_json(b.released_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "releasedAt",
    b.title,
    b.description,
    b.location,
    b.notes,
    b.version,
    b.created_by AS "createdBy",
    btrim(to_json(b.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(b.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: visible
-- Whether the actor may see booking `b`: an admin all, a customer their own, a provider what claims a resource of theirs.
(%(is_admin)s::boolean OR b.user_id = %(actor_id)s::uuid OR EXISTS (
    SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s::uuid))

-- fragment: may_override
-- Whether the actor may override rules for booking `b`: an admin, or whoever owns all of it that has an owner.
(%(is_admin)s::boolean OR coalesce((
    SELECT bool_or(owner_id = %(actor_id)s::uuid) AND bool_and(owner_id IS NULL OR owner_id = %(actor_id)s::uuid)
      FROM resources WHERE id = ANY (b.resource_ids)), false)) AS may_override

-- fragment: reminder_id
-- The id of a reminder follows from its booking and its `lead`: random ones ask the kernel, which costs as much as a row.
encode(substr(sha256((%(id)s::uuid::text || lead)::bytea), 1, 16), 'hex')::uuid

-- fragment: told
-- What follows from every row `booked`: history, reminders, event, all from one document.
history AS (
    INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, actor_id, request_id, at)
    SELECT %(id)s, version, 'create', status, %(start_at)s, %(end_at)s, %(actor_id)s, %(request_id)s::text, %(now)s FROM booked
), reminding AS (
    INSERT INTO reminders (id, booking_id, booking_version, recipient_id, lead, due_at)
    SELECT {reminder_id}, %(id)s, version, %(user_id)s, lead, %(start_at)s - lead
      FROM booked, unnest(%(leads)s::interval[]) AS lead WHERE %(start_at)s - lead > now()
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, actor_id, request_id, occurred_at)
    SELECT 'booking.created', %(id)s, %(topics)s::text[], document, %(actor_id)s, %(request_id)s, %(now)s FROM booked
)

-- fragment: told_and_audited
-- The same and an audit entry, when somebody books for somebody else.
{told}, audited AS (
    INSERT INTO audit_entries (at, actor_id, actor_role, request_id, action, subject_type, subject_id, after)
    SELECT %(now)s, %(actor_id)s, %(actor_role)s::text, %(request_id)s, 'booking.create', 'booking', %(id)s::uuid::text,
           json_build_object('userId', %(user_id)s::uuid, 'status', status)
      FROM booked WHERE %(actor_id)s::uuid <> %(user_id)s::uuid
)

-- fragment: booked_and_told
-- The end of a statement that books what is named: also what is kept, and the answer.
{told_and_audited}, kept AS (
    INSERT INTO idempotency_keys (actor_id, key, fingerprint, status, headers, body)
    SELECT %(actor_id)s, %(key)s::text, %(fingerprint)s::bytea, 201,
           json_build_object('ETag', '"1"', 'Location', '/bookings/' || %(id)s::uuid), document
      FROM booked WHERE %(key)s IS NOT NULL
)
SELECT document::text, version FROM booked

-- fragment: assigned_and_told
-- The same for what a service may have chosen: the answer, and no event, also says why (`assignment`, JSON or NULL).
{told_and_audited}, shown AS (
    SELECT coalesce(left(document::text, -1) || ',"assignment":' || %(assignment)s::text || '}', document::text) AS body,
           version FROM booked
), kept AS (
    INSERT INTO idempotency_keys (actor_id, key, fingerprint, status, headers, body)
    SELECT %(actor_id)s, %(key)s::text, %(fingerprint)s::bytea, 201,
           json_build_object('ETag', '"1"', 'Location', '/bookings/' || %(id)s::uuid), body
      FROM shown WHERE %(key)s IS NOT NULL
)
SELECT body, version FROM shown

-- fragment: all_claimed
-- All that was wanted could be claimed. When only some could, `claimed_together` undoes the statement; it is called only
-- then, because a call costs as much as a row.
((SELECT count(*) FROM claimed) = cardinality(%(resource_ids)s::uuid[])
    OR claimed_together((SELECT count(*) FROM claimed), cardinality(%(resource_ids)s)))

-- fragment: claimed_and_booked
-- Claims on resources `asked` for, in whose order they are taken, and the booking of them.
claimed AS (
    INSERT INTO allocations (resource_id, exclusive, during, units, booking_id, start_at)
    SELECT id, exclusive, tstzrange(%(start_at)s::timestamptz, %(end_at)s::timestamptz), %(units)s, %(id)s::uuid,
           %(start_at)s
      FROM asked
     WHERE EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL)
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
    RETURNING resource_id
), booked AS (
    INSERT INTO bookings AS b (id, user_id, resource_ids, provider_id, workspace_id, start_at, end_at, units, status,
                          title, description, location, notes, created_by, created_at, updated_at, policy)
    SELECT %(id)s, %(user_id)s, %(resource_ids)s,
           coalesce(%(provider_id)s, (SELECT id FROM asked WHERE kind = 'provider' LIMIT 1)),
           coalesce(%(workspace_id)s, (SELECT id FROM asked WHERE kind = 'workspace' LIMIT 1)),
           %(start_at)s, %(end_at)s, %(units)s,
           CASE WHEN (SELECT bool_and(auto_confirm) FROM asked) AND NOT %(must_confirm)s::boolean
               THEN 'confirmed' ELSE 'pending' END,
           %(title)s::text, %(description)s::text, %(location)s::text, %(notes)s::text, %(actor_id)s,
           %(now)s::timestamptz, %(now)s, %(policy)s::jsonb
     WHERE {all_claimed}
    RETURNING b.version, b.status, {document} AS document
)

-- fragment: judged
-- The calendar of resource `r` is still the one by which it was judged. Together with FOR KEY SHARE, which PostgreSQL
-- takes for the foreign key of the claim anyway: whoever changes a calendar locks FOR UPDATE.
r.schedule_version = (%(schedule_versions)s::integer[])[array_position(%(resource_ids)s::uuid[], r.id)]

-- fragment: named
-- The resources `r` that a booking names, if they are what they are said to be and have the capacity.
r.id = ANY (%(resource_ids)s::uuid[]) AND r.active AND r.capacity >= %(units)s::integer AND {judged}
   AND (r.id IS DISTINCT FROM %(provider_id)s::uuid OR r.kind = 'provider')
   AND (r.id IS DISTINCT FROM %(workspace_id)s::uuid OR r.kind = 'workspace')

-- name: create
-- One statement, one round trip: claim, book, write history, reminders, event, replayable answer, and an audit entry when
-- somebody books for somebody else; or none of it.
-- The constraint decides races: ON CONFLICT DO NOTHING because plain inserts deadlock each other under an exclusion
-- constraint. Claims are taken in the order of ids for the same reason. When only some could be claimed,
-- `claimed_together` undoes the statement.
WITH asked AS (
    SELECT id, kind, exclusive, auto_confirm FROM resources AS r WHERE {named}
       AND (%(unrestricted)s::boolean OR owner_id IS NULL OR owner_id = %(actor_id)s::uuid)
       AND (%(unrestricted)s OR EXISTS (
            SELECT FROM resources WHERE id = ANY (%(resource_ids)s) AND owner_id = %(actor_id)s))
     ORDER BY id FOR KEY SHARE
), {claimed_and_booked}, {booked_and_told}

-- name: create_own
-- The same for somebody who books for themselves without an Idempotency-Key: there is nothing to audit or to keep, and
-- PostgreSQL does not prepare for it.
WITH asked AS (
    SELECT id, kind, exclusive, auto_confirm FROM resources AS r WHERE {named} ORDER BY id FOR KEY SHARE
), {claimed_and_booked}, {told}
SELECT document::text, version FROM booked

-- fragment: booked_of_service
-- The booking of what was `claimed`, on the terms that were agreed.
booked AS (
    INSERT INTO bookings AS b (id, user_id, resource_ids, provider_id, workspace_id, start_at, end_at, units, status,
                          title, description, location, notes, created_by, created_at, updated_at,
                          service_id, party_size, price_amount, currency, payment_required, payment_status,
                          confirm_when_paid, buffer_before_minutes, buffer_after_minutes, session_places,
                          cancellation_policy, reminder_leads, policy, overbooked, place_price)
    SELECT %(id)s::uuid, %(user_id)s::uuid, %(resource_ids)s::uuid[], %(provider_id)s::uuid, %(workspace_id)s::uuid,
           %(start_at)s::timestamptz, %(end_at)s::timestamptz, %(units)s::integer, %(status)s::text,
           %(title)s::text, %(description)s::text, %(location)s::text, %(notes)s::text, %(actor_id)s::uuid,
           %(now)s::timestamptz, %(now)s,
           %(service_id)s::uuid, %(party_size)s::integer, %(price_amount)s::bigint, %(currency)s::text,
           %(payment_required)s::boolean, %(payment_status)s::text, %(confirm_when_paid)s::boolean,
           %(buffer_before_minutes)s::integer, %(buffer_after_minutes)s::integer, %(session_places)s::integer,
           %(cancellation_policy)s::jsonb, %(reminder_leads)s::interval[], %(policy)s::jsonb, %(overbooked)s::boolean,
           %(place_price)s::bigint
     WHERE {all_claimed}
    RETURNING b.version, b.status, {document} AS document
)

-- name: create_of_service
-- The same for what a service offers, on the terms that were read a moment ago: nothing is written when the service has
-- changed since. Buffers are claimed with the booking's time; the terms are kept with the booking.
WITH asked AS (
    SELECT id, exclusive FROM resources AS r
     WHERE id = ANY (%(resource_ids)s::uuid[]) AND active AND capacity >= %(units)s::integer AND {judged}
       AND (%(unrestricted)s::boolean OR owner_id IS NULL OR owner_id = %(actor_id)s::uuid)
     ORDER BY id FOR KEY SHARE
), claimed AS (
    INSERT INTO allocations (resource_id, exclusive, during, units, places, booking_id, start_at)
    SELECT id, exclusive, tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz), %(units)s,
           %(session_places)s::integer, %(id)s::uuid, %(start_at)s::timestamptz
      FROM asked
     WHERE EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL)
       AND EXISTS (SELECT FROM services
                    WHERE id = %(service_id)s::uuid AND version = %(service_version)s::integer AND archived_at IS NULL)
       AND (%(unrestricted)s OR EXISTS (
            SELECT FROM resources WHERE id = ANY (%(resource_ids)s) AND owner_id = %(actor_id)s))
     ORDER BY id
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
    RETURNING resource_id
), {booked_of_service}, {assigned_and_told}

-- fragment: lasting
-- Claim `a` has not ended by itself: no hold that is over, unless somebody in line waits for its time.
(a.expires_at IS NULL OR a.expires_at > clock_timestamp()
    OR ended_for_line(a.resource_id, a.during, a.expires_at, a.hold_id))

-- fragment: room
-- Whether resource `r` has room for the claim `w` (during, units, places), also beside sessions that allow only so many:
-- what its constraints would say.
(CASE WHEN r.exclusive
    THEN NOT EXISTS (SELECT FROM allocations AS a
         WHERE a.resource_id = r.id AND a.exclusive AND a.released_at IS NULL AND NOT a.overbooked
           AND a.during && w.during AND {lasting})
    ELSE peak_claimed(r.id, w.during) + w.units <= least(r.capacity, w.places)
         AND NOT EXISTS (SELECT FROM allocations AS a
         WHERE a.resource_id = r.id AND NOT a.exclusive AND a.released_at IS NULL AND NOT a.overbooked
           AND a.during && w.during AND {lasting}
           AND a.places < r.capacity AND peak_claimed(r.id, a.during * w.during) + w.units > a.places)
    END AND r.capacity >= w.units)

-- name: standing
-- The booking itself when its first try was committed and only the answer was lost, as it was answered then if that was
-- kept; whether its customer is somebody.
SELECT (SELECT coalesce(
            (SELECT body FROM idempotency_keys WHERE actor_id = %(actor_id)s::uuid AND key = %(key)s::text),
            {document}::text) FROM bookings AS b WHERE id = %(id)s::uuid),
       EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL)::text

-- name: explain_refusal
-- Why `create` wrote nothing: what it knows of each resource and of the customer, to name the wrong field. A booking
-- with this very id means that the first try was committed and only its answer was lost.
SELECT
    (SELECT {document}::text FROM bookings AS b WHERE id = %(id)s) AS done,
    EXISTS (SELECT FROM users WHERE id = %(user_id)s AND disabled_at IS NULL) AS user_known,
    coalesce((SELECT json_agg(json_build_object(
        'id', id, 'kind', kind, 'active', active, 'capacity', capacity, 'ownerId', owner_id,
        'scheduleVersion', schedule_version))
       FROM resources WHERE id = ANY (%(resource_ids)s::uuid[])), '[]') AS resources

-- name: next_free
-- The next three starts at which all the resources have room for as long: right after some claim of theirs ends.
-- Bounded in time and in candidates, because it runs for every refused request.
SELECT candidate FROM (
    SELECT DISTINCT upper(during) + make_interval(mins => %(buffer_before_minutes)s) AS candidate FROM allocations
     WHERE resource_id = ANY (%(resource_ids)s::uuid[]) AND released_at IS NULL
       AND during && tstzrange(%(start_at)s - make_interval(mins => %(buffer_before_minutes)s),
                               %(start_at)s + interval '14 days')
     ORDER BY candidate LIMIT 100
) AS candidates, LATERAL (
    SELECT tstzrange(candidate - make_interval(mins => %(buffer_before_minutes)s),
                     candidate + %(length)s + make_interval(mins => %(buffer_after_minutes)s)) AS during,
           %(units)s::integer AS units, %(session_places)s::integer AS places
) AS w
WHERE NOT EXISTS (SELECT FROM resources AS r WHERE r.id = ANY (%(resource_ids)s::uuid[]) AND NOT {room})
ORDER BY candidate LIMIT 3

-- name: get
-- One booking for someone entitled to it.
SELECT {document}::text, b.version FROM bookings AS b WHERE b.id = %(id)s::uuid AND {visible}

-- name: lock
-- A booking about to change, locked until the command commits so that its events keep their order. `is_staff`: the
-- actor is an admin or owns something it claims; `is_owned`: something of it has an owner at all.
SELECT b.id, b.user_id, b.resource_ids, b.start_at, b.end_at, b.units, b.status, b.version,
       b.title, b.description, b.location, b.notes, b.status_reason, b.payment_status, b.service_id,
       b.provider_id, b.workspace_id, b.party_size, b.price_amount, b.currency, b.cancellation_policy, b.policy,
       b.reschedules, b.fee_amount, b.overbooked, b.released_at, b.buffer_before_minutes, b.buffer_after_minutes, b.session_places, b.reminder_leads, {document} AS document,
       %(is_admin)s OR EXISTS (
           SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s) AS is_staff, {may_override},
       EXISTS (SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id IS NOT NULL) AS is_owned
  FROM bookings AS b WHERE b.id = %(id)s AND {visible} FOR NO KEY UPDATE OF b

-- name: change
-- Write the next version of a booking, its history row and its event. Compare-and-set: no row when it has moved on.
WITH changed AS (
    UPDATE bookings SET
        title = %(title)s, description = %(description)s, location = %(location)s, notes = %(notes)s,
        start_at = %(start_at)s, end_at = %(end_at)s, status = %(status)s, status_reason = %(status_reason)s,
        payment_status = %(payment_status)s, resource_ids = %(resource_ids)s::uuid[], provider_id = %(provider_id)s,
        workspace_id = %(workspace_id)s, reschedules = %(reschedules)s, fee_amount = %(fee_amount)s,
        overbooked = %(overbooked)s, released_at = %(released_at)s, version = version + 1, updated_at = %(now)s
     WHERE id = %(id)s AND version = %(version)s AND status = %(from_status)s
    RETURNING *
), answer AS (
    SELECT b.*, {document} AS document FROM changed AS b
), history AS (
    INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, reason, actor_id, request_id, at)
    SELECT id, version, %(action)s, status, start_at, end_at, %(reason)s, %(actor_id)s, %(request_id)s, %(now)s FROM answer
), told AS (
    INSERT INTO outbox (type, booking_id, topics, data, actor_id, request_id, occurred_at)
    SELECT %(event)s, id, %(topics)s::text[], coalesce((document::jsonb || %(extra)s::jsonb)::json, document),
           %(actor_id)s, %(request_id)s, %(now)s FROM answer
)
SELECT document::text, version FROM answer

-- name: keep_calendars
-- From here to the end of the command nobody changes hours, rules or closures of these resources.
SELECT id FROM resources WHERE id = ANY (%(resource_ids)s::uuid[]) ORDER BY id FOR KEY SHARE

-- name: lock_resources
-- Moves of claims on one resource happen one after the other; two that cross would deadlock. Shared resources are left
-- to the capacity trigger, which locks them last: a new booking claims its exclusive resources first and then waits for
-- the shared ones, so whoever held a shared one while waiting for an exclusive one would deadlock with it.
SELECT id FROM resources WHERE id = ANY (%(resource_ids)s::uuid[]) AND exclusive ORDER BY id FOR NO KEY UPDATE

-- name: drop_claims
-- The first half of a move: the booking's claims leave their old place.
DELETE FROM allocations WHERE booking_id = %(id)s

-- name: take_claims
-- The second half: they take the new one, unless somebody is there.
INSERT INTO allocations (resource_id, exclusive, during, units, places, booking_id, start_at)
SELECT r.id, exclusive, tstzrange(%(start_at)s - make_interval(mins => %(buffer_before_minutes)s),
                                  %(end_at)s::timestamptz + make_interval(mins => %(buffer_after_minutes)s)),
       %(units)s, %(session_places)s::integer, %(id)s, %(start_at)s
  FROM resources AS r WHERE r.id = ANY (%(resource_ids)s::uuid[]) ORDER BY r.id
ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING

-- name: release_claims
-- A cancelled or declined booking frees its time at once.
UPDATE allocations SET released_at = now() WHERE booking_id = %(id)s AND released_at IS NULL

-- name: drop_reminders
-- What was to be announced of an older version is not true any more.
DELETE FROM reminders WHERE booking_id = %(id)s AND sent_at IS NULL

-- name: plan_reminders
-- One row for each lead that still lies ahead.
INSERT INTO reminders (booking_id, booking_version, recipient_id, lead, due_at)
SELECT %(id)s, %(version)s, %(user_id)s, lead, %(start_at)s - lead
  FROM unnest(coalesce(%(reminder_leads)s::interval[], %(leads)s::interval[])) AS lead WHERE %(start_at)s - lead > now()

-- name: carry_reminders
-- The booking changed but not its time: what was not sent yet speaks of the new version.
UPDATE reminders SET booking_version = %(version)s, leased_until = NULL WHERE booking_id = %(id)s AND sent_at IS NULL

-- name: history
-- All versions of a booking, oldest first, for someone entitled to it.
SELECT h.version, h.action, h.status, h.start_at, h.end_at, h.reason, h.actor_id, h.request_id, h.at
  FROM booking_history AS h JOIN bookings AS b ON b.id = h.booking_id
 WHERE b.id = %(id)s AND {visible} ORDER BY h.version
