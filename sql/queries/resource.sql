-- Resources: whose time can be claimed. Only bookings/resource/ uses these.

-- fragment: document
-- The JSON of a resource `r`. Instants are UTC with Z.
(SELECT row_to_json(d)::text FROM (SELECT
    r.id,
    r.kind,
    r.name,
    r.description,
    r.location,
    r.time_zone AS "timeZone",
    r.capacity,
    r.owner_id AS "ownerId",
    r.auto_confirm AS "autoConfirm",
    r.active,
    r.amenities,
    r.photo_url AS "photoUrl",
    json_build_object('average', CASE WHEN r.rating_count > 0 THEN r.rating_average END,
                      'count', r.rating_count) AS rating,
    r.version,
    btrim(to_json(r.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(r.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- fragment: columns
-- What a change starts from.
r.id, r.kind, r.name, r.description, r.location, r.time_zone, r.capacity, r.owner_id, r.auto_confirm, r.active,
r.amenities, r.photo_url, r.version

-- name: lock_owner
-- Who is to own a resource; locked, so that the role that allows it stays as it is until the resource is written.
SELECT id, name, time_zone, role FROM users WHERE id = %(id)s AND disabled_at IS NULL FOR SHARE

-- name: insert
-- A new resource. The primary key decides between two who make one provider bookable at once.
INSERT INTO resources AS r (id, kind, name, description, location, time_zone, capacity, owner_id, auto_confirm,
                            amenities, photo_url, created_at, updated_at)
VALUES (%(id)s, %(kind)s, %(name)s, %(description)s, %(location)s, %(time_zone)s, %(capacity)s, %(owner_id)s,
        %(auto_confirm)s, %(amenities)s, %(photo_url)s, %(now)s, %(now)s)
RETURNING r.version, {document} AS document

-- name: find
-- One resource.
SELECT {document}, r.version FROM resources AS r WHERE r.id = %(id)s

-- name: lock
-- A resource about to change.
SELECT {columns}, {document} AS document FROM resources AS r WHERE r.id = %(id)s FOR NO KEY UPDATE

-- name: lock_calendar
-- A resource about to change its capacity or time zone: nothing may refer to it meanwhile, because claims copy whether it
-- is shared, and are judged by its local hours.
SELECT {columns}, {document} AS document FROM resources AS r WHERE r.id = %(id)s FOR UPDATE

-- name: change
-- Write the next version of a resource. Compare-and-set: no row when it has moved on.
UPDATE resources AS r SET
    name = %(name)s, description = %(description)s, location = %(location)s, time_zone = %(time_zone)s,
    capacity = %(capacity)s, owner_id = %(owner_id)s, auto_confirm = %(auto_confirm)s, active = %(active)s,
    amenities = %(amenities)s, photo_url = %(photo_url)s, version = version + 1, updated_at = %(now)s,
    schedule_version = schedule_version + (time_zone <> %(time_zone)s)::integer
 WHERE id = %(id)s AND version = %(version)s
RETURNING r.version, {document} AS document

-- fragment: chosen
-- The filters of the list. Their defaults let everything pass.
r.active = %(active)s
   AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)
   AND (%(owner_id)s::uuid IS NULL OR r.owner_id = %(owner_id)s)
   AND (%(q)s::text IS NULL OR position(lower(%(q)s) IN lower(r.name)) > 0)

-- name: list
-- One page by name, and how many there are, counted no further than the bound.
SELECT coalesce(string_agg({document}, ',' ORDER BY r.name, r.id), '') AS documents,
       (SELECT count(*) FROM (SELECT FROM resources AS r WHERE {chosen} LIMIT %(total_bound)s) AS counted) AS total
  FROM (SELECT * FROM resources AS r WHERE {chosen} ORDER BY r.name, r.id LIMIT %(limit)s OFFSET %(offset)s) AS r

-- name: exists
-- Whether somebody can be booked, for those who only have a user.
SELECT id FROM resources WHERE id = %(id)s
