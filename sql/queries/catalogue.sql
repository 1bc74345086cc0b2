-- What is sold, and who delivers it. Only bookings/catalogue/ uses these.

-- fragment: document
-- The JSON of a service `s`. Instants are UTC with Z.
(SELECT row_to_json(d)::text FROM (SELECT
    s.id,
    s.slug,
    s.name,
    s.description,
    (SELECT row_to_json(c) FROM (SELECT id, slug, name FROM categories WHERE id = s.category_id) AS c) AS category,
    s.durations,
    s.currency,
    s.per_person_price AS "perPersonPrice",
    s.price_rules AS "priceRules",
    json_build_object('amount', s.price_from, 'currency', s.currency) AS "priceFrom",
    s.buffer_before_minutes AS "bufferBeforeMinutes",
    s.buffer_after_minutes AS "bufferAfterMinutes",
    s.capacity,
    s.collective,
    s.min_party_size AS "minPartySize",
    s.max_party_size AS "maxPartySize",
    s.requires_confirmation AS "requiresConfirmation",
    s.requires_payment AS "requiresPayment",
    s.cancellation_policy AS "cancellationPolicy",
    s.reminder_leads AS "reminderLeadMinutes",
    s.featured,
    ARRAY(SELECT resource_id FROM service_resources WHERE service_id = s.id ORDER BY position) AS "resourceIds",
    coalesce((SELECT json_agg(json_build_object('kind', kind, 'count', count, 'resourceIds', resource_ids)
                              ORDER BY position)
                FROM service_requirements WHERE service_id = s.id), '[]') AS requirements,
    json_build_object('average', CASE WHEN s.rating_count > 0 THEN s.rating_average END,
                      'count', s.rating_count) AS rating,
    btrim(to_json(s.archived_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "archivedAt",
    s.version,
    btrim(to_json(s.created_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "createdAt",
    btrim(to_json(s.updated_at AT TIME ZONE 'UTC')::text, '"') || 'Z' AS "updatedAt"
) AS d)

-- name: find
-- One service by its id.
SELECT {document}, s.version FROM services AS s WHERE s.id = %(id)s::uuid

-- name: find_by_slug
-- One service by its slug: the one that is offered, or the one archived last.
SELECT {document}, s.version, s.id FROM services AS s WHERE s.slug = %(slug)s::text
 ORDER BY s.archived_at DESC NULLS FIRST LIMIT 1

-- name: lock
-- A service about to change.
SELECT {document}::json AS document FROM services AS s WHERE s.id = %(id)s FOR UPDATE

-- name: insert
-- A new service.
INSERT INTO services (id, slug, name, description, category_id, durations, currency, per_person_price, price_rules,
    price_from, buffer_before_minutes, buffer_after_minutes, capacity, min_party_size, max_party_size,
    requires_confirmation, requires_payment, cancellation_policy, reminder_leads, featured, collective,
    created_at, updated_at)
VALUES (%(id)s, %(slug)s, %(name)s, %(description)s, %(category_id)s, %(durations)s::jsonb, %(currency)s,
    %(per_person_price)s, %(price_rules)s::jsonb, %(price_from)s, %(buffer_before_minutes)s, %(buffer_after_minutes)s,
    %(capacity)s, %(min_party_size)s, %(max_party_size)s, %(requires_confirmation)s, %(requires_payment)s,
    %(cancellation_policy)s::jsonb, %(reminder_leads)s, %(featured)s, %(collective)s, %(now)s, %(now)s)

-- name: change
-- The next version of a service; it is locked.
UPDATE services SET
    slug = %(slug)s, name = %(name)s, description = %(description)s, category_id = %(category_id)s,
    durations = %(durations)s::jsonb, currency = %(currency)s, per_person_price = %(per_person_price)s,
    price_rules = %(price_rules)s::jsonb, price_from = %(price_from)s,
    buffer_before_minutes = %(buffer_before_minutes)s, buffer_after_minutes = %(buffer_after_minutes)s,
    capacity = %(capacity)s, min_party_size = %(min_party_size)s, max_party_size = %(max_party_size)s,
    requires_confirmation = %(requires_confirmation)s, requires_payment = %(requires_payment)s,
    cancellation_policy = %(cancellation_policy)s::jsonb, reminder_leads = %(reminder_leads)s,
    featured = %(featured)s, collective = %(collective)s,
    archived_at = CASE WHEN %(archived)s THEN coalesce(archived_at, %(now)s) END,
    version = version + 1, updated_at = %(now)s
 WHERE id = %(id)s

-- name: drop_deliverers
-- The first half of naming anew who delivers a service.
DELETE FROM service_resources WHERE service_id = %(id)s

-- name: add_deliverers
-- The second half, in the order in which they were named.
INSERT INTO service_resources (service_id, resource_id, position)
SELECT %(id)s, resource_id, position FROM unnest(%(resource_ids)s::uuid[]) WITH ORDINALITY AS named (resource_id, position)

-- name: drop_requirements
-- The first half of saying anew what a service needs besides.
DELETE FROM service_requirements WHERE service_id = %(id)s

-- name: add_requirements
-- The second half.
INSERT INTO service_requirements (service_id, position, kind, count, resource_ids)
SELECT %(id)s, position, needed ->> 'kind', (needed ->> 'count')::integer,
       ARRAY(SELECT jsonb_array_elements_text(needed -> 'resourceIds')::uuid)
  FROM jsonb_array_elements(%(requirements)s::jsonb) WITH ORDINALITY AS listed (needed, position)

-- name: resources_named
-- What a service names: whether each exists, of which kind, with how many units.
SELECT id, kind, capacity FROM resources WHERE id = ANY (%(resource_ids)s::uuid[])

-- fragment: chosen
-- The filters of the list. Their defaults let everything pass.
(s.archived_at IS NOT NULL) = %(archived)s::boolean
   AND (%(category)s::text IS NULL OR s.category_id = (
        SELECT id FROM categories WHERE slug = %(category)s OR id::text = %(category)s LIMIT 1))
   AND s.price_from >= %(min_price)s::bigint AND s.price_from <= %(max_price)s::bigint
   AND s.rating_average >= %(min_rating)s::numeric
   AND (%(resource_id)s::uuid IS NULL OR EXISTS (
        SELECT FROM service_resources WHERE service_id = s.id AND resource_id = %(resource_id)s))

-- fragment: headings
-- The categories whose names hold all words of the question, beginnings of words included.
headings AS MATERIALIZED (
    SELECT c.id FROM categories AS c WHERE to_tsvector('simple', c.name) @@ to_tsquery('simple', %(question)s::text))

-- fragment: answers
-- Whether a service, or the name of its category, holds all words of the question. No question: every service does.
(%(question)s::text = '' OR s.words @@ to_tsquery('simple', %(question)s::text)
    OR s.category_id = ANY (ARRAY(SELECT id FROM headings)))

-- fragment: exact
-- What holds all words of the question, or whose category does, up to the 2,000 that are looked at. As many mean that
-- there may be more.
{headings}, worded AS MATERIALIZED (
    SELECT s.id FROM services AS s
     WHERE s.words @@ to_tsquery('simple', %(question)s::text) AND {chosen} LIMIT 2000),
exact AS MATERIALIZED (
    SELECT id FROM worded
    UNION ALL
    (SELECT below.id FROM headings CROSS JOIN LATERAL (
         SELECT s.id FROM services AS s
          WHERE s.category_id = headings.id AND NOT s.words @@ to_tsquery('simple', %(question)s::text) AND {chosen}
          LIMIT 2000) AS below
      LIMIT 2000 - (SELECT count(*) FROM worded)))

-- fragment: many
-- Whether so many hold the words that walking all services in the wanted order fills a page sooner than sorting them.
(SELECT count(*) FROM exact) >= 2000

-- fragment: too_few
-- Whether the words fill no page.
(SELECT count(*) FROM (SELECT FROM exact LIMIT 10) AS enough) < 10

-- fragment: alike
-- Where the words fill no page, also names that resemble the text, and behind them what stands in categories whose names
-- do.
SELECT found.id, max(found.rank) AS rank FROM (
         SELECT s.id, a.likeness / 2 AS rank FROM alike_services(%(phrase)s::text) AS a JOIN services AS s ON s.id = a.id
          WHERE {too_few} AND {chosen}
         UNION ALL
         (SELECT below.id, a.likeness / 8 FROM alike_categories(%(phrase)s::text) AS a CROSS JOIN LATERAL (
              SELECT s.id FROM services AS s WHERE s.category_id = a.id AND {chosen} LIMIT 1000) AS below
           WHERE {too_few} LIMIT 1000)) AS found
      WHERE NOT EXISTS (SELECT FROM exact WHERE exact.id = found.id) GROUP BY found.id

-- fragment: matched
-- Both, without an order.
{exact}, matched AS MATERIALIZED (
    SELECT id FROM exact
    UNION ALL
    SELECT id FROM ({alike}) AS resembling)

-- fragment: looked_up
-- What was matched, one after the other: nobody can tell how many a category holds, and reading all services for three would
-- cost what there is.
matched CROSS JOIN LATERAL (
        SELECT id, name, price_from, rating_average FROM services WHERE id = matched.id LIMIT 1) AS s

-- fragment: rank
-- How well a service answers: a name counts ten times what a description does.
ts_rank(s.words, to_tsquery('simple', %(question)s)) AS rank

-- fragment: rank_of_category
-- How well a service answers whose category has the words in its name: less than by its own name (0.6 for a word; 0.23
-- for one that only resembles), more than by a description (0.06).
0.2::real

-- fragment: ranked_exact
-- What holds all words of the question, with its rank. Ranking a word that all services hold would cost what there is,
-- so it looks at 2,000: those with all words in their names, then those in a category that has them in its own, then
-- others, as they come.
{headings}, named AS MATERIALIZED (
    SELECT s.id, {rank} FROM services AS s
     WHERE to_tsvector('simple', s.name) @@ to_tsquery('simple', %(question)s::text) AND {chosen} LIMIT 2000),
headed AS MATERIALIZED (
    SELECT below.id, {rank_of_category} AS rank FROM headings CROSS JOIN LATERAL (
        SELECT s.id FROM services AS s
         WHERE s.category_id = headings.id AND NOT s.words @@ to_tsquery('simple', %(question_of_name)s::text) AND {chosen}
         LIMIT 2000) AS below
     LIMIT 2000 - (SELECT count(*) FROM named)),
exact AS MATERIALIZED (
    SELECT id, rank FROM named
    UNION ALL
    SELECT id, rank FROM headed
    UNION ALL
    (SELECT s.id, {rank} FROM services AS s
      WHERE s.words @@ to_tsquery('simple', %(question)s)
        AND NOT s.words @@ to_tsquery('simple', %(question_of_name)s::text)
        AND (s.category_id = ANY (ARRAY(SELECT id FROM headings))) IS NOT TRUE AND {chosen}
      LIMIT 2000 - (SELECT count(*) FROM named) - (SELECT count(*) FROM headed)))

-- fragment: ranked_matches
-- Both, ranked: what resembles stands between names and descriptions.
{ranked_exact}, matched AS MATERIALIZED (
    SELECT id, rank FROM exact
    UNION ALL
    SELECT id, rank FROM ({alike}) AS resembling)

-- fragment: recent
-- How often each service was booked among the latest 2,000 bookings of services, called off ones left out: a look at
-- the index's end that costs the same whatever the table holds.
recent AS MATERIALIZED (
    SELECT service_id, count(*) AS bookings
      FROM (SELECT service_id, status FROM bookings WHERE service_id IS NOT NULL ORDER BY created_at DESC LIMIT 2000) AS b
     WHERE status NOT IN ('cancelled', 'declined') GROUP BY service_id)

-- fragment: counted
-- How many services pass the filters, counted no further than the bound.
(SELECT count(*) FROM (SELECT FROM services AS s WHERE {chosen} LIMIT %(total_bound)s::bigint) AS counted)

-- fragment: counted_matches
-- The same of those that a text finds.
(SELECT count(*) FROM (SELECT FROM matched LIMIT %(total_bound)s::bigint) AS counted)

-- fragment: page
-- Where a page begins and ends.
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint

-- fragment: by_name
-- In the order of names, behind the cursor.
(s.name, s.id) > (%(after_key)s::text, %(after_id)s::uuid) ORDER BY s.name, s.id {page}

-- fragment: by_price
-- The cheapest first, behind the cursor.
(s.price_from, s.id) > (%(after_key)s::bigint, %(after_id)s::uuid) ORDER BY s.price_from, s.id {page}

-- fragment: by_price_descending
-- The dearest first, behind the cursor.
(s.price_from, s.id) < (%(after_key)s::bigint, %(after_id)s::uuid) ORDER BY s.price_from DESC, s.id DESC {page}

-- fragment: by_rating
-- The best first, behind the cursor.
(s.rating_average, s.id) < (%(after_key)s::numeric, %(after_id)s::uuid)
 ORDER BY s.rating_average DESC, s.id DESC {page}

-- name: list_by_name
-- In the order of names. Documents are written when the page is known, here and everywhere.
WITH page AS (SELECT s.id, s.name AS key FROM services AS s WHERE {chosen} AND {by_name})
SELECT {document}, page.key, s.id, {counted} FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key, s.id

-- name: list_by_price
-- The cheapest first.
WITH page AS (SELECT s.id, s.price_from AS key FROM services AS s WHERE {chosen} AND {by_price})
SELECT {document}, page.key, s.id, {counted} FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key, s.id

-- name: list_by_price_descending
-- The dearest first.
WITH page AS (SELECT s.id, s.price_from AS key FROM services AS s WHERE {chosen} AND {by_price_descending})
SELECT {document}, page.key, s.id, {counted} FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key DESC, s.id DESC

-- name: list_by_rating
-- The best first.
WITH page AS (SELECT s.id, s.rating_average AS key FROM services AS s WHERE {chosen} AND {by_rating})
SELECT {document}, page.key, s.id, {counted} FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key DESC, s.id DESC

-- fragment: behind
-- Of a number of bookings and an id: behind the cursor.
(%(after_key)s::bigint, %(after_id)s::uuid)

-- fragment: walked_by_popularity
-- The most booked first: the few that were booked lately, looked up one after the other until the page is full, then the
-- others, newest first, of which no more are read than the page still wants.
booked AS MATERIALIZED (
    SELECT r.service_id AS id, r.bookings AS key
      FROM (SELECT service_id, bookings FROM recent ORDER BY bookings DESC, service_id DESC) AS r
     CROSS JOIN LATERAL (SELECT FROM services AS s WHERE s.id = r.service_id AND {chosen} AND {answers} LIMIT 1) AS found
     WHERE (r.bookings, r.service_id) < {behind}
     ORDER BY r.bookings DESC, r.service_id DESC LIMIT %(limit)s::bigint + %(offset)s::bigint
), others AS (
    SELECT s.id, 0 AS key FROM services AS s
     WHERE s.id NOT IN (SELECT service_id FROM recent) AND (0, s.id) < {behind} AND {chosen} AND {answers}
     ORDER BY s.id DESC LIMIT %(limit)s::bigint + %(offset)s::bigint - (SELECT count(*) FROM booked)
), walked AS (
    SELECT id, key FROM (SELECT id, key FROM booked UNION ALL SELECT id, key FROM others) AS both_kinds
     ORDER BY key DESC, id DESC {page}
)

-- name: list_by_popularity
-- The most booked first.
WITH {headings}, {recent}, {walked_by_popularity}
SELECT {document}, walked.key, s.id, {counted}
  FROM walked JOIN services AS s ON s.id = walked.id ORDER BY walked.key DESC, s.id DESC

-- name: search_by_name
-- What a text finds, in the order of names.
WITH {matched}, page AS (
    (SELECT s.id, s.name AS key FROM {looked_up} WHERE NOT {many} AND {by_name})
    UNION ALL
    (SELECT s.id, s.name FROM services AS s WHERE {many} AND {chosen} AND {answers} AND {by_name})
)
SELECT {document}, page.key, s.id, {counted_matches}
  FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key, s.id

-- name: search_by_price
-- What a text finds, the cheapest first.
WITH {matched}, page AS (
    (SELECT s.id, s.price_from AS key FROM {looked_up} WHERE NOT {many} AND {by_price})
    UNION ALL
    (SELECT s.id, s.price_from FROM services AS s WHERE {many} AND {chosen} AND {answers} AND {by_price})
)
SELECT {document}, page.key, s.id, {counted_matches}
  FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key, s.id

-- name: search_by_price_descending
-- What a text finds, the dearest first.
WITH {matched}, page AS (
    (SELECT s.id, s.price_from AS key FROM {looked_up} WHERE NOT {many} AND {by_price_descending})
    UNION ALL
    (SELECT s.id, s.price_from FROM services AS s WHERE {many} AND {chosen} AND {answers} AND {by_price_descending})
)
SELECT {document}, page.key, s.id, {counted_matches}
  FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key DESC, s.id DESC

-- name: search_by_rating
-- What a text finds, the best first.
WITH {matched}, page AS (
    (SELECT s.id, s.rating_average AS key FROM {looked_up} WHERE NOT {many} AND {by_rating})
    UNION ALL
    (SELECT s.id, s.rating_average FROM services AS s WHERE {many} AND {chosen} AND {answers} AND {by_rating})
)
SELECT {document}, page.key, s.id, {counted_matches}
  FROM page JOIN services AS s ON s.id = page.id ORDER BY page.key DESC, s.id DESC

-- name: search_by_popularity
-- What a text finds, the most booked first. Summed, not joined: how often something was booked has no statistics.
WITH {recent}, {matched}, summed AS (
    SELECT id, sum(bookings)::bigint AS key
      FROM (SELECT id, 0 AS bookings, true AS is_match FROM matched
            UNION ALL SELECT service_id, bookings, false FROM recent) AS both_sides
     WHERE NOT {many} GROUP BY id HAVING bool_or(is_match)
), {walked_by_popularity}, ranked AS (
    (SELECT id, key FROM summed WHERE (key, id) < {behind} ORDER BY key DESC, id DESC {page})
    UNION ALL
    SELECT id, key FROM walked WHERE {many}
)
SELECT {document}, ranked.key, s.id, {counted_matches}
  FROM ranked JOIN services AS s ON s.id = ranked.id ORDER BY ranked.key DESC, s.id DESC

-- name: search_by_relevance
-- What a text finds, the best match first; documents are written when the page is known.
WITH {ranked_matches}, ranked AS (
    SELECT id, rank FROM matched WHERE (rank, id) < (%(after_key)s::real, %(after_id)s::uuid)
     ORDER BY rank DESC, id DESC {page}
)
SELECT {document}, ranked.rank AS key, s.id, {counted_matches}
  FROM ranked JOIN services AS s ON s.id = ranked.id ORDER BY ranked.rank DESC, s.id DESC

-- name: list_total
-- The total alone, for a page behind the last.
SELECT {counted}

-- name: search_total
-- The same of what a text finds.
WITH {matched} SELECT {counted_matches}

-- name: featured
-- What the business puts in the window.
SELECT {document} FROM services AS s WHERE s.featured AND s.archived_at IS NULL ORDER BY s.name, s.id LIMIT %(limit)s::bigint

-- name: popular
-- What was booked most often lately, looked up one after the other until there are enough.
WITH {recent}, ranked AS (
    SELECT r.service_id, r.bookings
      FROM (SELECT service_id, bookings FROM recent ORDER BY bookings DESC, service_id DESC) AS r
     CROSS JOIN LATERAL (SELECT FROM services AS s WHERE s.id = r.service_id AND s.archived_at IS NULL LIMIT 1) AS found
     ORDER BY r.bookings DESC, r.service_id DESC LIMIT %(limit)s::bigint
)
SELECT {document} FROM ranked AS r JOIN services AS s ON s.id = r.service_id ORDER BY r.bookings DESC, s.id DESC
