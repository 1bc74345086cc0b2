-- A booking writes a claim and a booking row for each request, and PostgreSQL reads the expression of every check anew
-- for every statement. What two simultaneous requests cannot break is left to the one statement that writes it, and
-- sql/checks/ looks; what they can break stays here.

-- The claims of a booking that could take only some of them are undone by this, where a foreign key to the missing
-- booking did it at the price of a query for every claim.
CREATE FUNCTION claimed_together(claimed bigint, wanted integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF claimed > 0 AND claimed < wanted THEN
        RAISE EXCEPTION 'only % of % resources could be claimed', claimed, wanted
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'allocations_claimed_together';
    END IF;
    RETURN claimed = wanted;
END $$;
-- Bookings are never deleted, which is the other half of what that key held.
CREATE TRIGGER bookings_never_deleted BEFORE DELETE ON bookings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE allocations
    DROP CONSTRAINT allocations_booking_known,
    DROP CONSTRAINT allocations_booking_named,
    DROP CONSTRAINT allocations_range_not_empty,
    DROP CONSTRAINT allocations_exclusive_single,
    -- one index less for every claim; a booking's claims are named by booking and resource
    DROP COLUMN id;
DROP INDEX allocations_by_resource;
CREATE INDEX allocations_by_resource ON allocations (resource_id, start_at, booking_id);

ALTER TABLE bookings
    -- what a booking starts as and the moves it makes are held by bookings_starts_open and a trigger
    DROP CONSTRAINT bookings_status_known,
    DROP CONSTRAINT bookings_end_after_start;

-- A capacity is never lowered under what has been promised. Down to 1 the exclusion constraint refuses claims that
-- overlap, and this a single claim of several units.
DROP TRIGGER resources_capacity_covers_claims ON resources;
CREATE OR REPLACE FUNCTION resources_check_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF peak_claimed(NEW.id, tstzrange('-infinity', 'infinity')) > NEW.capacity OR EXISTS (
        SELECT FROM allocations WHERE resource_id = NEW.id AND released_at IS NULL AND units > NEW.capacity) THEN
        RAISE EXCEPTION 'resource % has more than % units claimed at some time', NEW.id, NEW.capacity
            USING ERRCODE = 'check_violation', CONSTRAINT = 'resources_capacity_covers_claims';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER resources_capacity_covers_claims AFTER UPDATE OF capacity ON resources
    FOR EACH ROW WHEN (NEW.capacity < OLD.capacity) EXECUTE FUNCTION resources_check_capacity();
