-- What customers say of bookings that took place, and how many stars that makes.

CREATE TABLE reviews (
    id            uuid PRIMARY KEY,
    -- one for each booking, for ever: a deleted review leaves its row, without what it said
    booking_id    uuid NOT NULL CONSTRAINT reviews_booking_known REFERENCES bookings (id),
    author_id     uuid NOT NULL CONSTRAINT reviews_author_known REFERENCES users (id),
    -- what is reviewed, copied from the booking, where none of it changes
    service_id    uuid,
    provider_id   uuid,
    workspace_id  uuid,
    resource_ids  uuid[] NOT NULL,
    rating        smallint,
    text          text,
    edited_at     timestamptz,
    reply         text,
    replied_by    uuid,
    replied_at    timestamptz,
    -- an admin took it out of sight
    hidden_at     timestamptz,
    hidden_reason text,
    -- its booking was found not to have taken place after all
    withdrawn_at  timestamptz,
    deleted_at    timestamptz,
    shown         boolean NOT NULL
                  GENERATED ALWAYS AS (hidden_at IS NULL AND withdrawn_at IS NULL AND deleted_at IS NULL) STORED,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT reviews_once_per_booking UNIQUE (booking_id),
    CONSTRAINT reviews_rating_bounded CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_deleted_says_nothing CHECK (
        CASE WHEN deleted_at IS NULL THEN rating IS NOT NULL
             ELSE rating IS NULL AND text IS NULL AND reply IS NULL END),
    CONSTRAINT reviews_hidden_for_a_reason CHECK ((hidden_at IS NULL) = (hidden_reason IS NULL)),
    CONSTRAINT reviews_reply_signed CHECK (reply IS NULL OR (replied_by IS NOT NULL AND replied_at IS NOT NULL))
);
CREATE INDEX reviews_by_service ON reviews (service_id, created_at, id) WHERE shown;
CREATE INDEX reviews_by_provider ON reviews (provider_id, created_at, id) WHERE shown;
CREATE INDEX reviews_by_author ON reviews (author_id, created_at, id);
CREATE INDEX reviews_by_age ON reviews (created_at, id);
CREATE INDEX reviews_by_resource ON reviews USING gin (resource_ids);

-- How many reviews that are shown give a service, provider or workspace so many stars. Kept by the trigger below, in
-- the transaction of the change, whoever writes: reading an average never reads the reviews.
CREATE TABLE review_totals (
    subject_id uuid NOT NULL,
    stars      smallint NOT NULL,
    reviews    integer NOT NULL,
    PRIMARY KEY (subject_id, stars)
);

-- Adds differences instead of counting anew, so two changes at once both count; in one order, so they cannot deadlock.
CREATE FUNCTION reviews_keep_totals() RETURNS trigger LANGUAGE plpgsql AS $$
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
    RETURN NULL;
END $$;
CREATE TRIGGER reviews_totals AFTER INSERT OR UPDATE ON reviews
    FOR EACH ROW EXECUTE FUNCTION reviews_keep_totals();
-- A deleted review keeps its row; without it the totals would be wrong and the booking could be reviewed again.
CREATE TRIGGER reviews_never_deleted BEFORE DELETE ON reviews
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
