-- The agreement: who, what, when, and where it stands.

CREATE TABLE bookings (
    id                  uuid PRIMARY KEY,
    -- a user: the statement that books has looked, and users are never deleted (see below)
    user_id             uuid NOT NULL,
    -- all it claims; provider_id and workspace_id name the first of each kind for convenience
    resource_ids        uuid[] NOT NULL,
    provider_id         uuid,
    workspace_id        uuid,
    start_at            timestamptz NOT NULL,
    end_at              timestamptz NOT NULL,
    units               integer NOT NULL DEFAULT 1,
    status              text NOT NULL,
    title               text,
    description         text,
    location            text,
    notes               text,
    -- why it was declined, cancelled or overridden, in the words of who did it
    status_reason       text,
    version             integer NOT NULL DEFAULT 1,
    created_by          uuid NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT bookings_status_known CHECK (status IN
        ('pending', 'confirmed', 'checked_in', 'completed', 'no_show', 'cancelled', 'declined')),
    CONSTRAINT bookings_starts_open CHECK (version > 1 OR status IN ('pending', 'confirmed')),
    CONSTRAINT bookings_end_after_start CHECK (end_at > start_at)
);
CREATE INDEX bookings_by_user ON bookings (user_id, start_at, id);
CREATE INDEX bookings_by_start ON bookings (start_at, id);

-- The state machine, as docs/state-machine.md draws it. The trigger below knows no other move.
CREATE TABLE booking_transitions (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    PRIMARY KEY (from_status, to_status)
);
INSERT INTO booking_transitions (from_status, to_status) VALUES
    ('pending', 'confirmed'), ('pending', 'declined'), ('pending', 'cancelled'),
    ('confirmed', 'checked_in'), ('confirmed', 'completed'), ('confirmed', 'no_show'), ('confirmed', 'cancelled'),
    ('checked_in', 'completed'),
    ('no_show', 'completed'), ('completed', 'no_show');

CREATE FUNCTION bookings_check_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'booking % must go from version % to %, not %', OLD.id, OLD.version, OLD.version + 1, NEW.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bookings_version_rises';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS
        (SELECT FROM booking_transitions WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'booking % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bookings_transition_allowed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bookings_change BEFORE UPDATE ON bookings
    FOR EACH ROW EXECUTE FUNCTION bookings_check_change();

-- One row for every version of a booking: what was done, by whom. Never changed afterwards. It is written by the
-- statement that writes the version, so it needs no foreign key, whose check would be a tenth of a booking's cost.
CREATE TABLE booking_history (
    booking_id uuid NOT NULL,
    version    integer NOT NULL,
    action     text NOT NULL,
    status     text NOT NULL,
    start_at   timestamptz NOT NULL,
    end_at     timestamptz NOT NULL,
    reason     text,
    actor_id   uuid NOT NULL,
    request_id text,
    at         timestamptz NOT NULL,
    PRIMARY KEY (booking_id, version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are kept as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
-- Users are disabled or made anonymous, never deleted: their bookings count. This holds what a foreign key from
-- bookings would, without a lock on the customer's row for every booking.
CREATE TRIGGER users_never_deleted BEFORE DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER booking_history_append_only BEFORE UPDATE OR DELETE ON booking_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
