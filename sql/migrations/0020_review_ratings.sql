-- What the stars make of a service and of resources, beside the name, where lists filter and sort by it. By the same
-- trigger, after the totals; services before resources and each by id, so two changes at once cannot deadlock.
CREATE OR REPLACE FUNCTION reviews_keep_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- how many more reviews are shown, and how many more stars they give
    more_reviews integer := NEW.shown::integer - CASE WHEN TG_OP = 'UPDATE' THEN OLD.shown::integer ELSE 0 END;
    more_stars   integer := CASE WHEN NEW.shown THEN NEW.rating ELSE 0 END
                          - CASE WHEN TG_OP = 'UPDATE' AND OLD.shown THEN OLD.rating ELSE 0 END;
BEGIN
    INSERT INTO review_totals AS total (subject_id, stars, reviews)
    SELECT subject, stars, sum(change) FROM (
        SELECT unnest(ARRAY[OLD.service_id, OLD.provider_id, OLD.workspace_id]) AS subject, OLD.rating AS stars, -1 AS change
         WHERE TG_OP = 'UPDATE' AND OLD.shown
        UNION ALL
        SELECT unnest(ARRAY[NEW.service_id, NEW.provider_id, NEW.workspace_id]), NEW.rating, 1 WHERE NEW.shown
    ) AS changes
     WHERE subject IS NOT NULL
     GROUP BY subject, stars HAVING sum(change) <> 0
     ORDER BY subject, stars
    ON CONFLICT ON CONSTRAINT review_totals_pkey DO UPDATE SET reviews = total.reviews + excluded.reviews;

    IF more_reviews <> 0 OR more_stars <> 0 THEN
        UPDATE services SET rating_count = rating_count + more_reviews, rating_sum = rating_sum + more_stars
         WHERE id = NEW.service_id;
        -- A plain UPDATE of both would lock them in any order.
        PERFORM FROM resources WHERE id IN (NEW.provider_id, NEW.workspace_id) ORDER BY id FOR NO KEY UPDATE;
        UPDATE resources SET rating_count = rating_count + more_reviews, rating_sum = rating_sum + more_stars
         WHERE id IN (NEW.provider_id, NEW.workspace_id);
    END IF;
    RETURN NULL;
END $$;

-- What was written before.
UPDATE services AS s SET rating_count = counted.reviews, rating_sum = counted.stars
  FROM (SELECT subject_id, sum(reviews) AS reviews, sum(reviews * stars) AS stars FROM review_totals GROUP BY 1) AS counted
 WHERE s.id = counted.subject_id;
UPDATE resources AS r SET rating_count = counted.reviews, rating_sum = counted.stars
  FROM (SELECT subject_id, sum(reviews) AS reviews, sum(reviews * stars) AS stars FROM review_totals GROUP BY 1) AS counted
 WHERE r.id = counted.subject_id;
