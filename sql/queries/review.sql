-- Reviews: what customers say of bookings that took place. Only bookings/review/ uses these.

-- fragment: said
-- What everybody may read of a review `r`. Of its author no more than a first name and an initial.
r.id,
    r.service_id AS "serviceId",
    r.provider_id AS "providerId",
    r.workspace_id AS "workspaceId",
    r.rating,
    r.text,
    json_build_object('name', (SELECT
        split_part(btrim(u.name), ' ', 1) || coalesce(' ' || substring(btrim(u.name) FROM ' (\S)\S*$') || '.', '')
          FROM users AS u WHERE u.id = r.author_id AND u.erased_at IS NULL)) AS author,
    CASE WHEN r.reply IS NOT NULL THEN json_build_object('text', r.reply,
        'repliedAt', btrim(to_json(r.replied_at AT TIME ZONE 'UTC')::text, '"') || 'Z') END AS reply,
    r.version,
    btrim(to_json(r.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(r.edited_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "editedAt"

-- fragment: public_document
-- The JSON of a review as anybody sees it.
(SELECT row_to_json(d)::text FROM (SELECT {said}) AS d)

-- fragment: document
-- The JSON of a review for those who have to do with it: its author, staff, admins.
(SELECT row_to_json(d) FROM (SELECT {said},
    r.booking_id AS "bookingId",
    r.author_id AS "authorId",
    CASE WHEN r.hidden_at IS NOT NULL THEN 'hidden' WHEN r.withdrawn_at IS NOT NULL THEN 'withdrawn' ELSE 'shown' END
        AS state,
    r.hidden_reason AS "hiddenReason",
    btrim(to_json(r.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: is_staff
-- Whether the actor is an admin or owns something that the reviewed booking claimed.
(%(is_admin)s::boolean OR EXISTS (
    SELECT FROM resources WHERE id = ANY (r.resource_ids) AND owner_id = %(actor_id)s::uuid))

-- name: lock_booking
-- What is to be reviewed, locked so that it stays completed until the review is written. The time for a review runs
-- from its end, or from when it was marked completed if that was later.
SELECT b.user_id, b.status, b.service_id, b.provider_id, b.workspace_id, b.resource_ids,
       greatest(b.end_at, (SELECT max(h.at) FROM booking_history AS h
                            WHERE h.booking_id = b.id AND h.status = 'completed')) AS over_at,
       EXISTS (SELECT FROM reviews WHERE booking_id = b.id) AS reviewed
  FROM bookings AS b
 WHERE b.id = %(booking_id)s AND (%(is_admin)s OR b.user_id = %(actor_id)s OR EXISTS (
        SELECT FROM resources WHERE id = ANY (b.resource_ids) AND owner_id = %(actor_id)s))
   FOR SHARE OF b

-- fragment: telling
-- The event of a review that has just been written (`answer`): for its author and whoever owns what was booked. Without
-- a booking's id of its own: the events of a booking are its versions.
INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
    SELECT %(event)s, array_prepend('user:' || author_id, ARRAY(SELECT 'resource:' || id FROM unnest(resource_ids) AS id)),
           document, %(actor_id)s, %(request_id)s, %(now)s
      FROM answer

-- name: insert
-- A new review and its event. The constraint decides between two at once.
WITH made AS (
    INSERT INTO reviews (id, booking_id, author_id, service_id, provider_id, workspace_id, resource_ids, rating, text,
                         created_at, updated_at)
    VALUES (%(id)s, %(booking_id)s, %(actor_id)s, %(service_id)s, %(provider_id)s, %(workspace_id)s, %(resource_ids)s,
            %(rating)s, %(text)s, %(now)s, %(now)s)
    RETURNING *
), answer AS (
    SELECT r.*, {document} AS document FROM made AS r
), told AS (
    {telling}
)
SELECT document::text AS document, version FROM answer

-- name: lock
-- A review about to change, for someone who may see it.
SELECT r.*, {document} AS document, {is_staff} AS is_staff
  FROM reviews AS r
 WHERE r.id = %(id)s AND r.deleted_at IS NULL AND (r.shown OR r.author_id = %(actor_id)s OR {is_staff})
   FOR NO KEY UPDATE OF r

-- name: change
-- Write the next version of a review and its event. Compare-and-set: no row when it has moved on.
WITH changed AS (
    UPDATE reviews SET
        rating = %(rating)s, text = %(text)s, edited_at = %(edited_at)s,
        reply = %(reply)s, replied_by = %(replied_by)s, replied_at = %(replied_at)s,
        hidden_at = %(hidden_at)s, hidden_reason = %(hidden_reason)s, deleted_at = %(deleted_at)s,
        version = version + 1, updated_at = %(now)s
     WHERE id = %(id)s AND version = %(version)s
    RETURNING *
), answer AS (
    SELECT r.*, {document} AS document FROM changed AS r
), told AS (
    {telling}
)
SELECT document::text AS document, version FROM answer

-- name: follow_booking
-- A booking was marked completed, or found not to have taken place: its review comes and goes with it. It looks at the
-- booking as it is now, so events that were overtaken change nothing.
WITH changed AS (
    UPDATE reviews AS r SET
        withdrawn_at = CASE WHEN b.status <> 'completed' THEN %(now)s::timestamptz END,
        version = r.version + 1, updated_at = %(now)s
      FROM bookings AS b
     WHERE b.id = %(booking_id)s AND r.booking_id = b.id AND r.deleted_at IS NULL
       AND (b.status = 'completed') = (r.withdrawn_at IS NOT NULL)
    RETURNING r.*
), answer AS (
    SELECT r.*, {document} AS document FROM changed AS r
)
INSERT INTO outbox (type, topics, data, actor_id, request_id, occurred_at)
SELECT CASE WHEN withdrawn_at IS NULL THEN 'review.restored' ELSE 'review.withdrawn' END,
       array_prepend('user:' || author_id, ARRAY(SELECT 'resource:' || id FROM unnest(resource_ids) AS id)),
       document, NULL, NULL, %(now)s
  FROM answer

-- name: find
-- One review for someone signed in: everybody sees what is shown, those who have to do with it see more.
SELECT CASE WHEN r.author_id = %(actor_id)s OR {is_staff} THEN {document}::text ELSE {public_document} END, r.version
  FROM reviews AS r
 WHERE r.id = %(id)s AND r.deleted_at IS NULL AND (r.shown OR r.author_id = %(actor_id)s OR {is_staff})

-- name: totals
-- How a subject is rated, from its five counters.
SELECT json_build_object(
    'average', round(sum(stars * reviews)::numeric / nullif(sum(reviews), 0), 2),
    'count', coalesce(sum(reviews), 0),
    'distribution', json_build_object(
        '1', coalesce(sum(reviews) FILTER (WHERE stars = 1), 0), '2', coalesce(sum(reviews) FILTER (WHERE stars = 2), 0),
        '3', coalesce(sum(reviews) FILTER (WHERE stars = 3), 0), '4', coalesce(sum(reviews) FILTER (WHERE stars = 4), 0),
        '5', coalesce(sum(reviews) FILTER (WHERE stars = 5), 0)))::text
  FROM review_totals WHERE subject_id = %(subject_id)s

-- name: known_service
-- Whether there is such a service; what is not offered any more may be read about.
SELECT 1 FROM services WHERE id = %(subject_id)s

-- name: known_provider
-- Whether somebody provides under this id.
SELECT 1 FROM resources WHERE id = %(subject_id)s AND kind = 'provider'

-- fragment: chosen
-- The filters of all lists. Their defaults let everything pass.
r.deleted_at IS NULL AND (%(rating)s::smallint IS NULL OR r.rating = %(rating)s)

-- fragment: narrowed
-- The filters of the lists for those who see more than what is shown.
{chosen}
   AND (%(state)s::text IS NULL OR %(state)s = CASE WHEN r.hidden_at IS NOT NULL THEN 'hidden'
        WHEN r.withdrawn_at IS NOT NULL THEN 'withdrawn' ELSE 'shown' END)
   AND (%(service_id)s::uuid IS NULL OR r.service_id = %(service_id)s)
   AND (%(provider_id)s::uuid IS NULL OR r.provider_id = %(provider_id)s)

-- fragment: newest_first
-- Behind the cursor, newest first.
(r.created_at, r.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
 ORDER BY r.created_at DESC, r.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- name: list_of_service
-- What is said of a service.
SELECT {public_document} AS document, r.created_at, r.id
  FROM reviews AS r WHERE r.service_id = %(subject_id)s AND r.shown AND {chosen} AND {newest_first}

-- name: total_of_service
-- How much that is, counted no further than the bound.
SELECT count(*) FROM (SELECT FROM reviews AS r
    WHERE r.service_id = %(subject_id)s AND r.shown AND {chosen} LIMIT %(total_bound)s) AS counted

-- name: list_of_provider
-- What is said of a provider.
SELECT {public_document} AS document, r.created_at, r.id
  FROM reviews AS r WHERE r.provider_id = %(subject_id)s AND r.shown AND {chosen} AND {newest_first}

-- name: total_of_provider
-- How much that is, counted no further than the bound.
SELECT count(*) FROM (SELECT FROM reviews AS r
    WHERE r.provider_id = %(subject_id)s AND r.shown AND {chosen} LIMIT %(total_bound)s) AS counted

-- name: list_of_author
-- What somebody has written.
SELECT {document}::text AS document, r.created_at, r.id
  FROM reviews AS r WHERE r.author_id = %(subject_id)s AND {narrowed} AND {newest_first}

-- name: total_of_author
-- How much that is, counted no further than the bound.
SELECT count(*) FROM (SELECT FROM reviews AS r
    WHERE r.author_id = %(subject_id)s AND {narrowed} LIMIT %(total_bound)s) AS counted

-- fragment: theirs
-- Reviews of bookings that claimed something of an owner's.
r.resource_ids && ARRAY(SELECT id FROM resources WHERE owner_id = %(subject_id)s::uuid)

-- name: list_of_owner
-- What is said of what somebody provides.
SELECT {document}::text AS document, r.created_at, r.id
  FROM reviews AS r WHERE {theirs} AND {narrowed} AND {newest_first}

-- name: total_of_owner
-- How much that is, counted no further than the bound.
SELECT count(*) FROM (SELECT FROM reviews AS r WHERE {theirs} AND {narrowed} LIMIT %(total_bound)s) AS counted

-- name: list_of_all
-- Everything, for admins.
SELECT {document}::text AS document, r.created_at, r.id FROM reviews AS r WHERE {narrowed} AND {newest_first}

-- name: total_of_all
-- How much that is, counted no further than the bound.
SELECT count(*) FROM (SELECT FROM reviews AS r WHERE {narrowed} LIMIT %(total_bound)s) AS counted
