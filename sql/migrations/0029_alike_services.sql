-- Names that resemble a text are looked for by themselves, because most questions find enough without them; what holds
-- the words of a question is found and ranked in plain SQL, where filters go first.
DROP FUNCTION matching_services(tsquery, text);

-- PostgreSQL lets somebody who is no superuser name a setting of pg_trgm only once its library is loaded in the session.
SELECT show_limit();

-- A function, because how alike is alike enough is a setting, which the index obeys.
CREATE FUNCTION alike_services(phrase text) RETURNS TABLE (id uuid, likeness real)
    LANGUAGE sql STABLE SET pg_trgm.word_similarity_threshold = 0.45 AS $$
    SELECT s.id, word_similarity(phrase, s.name) FROM services AS s WHERE phrase <% s.name
$$;
