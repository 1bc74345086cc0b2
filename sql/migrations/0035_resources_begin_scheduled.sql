-- A new resource keeps the business's hours from its first instant: 0 means that nothing concerns it, so it begins with 1
-- where the business says something. The lock makes it wait for whoever is just changing that; the query behind it then
-- sees what was changed.
CREATE FUNCTION resources_begin_scheduled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('bookings business schedule'));
    IF EXISTS (SELECT FROM schedules WHERE layer = 'business') OR EXISTS (SELECT FROM closures WHERE resource_id IS NULL) THEN
        NEW.schedule_version := greatest(NEW.schedule_version, 1);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resources_begin_scheduled BEFORE INSERT ON resources
    FOR EACH ROW EXECUTE FUNCTION resources_begin_scheduled();
