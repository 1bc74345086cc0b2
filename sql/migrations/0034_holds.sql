-- Holds: time that is kept for somebody for a few minutes. The claims are allocations that name the hold and when it
-- ends; this row says whose it is, what was agreed, and decides who wins when it is booked at the instant it ends.

CREATE TABLE holds (
    id               uuid NOT NULL,
    user_id          uuid NOT NULL,
    created_by       uuid NOT NULL,
    service_id       uuid,
    resource_ids     uuid[] NOT NULL,
    start_at         timestamptz NOT NULL,
    end_at           timestamptz NOT NULL,
    units            integer NOT NULL,
    -- what it is booked with: price, policy, buffers … as they were when it was made
    terms            jsonb NOT NULL,
    -- made by the waitlist, not asked for by anybody: it counts towards no limit
    offered          boolean NOT NULL DEFAULT false,
    state            text NOT NULL DEFAULT 'active',
    -- from then on it claims nothing, whatever `state` still says; its claims say the same
    expires_at       timestamptz NOT NULL,
    extendable_until timestamptz NOT NULL,
    booking_id       uuid,
    version          integer NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT holds_pkey PRIMARY KEY (id),
    CONSTRAINT holds_user_known FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT holds_state_known CHECK (state IN ('active', 'released', 'booked', 'lapsed')),
    CONSTRAINT holds_booked_is_booking CHECK ((state = 'booked') = (booking_id IS NOT NULL)),
    CONSTRAINT holds_extended_within_limit CHECK (expires_at <= extendable_until),
    CONSTRAINT holds_take_time CHECK (end_at > start_at),
    CONSTRAINT holds_booking_once UNIQUE (booking_id)
);
CREATE INDEX holds_active ON holds (expires_at) WHERE state = 'active';
CREATE INDEX holds_of_user ON holds (user_id, created_at, id);
CREATE INDEX holds_in_order ON holds (created_at, id);
CREATE INDEX holds_of_resources ON holds USING gin (resource_ids);

-- A hold ends once.
CREATE FUNCTION holds_end_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % is %', OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'holds_end_once';
END $$;
CREATE TRIGGER holds_end_once BEFORE UPDATE OF state, expires_at, booking_id ON holds
    FOR EACH ROW WHEN (OLD.state <> 'active') EXECUTE FUNCTION holds_end_once();
