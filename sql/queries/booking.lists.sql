-- Lists of bookings: a customer's, an owner's, everybody's. Only bookings/booking/ uses these.

-- fragment: period
-- Bookings by their start: from inclusive, to exclusive.
b.start_at >= %(from)s::timestamptz AND b.start_at < %(to)s::timestamptz

-- fragment: claimed
-- The same by the claim `a`, whose index leads a list of one resource.
a.start_at >= %(from)s::timestamptz AND a.start_at < %(to)s::timestamptz

-- fragment: chosen
-- The filters that no index leads. Their defaults let everything pass, so that one plan serves all.
b.status = ANY (%(statuses)s::text[])
   AND (%(user_id)s::uuid IS NULL OR b.user_id = %(user_id)s)
   AND (%(resource_id)s::uuid IS NULL OR %(resource_id)s = ANY (b.resource_ids))

-- fragment: ascending
-- Behind the cursor, earliest first.
(b.start_at, b.id) > (%(after_start)s::timestamptz, %(after_id)s::uuid)
 ORDER BY b.start_at, b.id LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- fragment: descending
-- In front of the cursor, latest first.
(b.start_at, b.id) < (%(after_start)s::timestamptz, %(after_id)s::uuid)
 ORDER BY b.start_at DESC, b.id DESC LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- fragment: shown
-- What a page needs of each booking: its document, and where it stands in the order.
{document}::text, b.start_at, b.id

-- fragment: count_of_user
-- How many bookings a customer has, counted from the index alone and no further than the bound.
(SELECT count(*) FROM (SELECT FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid AND {period}
   LIMIT %(total_bound)s::bigint) AS counted)

-- name: list_of_user_ascending
-- A customer's bookings without further filters: the hot path.
SELECT {shown}, {count_of_user} FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid AND {period} AND {ascending}

-- name: list_of_user_descending
-- The same, latest first.
SELECT {shown}, {count_of_user} FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid AND {period} AND {descending}

-- name: total_of_user
-- The total alone, for a page behind the last.
SELECT {count_of_user}

-- fragment: count_of_user_chosen
-- How many of a customer's bookings pass the filters, counted no further than the bound.
(SELECT count(*) FROM (SELECT FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid AND {period} AND {chosen}
   LIMIT %(total_bound)s::bigint) AS counted)

-- name: list_of_user_chosen_ascending
-- A customer's bookings that pass the filters.
SELECT {shown}, {count_of_user_chosen}
  FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid AND {period} AND {chosen} AND {ascending}

-- name: list_of_user_chosen_descending
-- The same, latest first.
SELECT {shown}, {count_of_user_chosen}
  FROM bookings AS b WHERE b.user_id = %(user_id)s::uuid AND {period} AND {chosen} AND {descending}

-- name: total_of_user_chosen
-- The total alone, for a page behind the last.
SELECT {count_of_user_chosen}

-- fragment: theirs
-- The resources a calendar is of: an owner's, or for an admin, who has none to name, one resource.
(r.owner_id = %(owner_id)s::uuid OR (%(owner_id)s::uuid IS NULL AND r.id = %(resource_id)s::uuid))

-- fragment: count_of_owner
-- How many bookings that pass the filters claim one of them, counted no further than the bound.
(SELECT count(*) FROM (SELECT DISTINCT b.id FROM resources AS r JOIN allocations AS a ON a.resource_id = r.id
    JOIN bookings AS b ON b.id = a.booking_id
   WHERE {theirs} AND {claimed} AND {chosen} LIMIT %(total_bound)s::bigint) AS counted)

-- name: list_of_owner_ascending
-- A provider's calendar: the first few of each of their resources, merged.
SELECT {shown}, {count_of_owner} FROM bookings AS b WHERE b.id IN (
    SELECT claims.booking_id FROM resources AS r, LATERAL (
        SELECT a.booking_id FROM allocations AS a JOIN bookings AS b ON b.id = a.booking_id
         WHERE a.resource_id = r.id AND {claimed} AND {chosen}
           AND (a.start_at, a.booking_id) > (%(after_start)s::timestamptz, %(after_id)s::uuid)
         ORDER BY a.start_at, a.booking_id LIMIT %(limit)s::bigint + %(offset)s::bigint) AS claims
     WHERE {theirs}) AND {ascending}

-- name: list_of_owner_descending
-- The same, latest first.
SELECT {shown}, {count_of_owner} FROM bookings AS b WHERE b.id IN (
    SELECT claims.booking_id FROM resources AS r, LATERAL (
        SELECT a.booking_id FROM allocations AS a JOIN bookings AS b ON b.id = a.booking_id
         WHERE a.resource_id = r.id AND {claimed} AND {chosen}
           AND (a.start_at, a.booking_id) < (%(after_start)s::timestamptz, %(after_id)s::uuid)
         ORDER BY a.start_at DESC, a.booking_id DESC LIMIT %(limit)s::bigint + %(offset)s::bigint) AS claims
     WHERE {theirs}) AND {descending}

-- name: total_of_owner
-- The total alone, for a page behind the last.
SELECT {count_of_owner}

-- fragment: count_of_all
-- How many bookings there are that pass the filters, counted no further than the bound.
(SELECT count(*) FROM (SELECT FROM bookings AS b WHERE {period} AND {chosen} LIMIT %(total_bound)s::bigint) AS counted)

-- name: list_of_all_ascending
-- Everybody's bookings; for admins.
SELECT {shown}, {count_of_all} FROM bookings AS b WHERE {period} AND {chosen} AND {ascending}

-- name: list_of_all_descending
-- The same, latest first.
SELECT {shown}, {count_of_all} FROM bookings AS b WHERE {period} AND {chosen} AND {descending}

-- name: total_of_all
-- The total alone, for a page behind the last.
SELECT {count_of_all}
