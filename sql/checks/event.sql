-- What must be true of events, published or still in the outbox. Every row returned is a bug. The events that tell of a
-- booking's versions are those of its own, without reminders; others, of its payments for instance, only concern it.

-- name: gap_in_positions
-- Positions are contiguous: whoever has read up to one knows that nothing is missing before it.
SELECT before, position
  FROM (SELECT position, lag(position) OVER (ORDER BY position) AS before FROM events) AS steps
 WHERE position <> before + 1

-- name: pruned_but_there
-- Positions begin right behind those that were deleted.
SELECT min(e.position) AS first, p.position AS pruned
  FROM events AS e, events_pruned AS p
 GROUP BY p.position HAVING min(e.position) <> p.position + 1

-- name: version_without_event
-- Every version of a booking was told. (Of what happened before old events were deleted, nothing can be said.)
SELECT h.booking_id, h.version, h.action
  FROM booking_history AS h
 WHERE h.at > (SELECT until FROM events_pruned)
   AND NOT EXISTS (SELECT FROM events AS e WHERE e.booking_id = h.booking_id AND e.type ~ '^booking\.(?!reminder$)'
                      AND (e.data ->> 'version')::integer = h.version)
   AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.booking_id = h.booking_id AND o.type ~ '^booking\.(?!reminder$)'
                      AND (o.data ->> 'version')::integer = h.version)

-- name: version_told_twice
-- Every version of a booking was told once.
SELECT booking_id, data ->> 'version' AS version, count(*) AS times
  FROM (SELECT booking_id, type, data FROM events UNION ALL SELECT booking_id, type, data FROM outbox) AS told
 WHERE booking_id IS NOT NULL AND type ~ '^booking\.(?!reminder$)'
 GROUP BY booking_id, data ->> 'version'
HAVING count(*) > 1

-- name: told_out_of_order
-- The events of one booking stand in the order of its versions; what still waits is newer than what was published.
SELECT booking_id, place, before, version
  FROM (SELECT booking_id, place, (data ->> 'version')::integer AS version,
               lag((data ->> 'version')::integer) OVER (PARTITION BY booking_id ORDER BY waiting, place) AS before
          FROM (SELECT booking_id, type, data, false AS waiting, position AS place FROM events
                UNION ALL
                SELECT booking_id, type, data, true, seq FROM outbox) AS told
         WHERE booking_id IS NOT NULL AND type ~ '^booking\.(?!reminder$)') AS steps
 WHERE version <= before

-- name: told_otherwise
-- An event names the action in history, and carries the status and time of that version.
SELECT h.booking_id, h.version, h.action, told.type, told.data ->> 'status' AS status
  FROM (SELECT booking_id, type, data FROM events UNION ALL SELECT booking_id, type, data FROM outbox) AS told
  JOIN booking_history AS h ON h.booking_id = told.booking_id AND h.version = (told.data ->> 'version')::integer
 WHERE told.type ~ '^booking\.(?!reminder$)'
   AND (told.type <> 'booking.' || CASE h.action
            WHEN 'create' THEN 'created' WHEN 'update' THEN 'updated' WHEN 'reschedule' THEN 'rescheduled'
            WHEN 'confirm' THEN 'confirmed' WHEN 'decline' THEN 'declined' WHEN 'cancel' THEN 'cancelled'
            WHEN 'check-in' THEN 'checked-in' WHEN 'release' THEN 'released' WHEN 'reassign' THEN 'reassigned' WHEN 'complete' THEN 'completed' WHEN 'payment' THEN 'payment-changed' WHEN 'attendees' THEN 'attendees-changed'
            ELSE h.action END
        OR told.data ->> 'status' <> h.status
        OR (told.data ->> 'startAt')::timestamptz <> h.start_at
        OR (told.data ->> 'endAt')::timestamptz <> h.end_at)

-- name: told_to_the_wrong
-- The events of a booking go to its customer and to the owners of what it claims then, and to nobody else; when it was
-- passed on, to who had it before, too. Others that concern it go to as many.
SELECT b.id, told.type, told.topics
  FROM (SELECT booking_id, type, topics, data FROM events UNION ALL
        SELECT booking_id, type, topics, data FROM outbox) AS told
  JOIN bookings AS b ON b.id = told.booking_id, LATERAL (
    SELECT CASE WHEN told.type LIKE 'booking.%'
        THEN ARRAY(SELECT json_array_elements_text(told.data -> 'resourceIds')) || ARRAY(
             SELECT told.data ->> 'reassignedFrom' WHERE told.type = 'booking.reassigned')
        WHEN NOT EXISTS (SELECT FROM booking_history WHERE booking_id = b.id AND action = 'reassign')
        THEN b.resource_ids::text[] END AS named) AS expected
 WHERE 'user:' || b.user_id <> ALL (told.topics)
    OR cardinality(told.topics) <> 1 + cardinality(coalesce(named, b.resource_ids::text[]))
    OR EXISTS (SELECT FROM unnest(named) AS one WHERE 'resource:' || one <> ALL (told.topics))

-- name: document_of_other_resources
-- The last event of a booking's own names the resources that it claims.
SELECT b.id, b.resource_ids, last.data -> 'resourceIds' AS told
  FROM bookings AS b, LATERAL (
    SELECT data FROM (SELECT booking_id, type, data FROM events UNION ALL SELECT booking_id, type, data FROM outbox) AS e
     WHERE e.booking_id = b.id AND e.type ~ '^booking\.(?!reminder$)'
       AND (e.data ->> 'version')::integer = b.version) AS last
 WHERE ARRAY(SELECT json_array_elements_text(last.data -> 'resourceIds')) <> b.resource_ids::text[]
