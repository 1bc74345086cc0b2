-- A group session may have fewer places than its room has units. The claim says so, and the trigger that guards shared
-- resources listens.

ALTER TABLE allocations
    -- while this claim stands, no more units than this of the resource; null: as many as it has
    ADD COLUMN places integer;
ALTER TABLE bookings
    -- the places of the session, agreed with the service; null: no session
    ADD COLUMN session_places integer;

CREATE OR REPLACE FUNCTION allocations_check_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    available integer;
BEGIN
    -- A repeatable-read snapshot would not see what was claimed while it waited for the lock.
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'claim shared resources in READ COMMITTED or SERIALIZABLE, not REPEATABLE READ'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    SELECT capacity INTO available FROM resources WHERE id = NEW.resource_id FOR NO KEY UPDATE;
    -- The newcomer must fit beside every claim that allows only so many, its own included.
    IF peak_claimed(NEW.resource_id, NEW.during) > available OR EXISTS (
        SELECT FROM allocations AS a
         WHERE a.resource_id = NEW.resource_id AND a.during && NEW.during AND NOT a.exclusive AND a.released_at IS NULL
           AND a.places < available AND peak_claimed(NEW.resource_id, a.during * NEW.during) > a.places) THEN
        RAISE EXCEPTION 'resource % has no % of % units free during %', NEW.resource_id, NEW.units, available, NEW.during
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'allocations_within_capacity';
    END IF;
    RETURN NULL;
END $$;
