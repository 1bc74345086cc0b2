-- What a booking gave up when somebody passed it on: its calendar feeds say for a while that the booking is cancelled there,
-- or programs that only add would keep it for ever. Kept by a trigger, whatever changes what a booking claims.

CREATE TABLE booking_departures (
    resource_id uuid NOT NULL,
    booking_id  uuid NOT NULL,
    -- of the booking without the resource; what the resource's calendars have of it is older
    version     integer NOT NULL,
    -- when it was there; where it moves later is none of the resource's business
    start_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL,
    left_at     timestamptz NOT NULL,
    CONSTRAINT booking_departures_pkey PRIMARY KEY (resource_id, booking_id)
    -- No foreign keys: they would lock the resource that was left after the one that is claimed, against the order of ids.
);

CREATE FUNCTION bookings_keep_departures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM booking_departures WHERE booking_id = NEW.id AND resource_id = ANY (NEW.resource_ids);
    INSERT INTO booking_departures (resource_id, booking_id, version, start_at, end_at, left_at)
    SELECT resource_id, NEW.id, NEW.version, OLD.start_at, OLD.end_at, NEW.updated_at
      FROM unnest(OLD.resource_ids) AS resource_id WHERE resource_id <> ALL (NEW.resource_ids);
    RETURN NULL;
END $$;

CREATE TRIGGER bookings_departed AFTER UPDATE OF resource_ids ON bookings FOR EACH ROW
    WHEN (OLD.resource_ids <> NEW.resource_ids) EXECUTE FUNCTION bookings_keep_departures();
