-- Calendars elsewhere, and the busy times that are read from them.

-- fragment: calendar_document
-- The JSON of a calendar `k`. Of its address only the server: whoever knows the rest can read the calendar.
(SELECT row_to_json(d)::text FROM (SELECT
    k.id,
    k.resource_id AS "resourceId",
    k.name,
    CASE WHEN k.content IS NULL THEN 'url' ELSE 'upload' END AS source,
    substring(k.url FROM '^https?://([^/?#]+)') AS server,
    k.busy_times AS "busyTimes",
    btrim(to_json(k.read_until AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "readUntil",
    btrim(to_json(k.refreshed_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "lastRefreshedAt",
    k.last_error AS "lastError",
    k.failures,
    btrim(to_json(k.next_refresh_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "nextRefreshAt",
    btrim(to_json(k.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt"
) AS d)

-- fragment: calendar_visible
-- Calendars are for the owner of the resource and admins.
(%(is_admin)s::boolean OR EXISTS (SELECT FROM resources WHERE id = k.resource_id AND owner_id = %(actor_id)s::uuid))

-- name: count_calendars
-- How many others a resource has.
SELECT count(*) AS calendars FROM calendars WHERE resource_id = %(resource_id)s AND id <> %(id)s

-- name: add_calendar
-- A new calendar, to be read at once.
INSERT INTO calendars AS k (id, resource_id, name, url, content, next_refresh_at, created_at)
VALUES (%(id)s, %(resource_id)s, %(name)s, %(url)s, %(content)s, %(now)s, %(now)s)
RETURNING {calendar_document} AS document

-- name: put_calendar
-- A file under an id that its sender chose: a new calendar, or another text of the same; nothing when the id is that of
-- another resource's calendar or of one that is read from an address.
INSERT INTO calendars AS k (id, resource_id, name, content, next_refresh_at, created_at)
VALUES (%(id)s, %(resource_id)s, %(name)s, %(content)s, %(now)s, %(now)s)
ON CONFLICT (id) DO UPDATE SET content = excluded.content, name = coalesce(excluded.name, k.name),
       next_refresh_at = excluded.next_refresh_at
 WHERE k.resource_id = excluded.resource_id AND k.url IS NULL
RETURNING {calendar_document} AS document, k.created_at = %(now)s AS made

-- name: find_calendar
-- One calendar for somebody entitled to it.
SELECT {calendar_document} AS document, k.resource_id FROM calendars AS k WHERE k.id = %(id)s::uuid AND {calendar_visible}

-- name: list_calendars
-- Those of a resource, the oldest first; nobody has more than a few.
SELECT {calendar_document} AS document FROM calendars AS k
 WHERE k.resource_id = %(resource_id)s::uuid ORDER BY k.created_at, k.id

-- name: resource_for
-- A resource, and whether somebody may see its calendars.
SELECT %(is_admin)s::boolean OR owner_id IS NOT DISTINCT FROM %(actor_id)s::uuid AS entitled
  FROM resources WHERE id = %(resource_id)s::uuid

-- name: remove_busy_times
-- What a calendar said is not said any more.
DELETE FROM closures WHERE calendar_id = %(id)s

-- name: remove_calendar
-- A calendar that nobody wants to be read any more.
DELETE FROM calendars WHERE id = %(id)s

-- name: hurry_calendar
-- Read a calendar now.
UPDATE calendars AS k SET next_refresh_at = %(now)s WHERE id = %(id)s RETURNING {calendar_document} AS document

-- name: calendars_due
-- Calendars whose time has come.
SELECT id FROM calendars WHERE next_refresh_at <= %(now)s ORDER BY next_refresh_at LIMIT %(limit)s

-- name: calendar_to_read
-- What is needed to read one, and what was read before; `fresh`: what recurs has been worked out far enough, and what has
-- no zone in the present one of the resource.
SELECT k.id, k.resource_id, k.url, k.content, k.failures, r.time_zone,
       CASE WHEN fresh THEN k.etag END AS etag, CASE WHEN fresh THEN k.last_modified END AS last_modified
  FROM calendars AS k JOIN resources AS r ON r.id = k.resource_id,
       LATERAL (SELECT coalesce(k.read_until > %(wanted_until)s::timestamptz AND k.time_zone = r.time_zone, false) AS fresh)
       AS known
 WHERE k.id = %(id)s AND k.next_refresh_at IS NOT NULL

-- name: busy_times
-- What a calendar said when it was read last, in seconds since 1970.
SELECT extract(epoch FROM lower(during))::bigint AS lower, extract(epoch FROM upper(during))::bigint AS upper
  FROM closures WHERE calendar_id = %(id)s ORDER BY lower(during)

-- name: lock_calendar_row
-- A calendar about to be written; nothing when it was removed meanwhile, or another file was put in its place.
SELECT id FROM calendars
 WHERE id = %(id)s AND next_refresh_at IS NOT NULL AND content IS NOT DISTINCT FROM %(content)s::text FOR UPDATE

-- name: write_busy_times
-- What a calendar says now.
INSERT INTO closures (id, resource_id, during, kind, calendar_id, created_at)
SELECT id, %(resource_id)s, tstzrange(to_timestamp(lower_end), to_timestamp(upper_end)), 'busy', %(calendar_id)s, %(now)s
  FROM unnest(%(ids)s::uuid[], %(lowers)s::bigint[], %(uppers)s::bigint[]) AS said (id, lower_end, upper_end)

-- name: calendar_read
-- A calendar was read.
UPDATE calendars SET etag = %(etag)s, last_modified = %(last_modified)s, refreshed_at = %(now)s,
       read_until = %(read_until)s, time_zone = %(time_zone)s, busy_times = %(busy_times)s, last_error = NULL, failures = 0,
       next_refresh_at = %(next_refresh_at)s
 WHERE id = %(id)s

-- name: calendar_unchanged
-- The server says that it is as it was.
UPDATE calendars SET refreshed_at = %(now)s, last_error = NULL, failures = 0, next_refresh_at = %(next_refresh_at)s
 WHERE id = %(id)s AND next_refresh_at IS NOT NULL

-- name: calendar_failed
-- It could not be read; what it said before stays.
UPDATE calendars SET last_error = %(error)s, failures = failures + 1, next_refresh_at = %(next_refresh_at)s
 WHERE id = %(id)s AND next_refresh_at IS NOT NULL
