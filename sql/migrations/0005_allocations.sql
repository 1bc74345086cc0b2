-- Claims on a resource's time. A resource's calendar is its live allocations, and PostgreSQL guards it:
-- capacity 1 by an exclusion constraint, more by a trigger that looks at the peak.

CREATE TYPE claim_kind AS ENUM ('booking', 'hold', 'time_off', 'busy');

-- Few checks and only what keeps the calendar exact: each is evaluated for every booking.
CREATE TABLE allocations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resource_id uuid NOT NULL,
    -- copied from the resource and kept equal by the foreign key, because a constraint cannot look at another table
    exclusive   boolean NOT NULL,
    -- what is blocked, buffers included: half-open, so that back-to-back bookings touch without overlapping
    during      tstzrange NOT NULL,
    units       integer NOT NULL DEFAULT 1,
    kind        claim_kind NOT NULL DEFAULT 'booking',
    booking_id  uuid CONSTRAINT allocations_booking_known REFERENCES bookings (id),
    -- the booking's own start: lists of a resource's bookings follow it in the index below
    start_at    timestamptz,
    -- a released claim blocks nobody; it stays so that the resource's past bookings can be listed
    released_at timestamptz,
    CONSTRAINT allocations_booking_named CHECK ((kind = 'booking') = (booking_id IS NOT NULL)),
    CONSTRAINT allocations_exclusive_single CHECK (
        units > 0 AND (units = 1 OR NOT exclusive OR released_at IS NOT NULL)),
    -- an empty range overlaps nothing, so it would claim without being seen
    CONSTRAINT allocations_range_not_empty CHECK (NOT isempty(during)),
    CONSTRAINT allocations_resource_known FOREIGN KEY (resource_id, exclusive)
        REFERENCES resources (id, exclusive) ON UPDATE CASCADE,
    CONSTRAINT allocations_once_per_booking UNIQUE (booking_id, resource_id),
    CONSTRAINT allocations_no_overlap EXCLUDE USING gist (resource_id WITH =, during WITH &&)
        WHERE (exclusive AND released_at IS NULL)
);
CREATE INDEX allocations_shared ON allocations USING gist (resource_id, during)
    WHERE NOT exclusive AND released_at IS NULL;
CREATE INDEX allocations_by_resource ON allocations (resource_id, start_at, booking_id) WHERE booking_id IS NOT NULL;

-- The most units claimed of a shared resource at any instant of a range: a sweep over starts (+) and ends (-),
-- ends first where they meet.
CREATE FUNCTION peak_claimed(resource uuid, window_range tstzrange) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(claimed), 0) FROM (
        SELECT sum(delta) OVER (ORDER BY at, delta) AS claimed FROM (
            SELECT greatest(lower(during), lower(window_range)) AS at, units AS delta
              FROM allocations
             WHERE resource_id = resource AND during && window_range AND NOT exclusive AND released_at IS NULL
            UNION ALL
            SELECT upper(during), -units
              FROM allocations
             WHERE resource_id = resource AND during && window_range AND NOT exclusive AND released_at IS NULL
        ) AS edges
    ) AS sweep
$$;

-- Holds for any writer: claims of one shared resource are judged one after the other, because each locks its row.
CREATE FUNCTION allocations_check_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    available integer;
BEGIN
    -- A repeatable-read snapshot would not see what was claimed while it waited for the lock.
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'claim shared resources in READ COMMITTED or SERIALIZABLE, not REPEATABLE READ'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    SELECT capacity INTO available FROM resources WHERE id = NEW.resource_id FOR NO KEY UPDATE;
    IF peak_claimed(NEW.resource_id, NEW.during) > available THEN
        RAISE EXCEPTION 'resource % has no % of % units free during %', NEW.resource_id, NEW.units, available, NEW.during
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'allocations_within_capacity';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_within_capacity
    AFTER INSERT OR UPDATE OF resource_id, exclusive, during, units, released_at ON allocations
    FOR EACH ROW WHEN (NOT NEW.exclusive AND NEW.released_at IS NULL)
    EXECUTE FUNCTION allocations_check_capacity();

-- A capacity is never lowered under what has been promised. Down to 1 the exclusion constraint says so itself.
CREATE FUNCTION resources_check_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF peak_claimed(NEW.id, tstzrange('-infinity', 'infinity')) > NEW.capacity THEN
        RAISE EXCEPTION 'resource % has more than % units claimed at some time', NEW.id, NEW.capacity
            USING ERRCODE = 'check_violation', CONSTRAINT = 'resources_capacity_covers_claims';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER resources_capacity_covers_claims AFTER UPDATE OF capacity ON resources
    FOR EACH ROW WHEN (NEW.capacity < OLD.capacity AND NEW.capacity > 1)
    EXECUTE FUNCTION resources_check_capacity();
