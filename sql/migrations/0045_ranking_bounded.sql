-- A question that every service answers must not cost what the catalogue holds. Ranking looks at 2,000 matches at most:
-- first those that have all words in their names, which this index finds without reading descriptions.
-- Entered at once: what waits in a list beside the index would be read by every search, and names seldom change.
CREATE INDEX services_by_words_of_name ON services USING gin (to_tsvector('simple', name)) WITH (fastupdate = off);

-- PostgreSQL lets somebody who is no superuser name a setting of pg_trgm only once its library is loaded in the session.
SELECT show_limit();

-- Of the names that resemble a text no more than 1,000: telling how alike one is costs more than anything else here.
CREATE OR REPLACE FUNCTION alike_services(phrase text) RETURNS TABLE (id uuid, likeness real)
    LANGUAGE sql STABLE ROWS 50 SET pg_trgm.word_similarity_threshold = 0.45 AS $$
    SELECT s.id, word_similarity(phrase, s.name) FROM services AS s WHERE phrase <% s.name LIMIT 1000
$$;
