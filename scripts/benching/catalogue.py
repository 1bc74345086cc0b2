"""The catalogue of the benchmark: services with names that people could have thought of, and questions about them."""

from __future__ import annotations

import psycopg

SERVICES = 10_000
CATEGORIES = 20

#: what people look for: (path and query, what it is); misspelt words, common words and rare ones
QUESTIONS = (
    ("/services", "first page by name"),
    ("/services?sort=price&minPrice=3000&maxPrice=9000", "by price, within a range"),
    ("/services?category=category-7&sort=rating", "one category, the best first"),
    ("/services?sort=popular", "the most booked first"),
    ("/services?minRating=4.5&page=20", "page 20 of the well rated"),
    ("/services?q=massage", "a common word"),
    ("/services?q=deep+tissue+massage", "three words"),
    ("/services?q=swedisch+masage", "two words, both misspelt"),
    ("/services?q=a", "one letter"),
    ("/services?q=session", "a word of every description"),
    ("/services?q=nothing+like+this", "no match"),
    ("/services?q=wellness", "the name of two categories"),
    ("/services?q=welness", "the same, misspelt"),
    ("/services?q=b", "one letter, and the first of four categories"),
    ("/services?q=yoga&category=category-3&sort=price", "a word, a category, by price"),
    ("/services/popular", "popular"),
    ("/services/featured", "featured"),
)

_LOAD = """
INSERT INTO categories (id, slug, name, created_at, updated_at)
SELECT category_id(n), 'category-' || n,
       (ARRAY['Wellness', 'Sport', 'Beauty', 'Music', 'School', 'Health', 'Events', 'Food', 'Business',
              'Travel'])[1 + n % 10] || CASE WHEN n > 10 THEN ' at home' ELSE '' END, now(), now()
  FROM generate_series(1, {categories}) AS n;
INSERT INTO services (id, slug, name, description, category_id, durations, currency, price_from, featured, created_at,
                      updated_at)
SELECT service_id(n), 'service-' || n,
       (ARRAY['Deep', 'Swedish', 'Morning', 'Gentle', 'Express', 'Classic', 'Private', 'Family', 'Advanced',
              'Silent'])[1 + n % 10]
       || ' ' ||
       (ARRAY['tissue', 'stone', 'garden', 'studio', 'river', 'mountain', 'harbour', 'winter', 'summer',
              'city'])[1 + n / 10 % 10]
       || ' ' ||
       (ARRAY['massage', 'yoga', 'haircut', 'coaching', 'check-up', 'photo shoot', 'piano lesson', 'meeting room',
              'tasting', 'repair'])[1 + n / 100 % 10] || ' ' || n / 1000,
       'A session of ' || (ARRAY['relaxation', 'learning', 'care', 'work', 'craft'])[1 + n % 5]
       || ' for everybody who has some time for it. We meet at the door, bring nothing but yourself. Number ' || n,
       category_id(1 + n % {categories}),
       jsonb_build_array(jsonb_build_object('minutes', 30 + n % 4 * 15, 'price', 1000 + n * 37 % 15000)), 'EUR',
       1000 + n * 37 % 15000, n % 500 = 0, now(), now()
  FROM generate_series(1, {services}) AS n;
-- as reviews would make it
UPDATE services SET rating_count = 1 + abs(hashtext(slug)) % 50,
                    rating_sum = (1 + abs(hashtext(slug)) % 50) * (3 + abs(hashtext(slug)) % 3) WHERE slug LIKE '%7';
INSERT INTO service_resources (service_id, resource_id, position)
SELECT service_id(n), r.id, 1
  FROM generate_series(1, {services}) AS n
  JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number, count(*) OVER () AS all FROM resources) AS r
    ON r.number = 1 + n % r.all;
-- the latest bookings are of services, some of many: what popularity looks at
UPDATE bookings
   SET service_id = service_id(
           (1 + ({services} - 1) * power(abs(hashtextextended(id::text, 7) % 9973) / 9973.0, 3))::bigint),
       version = version + 1
 WHERE id IN (SELECT id FROM bookings ORDER BY created_at DESC, id DESC LIMIT 20000);
"""

_IDS = """
CREATE OR REPLACE FUNCTION category_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT ('00000000-0000-7000-8004-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE OR REPLACE FUNCTION service_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT ('00000000-0000-7000-8005-' || lpad(to_hex(n), 12, '0'))::uuid $$;
"""


def load(database_url: str, services: int = SERVICES) -> None:
    """Add a catalogue to what dataset.load has loaded, and let PostgreSQL learn what is in it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_IDS)
        connection.execute(_LOAD.format(services=services, categories=CATEGORIES).encode())
        connection.execute("VACUUM ANALYZE")
