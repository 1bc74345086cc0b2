-- What is sold: services in categories, who delivers them and what else they need. Resources gain what people look at
-- before they choose one.

-- finds words that are misspelt
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE categories (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL,
    name        text NOT NULL,
    description text,
    -- where it stands among the others; the name decides between equals
    position    integer NOT NULL DEFAULT 0,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT categories_slug_unique UNIQUE (slug)
);

CREATE TABLE services (
    id                    uuid PRIMARY KEY,
    slug                  text NOT NULL,
    name                  text NOT NULL,
    description           text,
    category_id           uuid CONSTRAINT services_category_known REFERENCES categories (id),
    -- [{"minutes": 30, "price": 4500}, …], the default first; prices in minor units
    durations             jsonb NOT NULL,
    currency              text NOT NULL,
    -- added for each person of the party; null: the price is for the whole party
    per_person_price      bigint,
    -- the first rule that matches the date, length and party changes the price: docs/catalogue.md
    price_rules           jsonb NOT NULL DEFAULT '[]',
    -- the lowest price without rules, by which lists filter and sort
    price_from            bigint NOT NULL,
    buffer_before_minutes integer NOT NULL DEFAULT 0,
    buffer_after_minutes  integer NOT NULL DEFAULT 0,
    -- places in one session; 1: every booking is a session of its own
    capacity              integer NOT NULL DEFAULT 1,
    min_party_size        integer NOT NULL DEFAULT 1,
    max_party_size        integer NOT NULL DEFAULT 1,
    requires_confirmation boolean NOT NULL DEFAULT false,
    requires_payment      boolean NOT NULL DEFAULT false,
    -- null: everything is given back, always
    cancellation_policy   jsonb,
    -- minutes before the start; null: REMINDER_LEAD
    reminder_leads        integer[],
    featured              boolean NOT NULL DEFAULT false,
    rating_count          integer NOT NULL DEFAULT 0,
    rating_sum            bigint NOT NULL DEFAULT 0,
    rating_average        numeric(4, 2) NOT NULL GENERATED ALWAYS AS
                              (CASE WHEN rating_count > 0 THEN rating_sum::numeric / rating_count ELSE 0 END) STORED,
    -- not offered any more; kept, because bookings speak of it
    archived_at           timestamptz,
    version               integer NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    words                 tsvector NOT NULL GENERATED ALWAYS AS (
                              setweight(to_tsvector('simple', name), 'A') ||
                              setweight(to_tsvector('simple', coalesce(description, '')), 'D')) STORED,
    CONSTRAINT services_party_fits CHECK (min_party_size BETWEEN 1 AND max_party_size
        AND (capacity = 1 OR max_party_size <= capacity)),
    -- an archived service leaves its slug to the next one
    CONSTRAINT services_slug_unique EXCLUDE USING btree (slug WITH =) WHERE (archived_at IS NULL)
);
CREATE INDEX services_by_slug ON services (slug, archived_at);
CREATE INDEX services_by_name ON services (name, id) WHERE archived_at IS NULL;
CREATE INDEX services_by_price ON services (price_from, id) WHERE archived_at IS NULL;
CREATE INDEX services_by_rating ON services (rating_average, id) WHERE archived_at IS NULL;
CREATE INDEX services_by_category ON services (category_id, name, id);
CREATE INDEX services_featured ON services (name, id) WHERE featured AND archived_at IS NULL;
CREATE INDEX services_by_words ON services USING gin (words);
CREATE INDEX services_by_trigrams ON services USING gin (name gin_trgm_ops);

-- Who delivers a service: one of these is claimed. Names of services of one resource are looked up, too.
CREATE TABLE service_resources (
    service_id  uuid NOT NULL CONSTRAINT service_resources_service_known REFERENCES services (id),
    resource_id uuid NOT NULL CONSTRAINT service_resources_resource_known REFERENCES resources (id),
    -- the order in which they were named
    position    integer NOT NULL,
    PRIMARY KEY (service_id, resource_id)
);
CREATE INDEX service_resources_by_resource ON service_resources (resource_id, service_id);

-- What a service needs besides: so many rooms or pieces of equipment, of these or of any.
CREATE TABLE service_requirements (
    service_id   uuid NOT NULL CONSTRAINT service_requirements_service_known REFERENCES services (id),
    position     integer NOT NULL,
    kind         text NOT NULL,
    count        integer NOT NULL,
    -- empty: any active resource of the kind
    resource_ids uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (service_id, position),
    CONSTRAINT service_requirements_kind_known CHECK (kind IN ('workspace', 'equipment')),
    CONSTRAINT service_requirements_count_positive CHECK (count BETWEEN 1 AND 10)
);

ALTER TABLE resources
    ADD COLUMN amenities      text[] NOT NULL DEFAULT '{}',
    -- https only; the service never fetches it
    ADD COLUMN photo_url      text,
    ADD COLUMN rating_count   integer NOT NULL DEFAULT 0,
    ADD COLUMN rating_sum     bigint NOT NULL DEFAULT 0,
    ADD COLUMN rating_average numeric(4, 2) NOT NULL GENERATED ALWAYS AS
        (CASE WHEN rating_count > 0 THEN rating_sum::numeric / rating_count ELSE 0 END) STORED;

-- The services whose name or description holds all words of a question, beginnings of words included (`question`), or
-- whose name resembles it (`phrase`); the better the more. A function, because how alike is alike enough is a setting,
-- which the index obeys.
CREATE FUNCTION matching_services(question tsquery, phrase text) RETURNS TABLE (id uuid, rank real)
    LANGUAGE sql STABLE SET pg_trgm.word_similarity_threshold = 0.45 AS $$
    SELECT s.id, (ts_rank(s.words, question) + word_similarity(phrase, s.name))::real
      FROM services AS s
     WHERE s.words @@ question OR phrase <% s.name
$$;
