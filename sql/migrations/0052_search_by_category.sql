-- Who searches for the name of a category finds what stands in it, also when it is misspelt.

-- PostgreSQL lets somebody who is no superuser name a setting of pg_trgm only once its library is loaded in the session.
SELECT show_limit();

-- Entered at once, as those of services: what waits in a list beside the index would be read by every search.
CREATE INDEX categories_by_words ON categories USING gin (to_tsvector('simple', name)) WITH (fastupdate = off);
CREATE INDEX categories_by_trigrams ON categories USING gin (name gin_trgm_ops) WITH (fastupdate = off);

-- A function for the same reason as alike_services: how alike is alike enough is a setting, which the index obeys.
CREATE FUNCTION alike_categories(phrase text) RETURNS TABLE (id uuid, likeness real)
    LANGUAGE sql STABLE ROWS 2 SET pg_trgm.word_similarity_threshold = 0.45 AS $$
    SELECT c.id, word_similarity(phrase, c.name) FROM categories AS c WHERE phrase <% c.name LIMIT 100
$$;
