-- Time that somebody waits for passes to the line in the very transaction that frees it: nobody can book it in between.
-- What is freed of a claim is claimed again at once, by nobody (`opening_id`), until the line was asked; so the constraints
-- that guard every claim guard it, too, and a new booking need not look for anything. What opens without a claim (hours,
-- rules, closures) is kept by its opening, which judging reads as if it were closed. Both end by themselves.

ALTER TABLE allocations
    -- kept for the line: the opening about which it is being asked. Such a claim is of no booking and of no hold.
    ADD COLUMN opening_id bigint;
ALTER TABLE waitlist_openings
    -- until then only who waits may have what has opened; null: its claims say so, or nothing is kept
    ADD COLUMN kept_until timestamptz;

-- For how long time is kept until the line has been asked. A worker asks within a second and keeps it for longer where the
-- line is long; without any worker it is free again then.
CREATE FUNCTION line_keep() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT interval '30 seconds' $$;

-- How far around a claim of a resource something else becomes free with it: where caps count, as far as a month.
CREATE FUNCTION line_reach(resource uuid) RETURNS interval LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (
        SELECT FROM schedules AS s
         WHERE (s.layer <> 'resource' OR s.subject_id = resource)
           AND s.rules ?| ARRAY['resourceCaps', 'customerCaps']) THEN interval '32 days' ELSE interval '0' END
$$;

-- Whether somebody in line could have a time of a resource: it delivers what they wait for, or is needed for it, and their
-- window meets it, buffers included. Whoever names others who deliver it does not wait for this one.
CREATE FUNCTION line_waits_for(resource uuid, during tstzrange) RETURNS boolean LANGUAGE plpgsql STABLE COST 1000 AS $$
DECLARE
    reach interval;
    span tstzrange;
BEGIN
    IF NOT EXISTS (SELECT FROM waitlist_entries AS e WHERE e.state = 'waiting') THEN
        RETURN false;
    END IF;
    reach := line_reach(resource);
    span := tstzrange(greatest(lower(during) - reach, clock_timestamp()),
                      greatest(upper(during) + reach, clock_timestamp()));
    RETURN EXISTS (
        SELECT FROM service_resources AS d
          JOIN services AS s ON s.id = d.service_id AND s.archived_at IS NULL
          JOIN waitlist_entries AS e ON e.service_id = d.service_id AND e.state = 'waiting'
         WHERE d.resource_id = resource
           AND span && tstzrange(e.from_at - make_interval(mins => s.buffer_before_minutes),
                                 e.to_at + make_interval(mins => s.buffer_after_minutes))
           AND (e.resource_id IS NULL AND e.provider_ids = '{}' OR resource = ANY (e.provider_ids || e.resource_id)
                OR NOT EXISTS (SELECT FROM service_resources AS n
                                WHERE n.service_id = e.service_id AND n.resource_id = ANY (e.provider_ids || e.resource_id)))
    ) OR EXISTS (
        SELECT FROM waitlist_entries AS e
          JOIN services AS s ON s.id = e.service_id AND s.archived_at IS NULL
          JOIN service_requirements AS q ON q.service_id = e.service_id
          JOIN resources AS r ON r.id = resource
         WHERE e.state = 'waiting' AND q.kind = r.kind AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids))
           AND span && tstzrange(e.from_at - make_interval(mins => s.buffer_before_minutes),
                                 e.to_at + make_interval(mins => s.buffer_after_minutes)));
END $$;

-- Whether a hold that has ended by itself still keeps its time: for who waits for it, until it is swept and they are asked.
CREATE FUNCTION ended_for_line(resource uuid, during tstzrange, ended_at timestamptz, hold uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE COST 1000 AS $$
BEGIN
    RETURN hold IS NOT NULL AND ended_at > clock_timestamp() - line_keep() AND line_waits_for(resource, during);
END $$;

CREATE OR REPLACE FUNCTION peak_claimed(resource uuid, window_range tstzrange) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(claimed), 0) FROM (
        -- Ends before starts at the same instant: ranges are half-open.
        SELECT sum(delta) OVER (ORDER BY at, delta) AS claimed FROM (
            SELECT greatest(lower(during), lower(window_range)) AS at, units AS delta
              FROM allocations
             WHERE resource_id = resource AND during && window_range AND NOT exclusive AND released_at IS NULL
               AND NOT overbooked AND (expires_at IS NULL OR expires_at > clock_timestamp()
                                       OR ended_for_line(resource_id, during, expires_at, hold_id))
            UNION ALL
            SELECT upper(during), -units
              FROM allocations
             WHERE resource_id = resource AND during && window_range AND NOT exclusive AND released_at IS NULL
               AND NOT overbooked AND (expires_at IS NULL OR expires_at > clock_timestamp()
                                       OR ended_for_line(resource_id, during, expires_at, hold_id))
        ) AS edges
    ) AS sweep
$$;

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
           AND NOT a.overbooked AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp()
                                     OR ended_for_line(a.resource_id, a.during, a.expires_at, a.hold_id))
           AND a.places < available AND peak_claimed(NEW.resource_id, a.during * NEW.during) > a.places) THEN
        RAISE EXCEPTION 'resource % has no % of % units free during %', NEW.resource_id, NEW.units, available, NEW.during
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'allocations_within_capacity';
    END IF;
    RETURN NULL;
END $$;

-- How many units of a shared resource are left during a time, for a claim that allows only so many (`places`; null: all),
-- beside those that do.
CREATE FUNCTION units_left(resource uuid, during tstzrange, places integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT least(least(r.capacity, units_left.places) - peak_claimed(r.id, units_left.during), (
               SELECT min(a.places - peak_claimed(r.id, a.during * units_left.during)) FROM allocations AS a
                WHERE a.resource_id = r.id AND NOT a.exclusive AND a.released_at IS NULL AND NOT a.overbooked
                  AND a.during && units_left.during AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
                  AND a.places < r.capacity))
      FROM resources AS r WHERE r.id = resource
$$;

-- Claim for the line what is left of a claim that has gone, from now on, until its `expires_at`. It never waits and never
-- takes more than was there: of what one can have alone the gaps between other claims, of the rest as many units as still
-- fit. No other transaction can have taken any of it, because none has seen that the claim is gone; and what the same one
-- claims of a shared resource has locked it.
CREATE FUNCTION keep_for_line(claim allocations) RETURNS void LANGUAGE sql AS $$
    WITH gone AS MATERIALIZED (
        SELECT tstzmultirange(claim.during * tstzrange(clock_timestamp(), NULL)) - coalesce((
                   SELECT range_agg(during) FROM (
                       SELECT a.during FROM allocations AS a
                        WHERE claim.exclusive AND a.exclusive AND a.resource_id = claim.resource_id
                          AND a.during && claim.during AND a.released_at IS NULL AND NOT a.overbooked
                       UNION ALL
                       SELECT a.during FROM allocations AS a
                        WHERE NOT claim.exclusive AND a.booking_id = claim.booking_id AND a.resource_id = claim.resource_id
                          AND a.units >= claim.units AND a.released_at IS NULL AND NOT a.overbooked) AS others), '{}') AS spans
    ), whole AS MATERIALIZED (
        SELECT span, CASE WHEN claim.exclusive THEN 1 ELSE units_left(claim.resource_id, span, claim.places) END AS units
          FROM gone, unnest(gone.spans) AS span
    ), parts AS (
        SELECT span, units FROM whole WHERE units >= claim.units
        UNION ALL
        -- Where not all of it fits everywhere: as many as fit between any two edges of other claims.
        SELECT span, units_left(claim.resource_id, span, claim.places) FROM (
            SELECT tstzrange(edge, lead(edge) OVER (PARTITION BY whole.span ORDER BY edge)) AS span, upper(whole.span) > edge AS inside
              FROM whole, LATERAL (
                  SELECT lower(whole.span) AS edge UNION SELECT upper(whole.span)
                  UNION SELECT bound FROM allocations AS a, LATERAL (VALUES (lower(a.during)), (upper(a.during))) AS ends (bound)
                   WHERE a.resource_id = claim.resource_id AND a.during && whole.span AND NOT a.exclusive
                     AND a.released_at IS NULL AND NOT a.overbooked AND whole.span @> bound) AS edges
             WHERE whole.units < claim.units) AS pieces
         WHERE inside
    )
    INSERT INTO allocations (resource_id, exclusive, during, units, places, start_at, opening_id, expires_at)
    SELECT claim.resource_id, claim.exclusive, span, least(units, claim.units), claim.places,
           CASE WHEN span @> claim.start_at THEN claim.start_at ELSE lower(span) END, claim.opening_id, claim.expires_at
      FROM parts WHERE units > 0
    ON CONFLICT ON CONSTRAINT allocations_no_overlap DO NOTHING
$$;

-- A claim has gone, or some of it. At the end of the transaction, when what it has claimed instead is known, the rest
-- passes to whoever waits for it: the line is to be asked, and until then nobody else can have it.
CREATE FUNCTION allocations_pass_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    freed allocations := OLD;
    reach interval;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.released_at IS NULL AND NOT NEW.overbooked
       AND (NEW.resource_id, NEW.during) = (OLD.resource_id, OLD.during) THEN
        freed.units := OLD.units - NEW.units;
        freed.booking_id := NULL;
    END IF;
    IF freed.units <= 0 OR NOT line_waits_for(OLD.resource_id, OLD.during) THEN
        RETURN NULL;
    END IF;
    -- In one order, as everybody who locks several: what is kept must know its resource.
    PERFORM FROM resources WHERE id IN (
        SELECT unnest(b.resource_ids) FROM bookings AS b
         WHERE b.id = OLD.booking_id OR b.series_id = (SELECT series_id FROM bookings WHERE id = OLD.booking_id)
        UNION SELECT unnest(h.resource_ids) FROM holds AS h WHERE h.id = OLD.hold_id)
      ORDER BY id FOR KEY SHARE;
    reach := greatest(line_reach(OLD.resource_id), interval '14 hours');
    INSERT INTO waitlist_openings (resource_id, from_at, to_at, created_at)
    VALUES (OLD.resource_id, lower(OLD.during) - reach, upper(OLD.during) + reach, clock_timestamp())
    RETURNING id INTO freed.opening_id;
    -- What has ended by itself was kept since then.
    freed.expires_at := least(OLD.expires_at, clock_timestamp()) + line_keep();
    IF freed.expires_at > clock_timestamp() THEN
        PERFORM keep_for_line(freed);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_left_to_line AFTER DELETE ON allocations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.opening_id IS NULL AND OLD.released_at IS NULL AND NOT OLD.overbooked AND upper(OLD.during) > now())
    EXECUTE FUNCTION allocations_pass_on();
CREATE CONSTRAINT TRIGGER allocations_changed_to_line AFTER UPDATE OF resource_id, during, units, released_at, overbooked
    ON allocations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.opening_id IS NULL AND OLD.released_at IS NULL AND NOT OLD.overbooked AND upper(OLD.during) > now() AND (
        NEW.released_at IS NOT NULL OR NEW.overbooked OR NEW.units < OLD.units
        OR NEW.resource_id <> OLD.resource_id OR NEW.during <> OLD.during))
    EXECUTE FUNCTION allocations_pass_on();

-- What is kept for the line was there before, so it needs no room; and whoever frees time of several shared resources must
-- not lock them in the order in which it does so.
DROP TRIGGER allocations_within_capacity ON allocations;
CREATE CONSTRAINT TRIGGER allocations_within_capacity
    AFTER INSERT OR UPDATE OF resource_id, exclusive, during, units, released_at, overbooked, expires_at ON allocations
    FOR EACH ROW WHEN (NOT NEW.exclusive AND NEW.released_at IS NULL AND NOT NEW.overbooked AND NEW.opening_id IS NULL)
    EXECUTE FUNCTION allocations_check_capacity();

-- Hours, rules or closures have changed, of a resource, a service or everything: as far as somebody waits, the line is to
-- be asked, and until then what it could have is closed for everybody else. One opening for each service that is waited for.
CREATE FUNCTION open_for_line(resource uuid, service uuid, spans tstzmultirange, days date[]) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM waitlist_entries AS e WHERE e.state = 'waiting') THEN
        RETURN;
    END IF;
    INSERT INTO waitlist_openings (resource_id, service_id, from_at, to_at, created_at, kept_until)
    SELECT resource, e.service_id, greatest(min(e.from_at - make_interval(mins => s.buffer_before_minutes)), lower(span)),
           least(max(e.to_at + make_interval(mins => s.buffer_after_minutes)), upper(span)),
           clock_timestamp(), clock_timestamp() + line_keep()
      FROM unnest(CASE WHEN days IS NOT NULL THEN tstzmultirange(tstzrange(
                               (SELECT min(day) FROM unnest(days) AS day)::timestamp AT TIME ZONE 'UTC' - interval '14 hours',
                               (SELECT max(day) FROM unnest(days) AS day)::timestamp AT TIME ZONE 'UTC' + interval '38 hours'))
                       WHEN spans IS NULL THEN tstzmultirange(tstzrange(NULL, NULL))
                       WHEN (SELECT count(*) FROM unnest(spans)) > 200 THEN range_merge(spans)::tstzmultirange
                       ELSE spans END) AS span,
           waitlist_entries AS e JOIN services AS s ON s.id = e.service_id AND s.archived_at IS NULL
     WHERE e.state = 'waiting' AND e.to_at > clock_timestamp() AND (service IS NULL OR e.service_id = service)
       AND span && tstzrange(e.from_at - make_interval(mins => s.buffer_before_minutes),
                             e.to_at + make_interval(mins => s.buffer_after_minutes))
       AND (resource IS NULL
            OR EXISTS (SELECT FROM service_resources AS d WHERE d.service_id = e.service_id AND d.resource_id = resource)
            OR EXISTS (SELECT FROM service_requirements AS q JOIN resources AS r ON r.id = resource
                        WHERE q.service_id = e.service_id AND q.kind = r.kind
                          AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids))))
     GROUP BY span, e.service_id;
END $$;

-- When which of some resources are kept for the line by openings, but for those that are being `answered`. A function, so that
-- a judgement pays next to nothing while there are none.
CREATE FUNCTION kept_by_openings(resources uuid[], between_ends tstzrange, answered bigint[])
    RETURNS TABLE (resource uuid, during tstzrange) LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM waitlist_openings AS w WHERE w.kept_until > clock_timestamp()) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.id, tstzrange(w.from_at, w.to_at)
      FROM waitlist_openings AS w, unnest(kept_by_openings.resources) AS c (id)
     WHERE w.kept_until > clock_timestamp() AND w.id <> ALL (answered) AND tstzrange(w.from_at, w.to_at) && between_ends
       AND (w.resource_id = c.id OR w.resource_id IS NULL AND (
           EXISTS (SELECT FROM service_resources AS d WHERE d.service_id = w.service_id AND d.resource_id = c.id)
           OR EXISTS (SELECT FROM service_requirements AS q JOIN resources AS r ON r.id = c.id
                       WHERE q.service_id = w.service_id AND q.kind = r.kind
                         AND (q.resource_ids = '{}' OR r.id = ANY (q.resource_ids)))));
END $$;

-- Whether a claim that is kept for the line is kept by openings about which is being asked.
CREATE FUNCTION is_answered(resource uuid, kept tstzrange, answered bigint[]) RETURNS boolean
    LANGUAGE plpgsql STABLE COST 1000 AS $$
BEGIN
    RETURN cardinality(answered) > 0 AND EXISTS (
        SELECT FROM allocations AS a
         WHERE a.resource_id = resource AND a.expires_at IS NOT NULL AND a.released_at IS NULL AND a.during = kept
           AND a.opening_id = ANY (answered));
END $$;

-- What is told of a change is one thing, what it opens another: claims see to the latter themselves.
ALTER FUNCTION tell_calendar_change(uuid, uuid, tstzmultirange, date[], timestamptz) RENAME TO tell_change;
CREATE FUNCTION tell_calendar_change(resource uuid, service uuid, spans tstzmultirange, days date[] DEFAULT NULL)
    RETURNS void LANGUAGE sql AS $$
    SELECT open_for_line(resource, service, spans, days), tell_change(resource, service, spans, days)
$$;
CREATE OR REPLACE FUNCTION allocations_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM tell_change(OLD.resource_id, NULL, tstzmultirange(OLD.during), NULL,
                            CASE WHEN OLD.places IS NOT NULL THEN OLD.start_at END);
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.resource_id, NEW.during) <> (OLD.resource_id, OLD.during) THEN
        PERFORM tell_change(NEW.resource_id, NULL, tstzmultirange(NEW.during), NULL,
                            CASE WHEN NEW.places IS NOT NULL THEN NEW.start_at END);
    END IF;
    RETURN NULL;
END $$;
