-- Secret addresses under which a calendar program reads bookings: one's own, or those of a resource.

CREATE TABLE calendar_feeds (
    id           uuid NOT NULL,
    -- who asked for it; it shows what they may see at the moment when it is read
    user_id      uuid NOT NULL,
    -- null: the bookings of which that user is the customer
    resource_id  uuid,
    -- busy: times alone
    kind         text NOT NULL,
    name         text,
    -- only the SHA-256 of the secret is kept: a copy of this table shows nobody's calendar
    token_hash   bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    -- exact to the hour
    last_read_at timestamptz,
    CONSTRAINT calendar_feeds_pkey PRIMARY KEY (id),
    CONSTRAINT calendar_feeds_token_unique UNIQUE (token_hash),
    CONSTRAINT calendar_feeds_user_known FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT calendar_feeds_resource_known FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT calendar_feeds_kind_known CHECK (kind IN ('full', 'busy')),
    CONSTRAINT calendar_feeds_name_short CHECK (length(name) BETWEEN 1 AND 100)
);
CREATE INDEX calendar_feeds_of_user ON calendar_feeds (user_id, created_at);
