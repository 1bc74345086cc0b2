-- The waitlist: who waits, what is offered to them. Only bookings/waitlist/ uses these. Ends are compared with
-- PostgreSQL's clock, as those of holds are.

-- fragment: live_offer
-- The offer `o` of entry `e` that can still be accepted.
o.entry_id = e.id AND o.state = 'open' AND o.expires_at > clock_timestamp()

-- fragment: ahead
-- Entries `a` that are asked before entry `e` about some of the same: same service, windows that meet, and not both
-- want somebody else.
a.service_id = e.service_id AND a.state = 'waiting' AND a.place < e.place AND a.to_at > clock_timestamp()
   AND a.from_at < e.to_at AND a.to_at > e.from_at
   AND (a.resource_id IS NULL AND a.provider_ids = '{}' OR e.resource_id IS NULL AND e.provider_ids = '{}'
        OR (a.provider_ids || a.resource_id) && (e.provider_ids || e.resource_id))

-- fragment: document
-- The JSON of an entry `e`, with its offer if it has one now. Its position is among those who want some of the same.
(SELECT row_to_json(d) FROM (SELECT
    e.id,
    e.user_id AS "userId",
    e.service_id AS "serviceId",
    e.resource_id AS "resourceId",
    e.provider_ids AS "providerIds",
    btrim(to_json(e.from_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "from",
    btrim(to_json(e.to_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "to",
    e.minutes AS duration,
    e.party_size AS "partySize",
    e.weekdays,
    to_char(e.day_from, 'HH24:MI') AS "dayFrom",
    to_char(e.day_to, 'HH24:MI') AS "dayTo",
    e.time_zone AS "timeZone",
    CASE WHEN e.state <> 'waiting' THEN e.state
         WHEN EXISTS (SELECT FROM waitlist_offers AS o WHERE {live_offer}) THEN 'offered'
         WHEN e.to_at <= clock_timestamp() THEN 'ended' ELSE 'waiting' END AS state,
    CASE WHEN e.state = 'waiting' AND e.to_at > clock_timestamp()
        THEN 1 + (SELECT count(*) FROM waitlist_entries AS a WHERE {ahead}) END AS position,
    (SELECT json_build_object(
        'holdId', h.id, 'startAt', btrim(to_json(h.start_at AT TIME ZONE 'UTC')::text, '"') || 'Z',
        'endAt', btrim(to_json(h.end_at AT TIME ZONE 'UTC')::text, '"') || 'Z', 'resourceIds', h.resource_ids,
        'price', CASE WHEN h.terms ->> 'price_amount' IS NOT NULL THEN json_build_object(
            'amount', (h.terms ->> 'price_amount')::bigint, 'currency', h.terms ->> 'currency') END,
        'expiresAt', btrim(to_json(o.expires_at AT TIME ZONE 'UTC')::text, '"') || 'Z')
       FROM waitlist_offers AS o JOIN holds AS h ON h.id = o.hold_id WHERE {live_offer}) AS offer,
    e.booking_id AS "bookingId",
    e.version,
    e.created_by AS "createdBy",
    btrim(to_json(e.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(e.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: owners_entries
-- What concerns a provider: entries `e` of what they own, and of services that it delivers, but for those that name only
-- what is somebody else's.
((e.provider_ids || e.resource_id) && ARRAY(SELECT id FROM resources WHERE owner_id = %(actor_id)s::uuid) OR (e.service_id IN (
    SELECT s.service_id FROM service_resources AS s JOIN resources AS r ON r.id = s.resource_id
     WHERE r.owner_id = %(actor_id)s::uuid)
   AND NOT EXISTS (SELECT FROM resources WHERE id = ANY (e.provider_ids || e.resource_id) AND owner_id IS NOT NULL)))

-- fragment: visible
-- Whether the actor may see entry `e`: an admin all, a customer their own, a provider those who wait for them.
(%(is_admin)s::boolean OR e.user_id = %(actor_id)s::uuid OR {owners_entries})

-- fragment: told
-- The event of an entry `e` that was `written` by a statement; its document is read when the statement is done.
INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
SELECT %(event)s::text, ARRAY['user:' || e.user_id] || ARRAY(
           SELECT 'resource:' || r FROM (
               SELECT unnest(h.resource_ids) FROM waitlist_offers AS o JOIN holds AS h ON h.id = o.hold_id WHERE {live_offer}
               UNION SELECT unnest(array_remove(e.provider_ids || e.resource_id, NULL))) AS concerned (r)),
       {document}, %(actor_id)s::uuid, %(request_id)s::text, clock_timestamp()
  FROM waitlist_entries AS e WHERE e.id = %(id)s::uuid

-- name: tell
-- Say what became of an entry; a statement of its own, so that it sees what was written before it.
{told}

-- name: service
-- What can be waited for, and whether the resource that is wanted can serve it and those who are wanted deliver it.
SELECT {catalogue.document} AS document, s.archived_at IS NOT NULL AS archived,
       %(resource_id)s::uuid IS NULL OR EXISTS (
           SELECT FROM resources AS r WHERE r.id = %(resource_id)s::uuid AND r.active AND (
               EXISTS (SELECT FROM service_resources AS d WHERE d.service_id = s.id AND d.resource_id = r.id)
               OR EXISTS (SELECT FROM service_requirements AS q WHERE q.service_id = s.id AND q.kind = r.kind
                             AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids))))) AS served,
       NOT EXISTS (SELECT FROM unnest(%(provider_ids)s::uuid[]) AS wanted WHERE NOT EXISTS (
           SELECT FROM service_resources AS d JOIN resources AS r ON r.id = d.resource_id
            WHERE d.service_id = s.id AND r.id = wanted AND r.active)) AS delivered,
       %(is_admin)s::boolean OR EXISTS (
           SELECT FROM service_resources AS d JOIN resources AS r ON r.id = d.resource_id
            WHERE d.service_id = s.id AND r.owner_id = %(actor_id)s::uuid) OR EXISTS (
           SELECT FROM resources WHERE id = %(resource_id)s::uuid AND owner_id = %(actor_id)s) AS is_staff
  FROM services AS s WHERE s.id = %(service_id)s::uuid

-- name: lock_customer
-- Entries of one customer are made one after the other, so that the count below is true when it matters.
SELECT id FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL FOR NO KEY UPDATE

-- name: count_waiting
-- For how much somebody waits now.
SELECT count(*) AS waiting FROM waitlist_entries
 WHERE user_id = %(user_id)s::uuid AND state = 'waiting' AND to_at > clock_timestamp()

-- name: join
-- A new last in line, and the occasion to ask whether something is free for them already.
WITH opened AS (
    INSERT INTO waitlist_openings (service_id, from_at, to_at, created_at)
    VALUES (%(service_id)s::uuid, %(from_at)s::timestamptz, %(to_at)s::timestamptz, clock_timestamp())
)
INSERT INTO waitlist_entries (id, user_id, created_by, service_id, resource_id, provider_ids, from_at, to_at, minutes,
                              party_size, weekdays, day_from, day_to, time_zone, created_at, updated_at)
VALUES (%(id)s, %(user_id)s, %(actor_id)s, %(service_id)s, %(resource_id)s, %(provider_ids)s::uuid[], %(from_at)s, %(to_at)s,
        %(minutes)s, %(party_size)s, %(weekdays)s, %(day_from)s, %(day_to)s, %(time_zone)s, clock_timestamp(), clock_timestamp())

-- name: get
-- One entry for someone entitled to it.
SELECT {document}::text AS document, e.version FROM waitlist_entries AS e WHERE e.id = %(id)s::uuid AND {visible}

-- name: lock
-- An entry about to change, with the hold that is open for it.
SELECT e.id, e.user_id, e.state, e.version, e.service_id, {document} AS document,
       (SELECT o.hold_id FROM waitlist_offers AS o WHERE o.entry_id = e.id AND o.state = 'open') AS hold_id
  FROM waitlist_entries AS e WHERE e.id = %(id)s::uuid AND {visible} FOR UPDATE OF e

-- name: end_entry
-- It waits no more: booked, or left.
UPDATE waitlist_entries SET state = %(state)s, booking_id = %(booking_id)s::uuid, version = version + 1,
       updated_at = clock_timestamp()
 WHERE id = %(id)s AND state = 'waiting'

-- name: touch
-- It goes on without its offer.
UPDATE waitlist_entries SET version = version + 1, updated_at = clock_timestamp() WHERE id = %(id)s

-- name: end_offer
-- An offer was accepted or declined.
UPDATE waitlist_offers SET state = %(state)s, ended_at = clock_timestamp() WHERE hold_id = %(hold_id)s AND state = 'open'

-- name: reopen
-- Ask the line about the time of an offer that came to nothing.
INSERT INTO waitlist_openings (resource_id, from_at, to_at, created_at)
SELECT r, h.start_at, h.end_at, clock_timestamp()
  FROM holds AS h, unnest(h.resource_ids) AS r WHERE h.id = %(hold_id)s

-- name: ended_offers
-- Open offers whose hold has ended, by whomever: what became of it. Whoever is just dealing with one goes first.
SELECT o.hold_id, e.id, h.booking_id,
       CASE h.state WHEN 'booked' THEN 'accepted' WHEN 'released' THEN 'declined' ELSE 'lapsed' END AS outcome
  FROM waitlist_offers AS o
  JOIN waitlist_entries AS e ON e.id = o.entry_id
  JOIN holds AS h ON h.id = o.hold_id
 WHERE o.state = 'open' AND (h.state <> 'active' OR h.expires_at <= clock_timestamp())
 ORDER BY o.expires_at, o.hold_id LIMIT %(limit)s FOR UPDATE OF e, o, h SKIP LOCKED

-- name: over
-- Entries whose window has passed.
SELECT e.id FROM waitlist_entries AS e
 WHERE e.state = 'waiting' AND e.to_at <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM waitlist_offers AS o WHERE o.entry_id = e.id AND o.state = 'open')
 ORDER BY e.place LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: open_everything
-- Ask about everything, if anybody waits and that is not under way.
INSERT INTO waitlist_openings (created_at)
SELECT clock_timestamp()
 WHERE EXISTS (SELECT FROM waitlist_entries WHERE state = 'waiting' AND to_at > clock_timestamp())
   AND NOT EXISTS (SELECT FROM waitlist_openings WHERE resource_id IS NULL AND service_id IS NULL AND from_at IS NULL)

-- name: lead
-- One at a time asks the line, so that everybody is asked in order.
SELECT pg_try_advisory_xact_lock(hashtextextended('waitlist', 0)) AS leads

-- name: openings
-- What may have become free. Where the line has been asked about something for too long, because whoever is in front is asked about
-- new things again and again, that is finished first.
WITH late AS (
    SELECT id FROM waitlist_openings WHERE asked_to > 0 AND created_at < clock_timestamp() - %(patience)s::interval
)
SELECT id FROM waitlist_openings WHERE id IN (SELECT id FROM late) OR NOT EXISTS (SELECT FROM late)
 ORDER BY id LIMIT %(limit)s

-- name: go_on
-- The line was asked up to that place; the next round goes on behind it.
UPDATE waitlist_openings SET asked_to = greatest(asked_to, %(place)s::bigint) WHERE id = ANY (%(ids)s::bigint[])

-- name: close
-- The line was asked. What was kept for it without a claim can be had by everybody from now on, which is told.
WITH closed AS (
    DELETE FROM waitlist_openings WHERE id = ANY (%(ids)s::bigint[])
    RETURNING resource_id, service_id, tstzmultirange(tstzrange(from_at, to_at)) AS spans, kept_until
)
SELECT tell_change(resource_id, CASE WHEN resource_id IS NULL THEN service_id END, spans) FROM closed WHERE kept_until IS NOT NULL

-- name: concerned
-- Those who wait for some of what may be free and were not asked about it, first come first, with the times about which they have
-- said no or nothing.
SELECT e.id, e.place, e.user_id, e.service_id, e.resource_id, e.provider_ids, e.from_at, e.to_at, e.minutes, e.party_size, e.weekdays, e.day_from,
       e.day_to, e.time_zone,
       (SELECT coalesce(json_agg(json_build_array(extract(epoch FROM o.start_at), extract(epoch FROM o.end_at))), '[]')
          FROM waitlist_offers AS o WHERE o.entry_id = e.id AND o.state IN ('declined', 'lapsed')) AS refused
  FROM waitlist_entries AS e
 WHERE e.state = 'waiting' AND e.to_at > clock_timestamp()
   AND NOT EXISTS (SELECT FROM waitlist_offers AS o WHERE o.entry_id = e.id AND o.state = 'open')
   AND EXISTS (SELECT FROM users WHERE id = e.user_id AND disabled_at IS NULL)
   AND EXISTS (SELECT FROM services WHERE id = e.service_id AND archived_at IS NULL)
   AND EXISTS (
        SELECT FROM waitlist_openings AS w
         WHERE w.id = ANY (%(ids)s::bigint[]) AND w.asked_to < e.place AND (w.service_id IS NULL OR w.service_id = e.service_id)
           AND (w.from_at IS NULL OR (e.from_at < w.to_at AND e.to_at > w.from_at))
           AND (w.resource_id IS NULL
                OR EXISTS (SELECT FROM service_resources AS d
                            WHERE d.service_id = e.service_id AND d.resource_id = w.resource_id)
                OR EXISTS (SELECT FROM service_requirements AS q JOIN resources AS r ON r.id = w.resource_id
                            WHERE q.service_id = e.service_id AND q.kind = r.kind
                              AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids)))))
 ORDER BY e.place LIMIT %(limit)s

-- name: lock_waiting
-- Somebody about to get an offer, if they still wait and have none.
SELECT e.id FROM waitlist_entries AS e
 WHERE e.id = %(id)s AND e.state = 'waiting' AND NOT EXISTS (
       SELECT FROM waitlist_offers AS o WHERE o.entry_id = e.id AND o.state = 'open')
   FOR UPDATE OF e

-- name: offer
-- The hold is theirs to accept.
WITH touched AS (
    UPDATE waitlist_entries SET version = version + 1, updated_at = clock_timestamp() WHERE id = %(id)s
)
INSERT INTO waitlist_offers (hold_id, entry_id, start_at, end_at, expires_at, offered_at)
SELECT h.id, %(id)s::uuid, h.start_at, h.end_at, h.expires_at, clock_timestamp() FROM holds AS h WHERE h.id = %(hold_id)s

-- fragment: chosen
-- The filters of the list. Their defaults let everything pass.
(%(state)s::text IS NULL OR (e.state = %(state)s AND (e.state <> 'waiting' OR e.to_at > clock_timestamp())))
   AND (%(service_id)s::uuid IS NULL OR e.service_id = %(service_id)s)
   AND (%(resource_id)s::uuid IS NULL OR %(resource_id)s = ANY (e.provider_ids || e.resource_id))

-- fragment: page
-- One page in the order of the line.
AND e.place > %(after)s::bigint ORDER BY e.place LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- name: list_of_user
-- Somebody's own.
SELECT e.place, {document}::text AS document FROM waitlist_entries AS e WHERE e.user_id = %(user_id)s::uuid AND {chosen} {page}

-- name: list_of_owner
-- Those who wait for what is a provider's, and their own.
SELECT e.place, {document}::text AS document FROM waitlist_entries AS e
 WHERE (e.user_id = %(actor_id)s::uuid OR {owners_entries}) AND {chosen} {page}

-- name: list_of_all
-- Everybody's, for admins.
SELECT e.place, {document}::text AS document FROM waitlist_entries AS e WHERE {chosen} {page}

-- name: total_of_user
-- How many of one's own, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM waitlist_entries AS e
 WHERE e.user_id = %(user_id)s::uuid AND {chosen} LIMIT %(total_bound)s::bigint) AS counted

-- name: total_of_owner
-- The same of a provider's.
SELECT count(*) AS total FROM (SELECT FROM waitlist_entries AS e
 WHERE (e.user_id = %(actor_id)s::uuid OR {owners_entries}) AND {chosen} LIMIT %(total_bound)s::bigint) AS counted

-- name: total_of_all
-- The same of everybody's.
SELECT count(*) AS total FROM (SELECT FROM waitlist_entries AS e WHERE {chosen} LIMIT %(total_bound)s::bigint) AS counted

-- name: of_leaver
-- What somebody who leaves waits for.
SELECT id FROM waitlist_entries WHERE user_id = %(user_id)s::uuid AND state = 'waiting' ORDER BY id
