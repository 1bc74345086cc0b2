-- Providers and workspaces as people look for them. Only bookings/catalogue/ uses these.

-- fragment: view
-- The JSON of a workspace or provider `r` as everybody may see it: nothing of whose it is, nor how to reach them.
(SELECT row_to_json(d)::text FROM (SELECT
    r.id,
    r.name,
    r.description,
    r.location,
    r.time_zone AS "timeZone",
    r.capacity,
    r.amenities,
    r.photo_url AS "photoUrl",
    json_build_object('average', CASE WHEN r.rating_count > 0 THEN r.rating_average END,
                      'count', r.rating_count) AS rating,
    (SELECT coalesce(json_agg(json_build_object('id', offered.id, 'slug', slug, 'name', name) ORDER BY name, offered.id), '[]')
       FROM (SELECT s.id, s.slug, s.name FROM service_resources AS d JOIN services AS s ON s.id = d.service_id
              WHERE d.resource_id = r.id AND s.archived_at IS NULL ORDER BY s.name, s.id LIMIT 100) AS offered) AS services,
    r.active,
    r.version
) AS d)

-- name: find_view
-- One workspace or provider; what is not active only for those who may change it.
SELECT {view}, r.version FROM resources AS r
 WHERE r.id = %(id)s::uuid AND r.kind = %(kind)s::text AND (r.active OR %(inactive)s::boolean)

-- fragment: seen
-- The filters of these lists. Their defaults let everything pass.
r.kind = %(kind)s::text AND r.active
   AND (%(q)s::text IS NULL OR position(lower(%(q)s) IN lower(r.name)) > 0)
   AND (%(location)s::text IS NULL OR position(lower(%(location)s) IN lower(r.location)) > 0)
   AND r.capacity >= %(min_capacity)s::integer
   AND r.rating_average >= %(min_rating)s::numeric
   AND (%(service_id)s::uuid IS NULL OR EXISTS (
        SELECT FROM service_resources WHERE service_id = %(service_id)s AND resource_id = r.id))
   AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(%(amenities)s::jsonb) AS wanted
                    WHERE lower(wanted) NOT IN (SELECT lower(one) FROM unnest(r.amenities) AS one))

-- fragment: seen_total
-- How many pass the filters, counted no further than the bound.
(SELECT count(*) FROM (SELECT FROM resources AS r WHERE {seen} LIMIT %(total_bound)s::bigint) AS counted)

-- name: views_by_name
-- In the order of names.
SELECT {view}, {seen_total} FROM resources AS r WHERE {seen} ORDER BY r.name, r.id {page}

-- name: views_by_rating
-- The best first.
SELECT {view}, {seen_total} FROM resources AS r WHERE {seen} ORDER BY r.rating_average DESC, r.id {page}

-- name: views_total
-- The total alone, for a page behind the last.
SELECT {seen_total}
