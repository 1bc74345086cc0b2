-- Whatever changes when something can be booked says so among the events, without saying whose doing it was: then those
-- who look at free times learn that a day has changed (bookings/realtime/days.py). Making, cancelling or moving a booking
-- has an event already, so that the dearest statement of all, which takes claims for a new booking, writes nothing here.

-- A resource, a service, or neither (the whole business) can be booked otherwise: during spans of time, on local dates,
-- or at any time when neither is given. `session`: the start of the session of a group whose places changed, too.
CREATE FUNCTION tell_calendar_change(
    resource uuid, service uuid, spans tstzmultirange, days date[] DEFAULT NULL, session timestamptz DEFAULT NULL
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (type, topics, data, occurred_at)
    SELECT 'calendar.changed', '{}', json_build_object(
               'resourceId', resource, 'serviceId', service,
               'spans', (SELECT json_agg(json_build_object(
                             'from', btrim(to_json(lower(span) AT TIME ZONE 'UTC')::text, '"') || 'Z',
                             'to', btrim(to_json(upper(span) AT TIME ZONE 'UTC')::text, '"') || 'Z'))
                           FROM unnest(CASE WHEN (SELECT count(*) FROM unnest(spans)) > 200
                                            THEN range_merge(spans)::tstzmultirange ELSE spans END) AS span),
               'dates', CASE WHEN cardinality(days) <= 400 THEN to_json(days) END,
               'sessionAt', btrim(to_json(session AT TIME ZONE 'UTC')::text, '"') || 'Z'),
           clock_timestamp()
$$;

-- Claims: holds, and what leaves its place. What is over cannot be booked in any case.
CREATE FUNCTION allocations_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM tell_calendar_change(OLD.resource_id, NULL, tstzmultirange(OLD.during), NULL,
                                     CASE WHEN OLD.places IS NOT NULL THEN OLD.start_at END);
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.resource_id, NEW.during) <> (OLD.resource_id, OLD.during) THEN
        PERFORM tell_calendar_change(NEW.resource_id, NULL, tstzmultirange(NEW.during), NULL,
                                     CASE WHEN NEW.places IS NOT NULL THEN NEW.start_at END);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_held_told AFTER INSERT ON allocations FOR EACH ROW
    WHEN (NEW.hold_id IS NOT NULL) EXECUTE FUNCTION allocations_tell();
-- A released claim of a booking is told of by the booking's own event.
CREATE TRIGGER allocations_changed_told AFTER UPDATE OF resource_id, during, units, released_at, overbooked ON allocations
    FOR EACH ROW WHEN (upper(OLD.during) > now() AND (
        OLD.hold_id IS NOT NULL AND OLD.released_at IS DISTINCT FROM NEW.released_at
        OR OLD.resource_id <> NEW.resource_id OR OLD.during <> NEW.during OR OLD.units <> NEW.units
        OR OLD.overbooked <> NEW.overbooked))
    EXECUTE FUNCTION allocations_tell();
CREATE TRIGGER allocations_left_told AFTER DELETE ON allocations FOR EACH ROW
    WHEN (OLD.released_at IS NULL AND upper(OLD.during) > now()) EXECUTE FUNCTION allocations_tell();

-- Closures: once for each resource that a statement touches, because another calendar may bring hundreds.
CREATE FUNCTION closures_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_calendar_change(resource_id, NULL, range_agg(during)) FROM touched GROUP BY resource_id;
    RETURN NULL;
END $$;
CREATE FUNCTION closures_tell_both() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_calendar_change(resource_id, NULL, range_agg(during))
       FROM (SELECT resource_id, during FROM before UNION SELECT resource_id, during FROM after) AS touched
      GROUP BY resource_id;
    RETURN NULL;
END $$;
CREATE TRIGGER closures_made_told AFTER INSERT ON closures REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION closures_tell();
CREATE TRIGGER closures_gone_told AFTER DELETE ON closures REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION closures_tell();
CREATE TRIGGER closures_changed_told AFTER UPDATE ON closures REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION closures_tell_both();

-- Hours and rules concern any day.
CREATE FUNCTION schedules_tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said schedules := coalesce(NEW, OLD);
BEGIN
    PERFORM tell_calendar_change(CASE said.layer WHEN 'resource' THEN said.subject_id END,
                                 CASE said.layer WHEN 'service' THEN said.subject_id END, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER schedules_made_told AFTER INSERT ON schedules FOR EACH ROW
    WHEN (NEW.weekly IS NOT NULL OR NEW.holidays IS NOT NULL OR NEW.rules <> '{}') EXECUTE FUNCTION schedules_tell();
CREATE TRIGGER schedules_changed_told AFTER UPDATE ON schedules FOR EACH ROW
    WHEN ((OLD.weekly, OLD.holidays, OLD.rules) IS DISTINCT FROM (NEW.weekly, NEW.holidays, NEW.rules))
    EXECUTE FUNCTION schedules_tell();
CREATE TRIGGER schedules_gone_told AFTER DELETE ON schedules FOR EACH ROW EXECUTE FUNCTION schedules_tell();

-- Other hours on a date concern it, and the next one because they may pass midnight.
CREATE FUNCTION schedule_days_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_calendar_change(CASE layer WHEN 'resource' THEN subject_id END,
                                 CASE layer WHEN 'service' THEN subject_id END, NULL, array_agg(DISTINCT date))
       FROM touched, LATERAL (VALUES (day), (day + 1)) AS concerned (date) GROUP BY layer, subject_id;
    RETURN NULL;
END $$;
CREATE TRIGGER schedule_days_made_told AFTER INSERT ON schedule_days REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION schedule_days_tell();
CREATE TRIGGER schedule_days_changed_told AFTER UPDATE ON schedule_days REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION schedule_days_tell();
CREATE TRIGGER schedule_days_gone_told AFTER DELETE ON schedule_days REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION schedule_days_tell();

-- What a service takes, who delivers it, what it needs besides.
CREATE FUNCTION services_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_calendar_change(NULL, NEW.id, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER services_changed_told AFTER UPDATE ON services FOR EACH ROW
    WHEN ((OLD.durations, OLD.buffer_before_minutes, OLD.buffer_after_minutes, OLD.capacity, OLD.min_party_size,
           OLD.max_party_size, OLD.archived_at)
          IS DISTINCT FROM (NEW.durations, NEW.buffer_before_minutes, NEW.buffer_after_minutes, NEW.capacity,
                            NEW.min_party_size, NEW.max_party_size, NEW.archived_at))
    EXECUTE FUNCTION services_tell();
-- Of a service that was made just now nobody has asked anything yet.
CREATE FUNCTION service_parts_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_calendar_change(NULL, id, NULL)
       FROM services WHERE id IN (SELECT service_id FROM touched) AND version > 1;
    RETURN NULL;
END $$;
CREATE TRIGGER service_resources_made_told AFTER INSERT ON service_resources REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();
CREATE TRIGGER service_resources_gone_told AFTER DELETE ON service_resources REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();
CREATE TRIGGER service_requirements_made_told AFTER INSERT ON service_requirements REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();
CREATE TRIGGER service_requirements_gone_told AFTER DELETE ON service_requirements REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();

CREATE FUNCTION resources_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_calendar_change(NEW.id, NULL, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER resources_changed_told AFTER UPDATE OF active, capacity, time_zone ON resources FOR EACH ROW
    WHEN ((OLD.active, OLD.capacity, OLD.time_zone) <> (NEW.active, NEW.capacity, NEW.time_zone))
    EXECUTE FUNCTION resources_tell();
