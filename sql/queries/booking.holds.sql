-- Holds: time kept for somebody for a few minutes. Only bookings/booking/ uses these. When a hold ends is compared with
-- PostgreSQL's clock, read anew in every statement (`clock_timestamp`): its rows are the same for everybody.

-- fragment: hold_document
-- The JSON of a hold `h`. One that has ended by itself says so, swept or not.
(SELECT row_to_json(d) FROM (SELECT
    h.id,
    h.user_id AS "userId",
    h.service_id AS "serviceId",
    (h.terms ->> 'provider_id')::uuid AS "providerId",
    (h.terms ->> 'workspace_id')::uuid AS "workspaceId",
    h.resource_ids AS "resourceIds",
    btrim(to_json(h.start_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "startAt",
    btrim(to_json(h.end_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "endAt",
    h.units,
    (h.terms ->> 'party_size')::integer AS "partySize",
    CASE WHEN h.terms ->> 'price_amount' IS NOT NULL THEN json_build_object(
        'amount', (h.terms ->> 'price_amount')::bigint, 'currency', h.terms ->> 'currency') END AS price,
    (h.terms ->> 'payment_required')::boolean AS "paymentRequired",
    (h.terms ->> 'cancellation_policy')::json AS "cancellationPolicy",
    h.offered,
    CASE WHEN h.state = 'active' AND h.expires_at <= clock_timestamp() THEN 'lapsed' ELSE h.state END AS state,
    btrim(to_json(h.expires_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "expiresAt",
    btrim(to_json(h.extendable_until AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "extendableUntil",
    h.booking_id AS "bookingId",
    h.version,
    h.created_by AS "createdBy",
    btrim(to_json(h.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(h.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: hold_topics
-- Who may hear of a hold `h`: its customer and whoever owns what it claims.
ARRAY['user:' || h.user_id] || ARRAY(SELECT 'resource:' || r FROM unnest(h.resource_ids) AS r)

-- fragment: hold_visible
-- Whether the actor may see hold `h`: an admin all, a customer their own, whoever made it, a provider what claims theirs.
(%(is_admin)s::boolean OR %(actor_id)s::uuid IN (h.user_id, h.created_by) OR EXISTS (
    SELECT FROM resources WHERE id = ANY (h.resource_ids) AND owner_id = %(actor_id)s::uuid))

-- name: lock_customer
-- Holds of one customer are made one after the other, so that the count below is true when it matters.
SELECT id FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL FOR NO KEY UPDATE

-- name: count_holds
-- How many holds somebody has now; a statement of its own, so that it sees what was committed while it waited.
SELECT count(*) AS live FROM holds
 WHERE user_id = %(user_id)s::uuid AND state = 'active' AND NOT offered AND expires_at > clock_timestamp()

-- fragment: held
-- Claims on resources `asked` for until the hold ends, and the hold of them. It ends before its time begins.
span AS MATERIALIZED (
    SELECT now, least(now + %(ttl)s::interval, %(start_at)s::timestamptz) AS expires_at,
           least(now + %(longest)s::interval, %(start_at)s) AS extendable_until
      FROM clock_timestamp() AS now
), claimed AS (
    INSERT INTO allocations (resource_id, exclusive, during, units, places, hold_id, expires_at, start_at)
    SELECT id, exclusive, tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz), %(units)s::integer,
           %(session_places)s::integer, %(id)s::uuid, span.expires_at, %(start_at)s
      FROM asked, span ORDER BY id
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
    RETURNING resource_id
), held AS (
    INSERT INTO holds AS h (id, user_id, created_by, service_id, resource_ids, start_at, end_at, units, terms, offered,
                            expires_at, extendable_until, created_at, updated_at)
    SELECT %(id)s, %(user_id)s::uuid, %(actor_id)s::uuid, %(service_id)s::uuid, %(resource_ids)s::uuid[],
           %(start_at)s, %(end_at)s::timestamptz, %(units)s, agreed.terms, %(offered)s::boolean,
           span.expires_at, span.extendable_until, span.now, span.now
      FROM span, agreed
     WHERE {all_claimed}
    RETURNING *
), answer AS (
    SELECT h.*, {hold_document} AS document FROM held AS h
), told AS (
    INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
    SELECT 'hold.created', {hold_topics}, document, %(actor_id)s, %(request_id)s::text, created_at FROM answer AS h
)
SELECT document::text, version, expires_at FROM answer

-- name: hold_service
-- Keep what a service offers, on the terms that were read a moment ago: nothing is written when the service has changed
-- since.
WITH asked AS (
    SELECT id, exclusive FROM resources AS r
     WHERE id = ANY (%(resource_ids)s::uuid[]) AND active AND capacity >= %(units)s::integer AND {judged}
       AND EXISTS (SELECT FROM services
                    WHERE id = %(service_id)s::uuid AND version = %(service_version)s::integer AND archived_at IS NULL)
       AND (%(unrestricted)s::boolean OR owner_id IS NULL OR owner_id = %(actor_id)s::uuid)
       AND (%(unrestricted)s OR EXISTS (
            SELECT FROM resources WHERE id = ANY (%(resource_ids)s) AND owner_id = %(actor_id)s))
     ORDER BY id FOR KEY SHARE
), agreed AS (
    SELECT %(terms)s::jsonb AS terms
), {held}

-- name: hold_time
-- Keep plain time of resources that are named. Whether the booking will be confirmed is what they say now, and what the
-- customer must do first.
WITH asked AS (
    SELECT id, kind, exclusive, auto_confirm FROM resources AS r WHERE {named}
       AND (%(unrestricted)s::boolean OR owner_id IS NULL OR owner_id = %(actor_id)s::uuid)
       AND (%(unrestricted)s OR EXISTS (
            SELECT FROM resources WHERE id = ANY (%(resource_ids)s) AND owner_id = %(actor_id)s))
     ORDER BY id FOR KEY SHARE
), agreed AS (
    SELECT %(terms)s::jsonb || jsonb_build_object(
        'provider_id', coalesce(%(provider_id)s, (SELECT id FROM asked WHERE kind = 'provider' LIMIT 1)),
        'workspace_id', coalesce(%(workspace_id)s, (SELECT id FROM asked WHERE kind = 'workspace' LIMIT 1)),
        'status', CASE WHEN (SELECT bool_and(auto_confirm) FROM asked) AND NOT %(must_confirm)s::boolean
            THEN 'confirmed' ELSE 'pending' END) AS terms
), {held}

-- fragment: ended_holds
-- What follows from holds `ended` by themselves, whose rows are locked: their claims go, and it is told once.
gone AS (
    UPDATE holds SET state = 'lapsed', version = holds.version + 1, updated_at = clock_timestamp()
      FROM ended WHERE holds.id = ended.id
    RETURNING holds.*
), freed AS (
    DELETE FROM allocations USING gone WHERE hold_id = gone.id
), told AS (
    INSERT INTO outbox (type, topics, data, occurred_at)
    SELECT 'hold.lapsed', {hold_topics}, {hold_document}, expires_at FROM gone AS h
)
SELECT id FROM gone

-- name: lapse_in_the_way
-- Holds that have ended and whose claims still stand in the exclusion constraint, which cannot know time. Waits for
-- whoever is just booking one; the row decides. In the order of ids, as everybody who locks several. Those that somebody
-- in line waits for are left to the sweep, which passes them on. What was kept for the line and has ended goes, too.
WITH ended AS (
    SELECT h.id FROM holds AS h
     WHERE h.state = 'active' AND h.expires_at <= clock_timestamp() AND h.id IN (
           SELECT a.hold_id FROM allocations AS a
            WHERE a.resource_id = ANY (%(resource_ids)s::uuid[]) AND a.exclusive AND a.released_at IS NULL
              AND NOT a.overbooked AND a.during && tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz)
              AND a.expires_at <= clock_timestamp()
              AND NOT ended_for_line(a.resource_id, a.during, a.expires_at, a.hold_id))
     ORDER BY h.id FOR UPDATE
), over AS (
    SELECT a.ctid AS row FROM allocations AS a
     WHERE a.resource_id = ANY (%(resource_ids)s) AND a.exclusive AND a.released_at IS NULL AND NOT a.overbooked
       AND a.during && tstzrange(%(claim_from)s, %(claim_to)s)
       AND a.opening_id IS NOT NULL AND a.expires_at <= clock_timestamp()
       FOR UPDATE SKIP LOCKED
), unkept AS (
    DELETE FROM allocations USING over WHERE ctid = over.row RETURNING NULL::uuid
), {ended_holds}
UNION ALL SELECT * FROM unkept

-- name: unkeep_due
-- What was kept for the line and has ended before it was asked, for the sweep; whoever is just dealing with it goes first.
WITH ended AS (
    SELECT a.ctid AS row FROM allocations AS a
     WHERE a.expires_at <= clock_timestamp() AND a.released_at IS NULL AND a.opening_id IS NOT NULL
     ORDER BY a.expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM allocations USING ended WHERE ctid = ended.row

-- name: keep_longer
-- What is kept for the line stays so while there is somebody who asks it, for ten minutes at most.
WITH longer AS (
    UPDATE waitlist_openings SET kept_until = least(clock_timestamp() + line_keep(), created_at + interval '10 minutes')
     WHERE kept_until > clock_timestamp()
)
UPDATE allocations AS a SET expires_at = least(clock_timestamp() + line_keep(), w.created_at + interval '10 minutes')
  FROM waitlist_openings AS w
 WHERE a.opening_id = w.id AND a.released_at IS NULL AND a.expires_at > clock_timestamp()

-- name: make_way
-- What is kept for the line makes way for an offer to somebody in it. Its openings stay until this is committed: should two
-- ask at a time, because the connection by which one leads is lost, neither forgets what the other keeps.
WITH kept AS (
    SELECT a.ctid AS row, a.opening_id FROM allocations AS a
     WHERE a.expires_at IS NOT NULL AND a.released_at IS NULL AND a.opening_id = ANY (%(ids)s::bigint[])
       AND a.resource_id = ANY (%(resource_ids)s::uuid[])
       AND a.during && tstzrange(%(claim_from)s::timestamptz, %(claim_to)s::timestamptz)
), asked AS MATERIALIZED (
    SELECT id FROM waitlist_openings WHERE id IN (SELECT opening_id FROM kept) ORDER BY id FOR KEY SHARE
)
DELETE FROM allocations USING kept, asked WHERE ctid = kept.row AND asked.id = kept.opening_id
RETURNING to_jsonb(allocations)::text AS claim

-- name: keep_rest
-- What the offer has left of it is kept for those behind.
SELECT keep_for_line(jsonb_populate_record(NULL::allocations, %(claim)s::jsonb))

-- name: give_back
-- The line was asked: what is still kept for it is free for everybody.
DELETE FROM allocations WHERE expires_at IS NOT NULL AND released_at IS NULL AND opening_id = ANY (%(ids)s::bigint[])

-- name: calm_due
-- What holds that have ended claim, in the order in which everybody locks several: it may pass to the line.
SELECT id FROM resources WHERE id IN (
       SELECT unnest(resource_ids) FROM (SELECT resource_ids FROM holds WHERE state = 'active' AND expires_at <= clock_timestamp()
                                          ORDER BY expires_at LIMIT %(limit)s) AS due)
 ORDER BY id FOR KEY SHARE

-- name: lapse_due
-- The oldest holds that have ended, for the sweep: those that somebody is just dealing with are left to them.
WITH ended AS (
    SELECT id FROM holds WHERE state = 'active' AND expires_at <= clock_timestamp()
     ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), {ended_holds}

-- name: forget_holds
-- Holds that ended long ago without a booking.
DELETE FROM holds WHERE id IN (
    SELECT id FROM holds WHERE state IN ('released', 'lapsed') AND NOT offered AND updated_at < now() - %(age)s::interval LIMIT %(limit)s)

-- name: get_hold
-- One hold for someone entitled to it.
SELECT {hold_document}::text AS document, h.version FROM holds AS h WHERE h.id = %(id)s::uuid AND {hold_visible}

-- name: lock_hold
-- A hold about to end or to last longer. Whether it still lives is asked again by the statement that follows.
SELECT h.id, h.user_id, h.created_by, h.service_id, h.resource_ids, h.start_at, h.end_at, h.units, h.terms, h.offered,
       h.state, h.version, {hold_document} AS document
  FROM holds AS h WHERE h.id = %(id)s::uuid AND {hold_visible} FOR UPDATE OF h

-- name: release_hold
-- It ends because somebody says so: its time is free at once.
WITH gone AS (
    UPDATE holds SET state = 'released', version = version + 1, updated_at = clock_timestamp()
     WHERE id = %(id)s::uuid AND state = 'active' AND expires_at > clock_timestamp()
    RETURNING *
), freed AS (
    DELETE FROM allocations USING gone WHERE hold_id = gone.id
), answer AS (
    SELECT h.*, {hold_document} AS document FROM gone AS h
), told AS (
    INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
    SELECT 'hold.released', {hold_topics}, document, %(actor_id)s::uuid, %(request_id)s::text, updated_at FROM answer AS h
)
SELECT document::text, version FROM answer

-- name: extend_hold
-- It lasts longer, never past its limit and never shorter than before.
WITH span AS MATERIALIZED (
    SELECT now FROM clock_timestamp() AS now
), longer AS (
    UPDATE holds SET expires_at = greatest(expires_at, least(span.now + %(ttl)s::interval, extendable_until)),
           version = version + 1, updated_at = span.now
      FROM span
     WHERE id = %(id)s::uuid AND state = 'active' AND expires_at > span.now
    RETURNING holds.*
), claims AS (
    UPDATE allocations SET expires_at = longer.expires_at FROM longer WHERE hold_id = longer.id
), answer AS (
    SELECT h.*, {hold_document} AS document FROM longer AS h
), told AS (
    INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
    SELECT 'hold.extended', {hold_topics}, document, %(actor_id)s::uuid, %(request_id)s::text, updated_at FROM answer AS h
)
SELECT document::text, version FROM answer

-- name: lock_shared
-- The shared resources of a hold that becomes a booking, in the order in which everybody locks several: their capacity
-- is judged once more, because a hold that ends just now holds nothing there.
SELECT id FROM resources WHERE id = ANY (%(resource_ids)s::uuid[]) AND NOT exclusive ORDER BY id FOR NO KEY UPDATE

-- name: book_hold
-- A hold becomes a booking: its claims are the booking's, the same rows, so there is no moment in which the time is free.
-- No row when it has ended; then the transaction must be undone.
WITH kept_hold AS (
    UPDATE holds SET state = 'booked', booking_id = %(id)s::uuid, version = version + 1, updated_at = clock_timestamp()
     WHERE id = %(hold_id)s::uuid AND state = 'active' AND expires_at > clock_timestamp()
       AND EXISTS (SELECT FROM users WHERE id = %(user_id)s::uuid AND disabled_at IS NULL)
    RETURNING *
), claimed AS (
    UPDATE allocations SET booking_id = %(id)s, hold_id = NULL, expires_at = NULL
      FROM kept_hold WHERE hold_id = kept_hold.id AND released_at IS NULL
    RETURNING resource_id
), hold_told AS (
    INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
    SELECT 'hold.booked', {hold_topics}, {hold_document}, %(actor_id)s::uuid, %(request_id)s::text, updated_at
      FROM kept_hold AS h
), {booked_of_service}, {booked_and_told}

-- fragment: chosen_holds
-- The filters of the lists, and what is behind the cursor. Their defaults let everything pass.
(%(state)s::text IS NULL OR %(state)s = CASE WHEN h.state = 'active' AND h.expires_at <= clock_timestamp()
                                             THEN 'lapsed' ELSE h.state END)
   AND (%(service_id)s::uuid IS NULL OR h.service_id = %(service_id)s)
   AND (%(resource_id)s::uuid IS NULL OR h.resource_ids @> ARRAY[%(resource_id)s])

-- fragment: page_of_holds
-- One page, newest first, behind the cursor if there is one.
AND (h.created_at, h.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
 ORDER BY h.created_at DESC, h.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- fragment: owners_holds
-- What claims something of the actor's, and what they keep or have kept for others.
(h.resource_ids && ARRAY(SELECT id FROM resources WHERE owner_id = %(actor_id)s::uuid)
    OR %(actor_id)s::uuid IN (h.user_id, h.created_by))

-- name: holds_of_user
-- Somebody's own.
SELECT h.id, h.created_at, {hold_document}::text AS document FROM holds AS h
 WHERE h.user_id = %(user_id)s::uuid AND {chosen_holds} {page_of_holds}

-- name: holds_of_owner
-- A provider's.
SELECT h.id, h.created_at, {hold_document}::text AS document FROM holds AS h
 WHERE {owners_holds} AND {chosen_holds} {page_of_holds}

-- name: holds_of_all
-- Everybody's, for admins.
SELECT h.id, h.created_at, {hold_document}::text AS document FROM holds AS h WHERE {chosen_holds} {page_of_holds}

-- name: total_holds_of_user
-- How many of one's own, counted no further than the bound.
SELECT count(*) AS total FROM (SELECT FROM holds AS h
 WHERE h.user_id = %(user_id)s::uuid AND {chosen_holds} LIMIT %(total_bound)s::bigint) AS counted

-- name: total_holds_of_owner
-- The same of a provider's.
SELECT count(*) AS total FROM (SELECT FROM holds AS h
 WHERE {owners_holds} AND {chosen_holds} LIMIT %(total_bound)s::bigint) AS counted

-- name: total_holds_of_all
-- The same of everybody's.
SELECT count(*) AS total FROM (SELECT FROM holds AS h WHERE {chosen_holds} LIMIT %(total_bound)s::bigint) AS counted

-- name: holds_of_leaver
-- What is kept for somebody who leaves, and what others keep of theirs.
SELECT id FROM holds
 WHERE state = 'active' AND (user_id = %(user_id)s::uuid
    OR resource_ids && ARRAY(SELECT id FROM resources WHERE owner_id = %(user_id)s))
 ORDER BY id
