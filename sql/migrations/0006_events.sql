-- What happened, for everyone who wants to hear of it.

-- Written in the transaction that made the fact true, without a place in the order yet: a place drawn here would let
-- a slow commit be skipped by readers who have already seen a higher one.
CREATE TABLE outbox (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type        text NOT NULL,
    booking_id  uuid,
    -- who may hear of it: user:<id>, resource:<id>
    topics      text[] NOT NULL,
    data        json NOT NULL,
    actor_id    uuid,
    request_id  text,
    occurred_at timestamptz NOT NULL
);

-- The published order. The relay moves committed rows here and gives each the next position, without gaps.
CREATE TABLE events (
    position    bigint PRIMARY KEY,
    type        text NOT NULL,
    booking_id  uuid,
    topics      text[] NOT NULL,
    data        json NOT NULL,
    actor_id    uuid,
    request_id  text,
    occurred_at timestamptz NOT NULL,
    placed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT events_position_positive CHECK (position > 0)
);
CREATE INDEX events_by_booking ON events (booking_id, position);
