-- Totals of reviews are kept once for each statement instead of once for each review. Whoever writes many reviews in one
-- transaction (the seed copies 165,000) made a version of the same few services and resources for each of them, and
-- walked past all of these versions for the next; now it is one version each.

-- Adds differences instead of counting anew, so two changes at once both count; totals, then services, then resources,
-- each in one order, so they cannot deadlock.
CREATE OR REPLACE FUNCTION reviews_keep_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- how many more reviews that are shown give whom how many stars
    changes review_totals[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        changes := ARRAY(
            SELECT ROW (subject, rating, count(*))::review_totals
              FROM after, unnest(ARRAY[service_id, provider_id, workspace_id]) AS subject
             WHERE shown AND subject IS NOT NULL
             GROUP BY subject, rating);
    ELSE
        changes := ARRAY(
            SELECT ROW (subject, rating, sum(change))::review_totals
              FROM (SELECT service_id, provider_id, workspace_id, rating, -1 AS change FROM before WHERE shown
                    UNION ALL
                    SELECT service_id, provider_id, workspace_id, rating, 1 FROM after WHERE shown) AS both_sides,
                   unnest(ARRAY[service_id, provider_id, workspace_id]) AS subject
             WHERE subject IS NOT NULL
             GROUP BY subject, rating HAVING sum(change) <> 0);
    END IF;
    IF changes = '{}' THEN
        RETURN NULL;
    END IF;

    INSERT INTO review_totals AS total (subject_id, stars, reviews)
    SELECT subject_id, stars, reviews FROM unnest(changes) ORDER BY subject_id, stars
    ON CONFLICT ON CONSTRAINT review_totals_pkey DO UPDATE SET reviews = total.reviews + excluded.reviews;

    -- A plain UPDATE of several would lock them in any order.
    PERFORM FROM services WHERE id IN (SELECT subject_id FROM unnest(changes)) ORDER BY id FOR NO KEY UPDATE;
    UPDATE services SET rating_count = rating_count + more_reviews, rating_sum = rating_sum + more_stars
      FROM (SELECT subject_id, sum(reviews) AS more_reviews, sum(reviews * stars) AS more_stars
              FROM unnest(changes) GROUP BY subject_id) AS added
     WHERE id = subject_id;
    PERFORM FROM resources WHERE id IN (SELECT subject_id FROM unnest(changes)) ORDER BY id FOR NO KEY UPDATE;
    UPDATE resources SET rating_count = rating_count + more_reviews, rating_sum = rating_sum + more_stars
      FROM (SELECT subject_id, sum(reviews) AS more_reviews, sum(reviews * stars) AS more_stars
              FROM unnest(changes) GROUP BY subject_id) AS added
     WHERE id = subject_id;
    RETURN NULL;
END $$;

DROP TRIGGER reviews_totals ON reviews;
CREATE TRIGGER reviews_made_counted AFTER INSERT ON reviews REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_keep_totals();
CREATE TRIGGER reviews_changed_counted AFTER UPDATE ON reviews REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_keep_totals();
