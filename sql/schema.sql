-- The schema after migration 0061, structure only. Written by scripts/migrate.py dump; do not edit.

SET check_function_bodies = off;

CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE OR REPLACE FUNCTION alike_categories(phrase text)
 RETURNS TABLE(id uuid, likeness real)
 LANGUAGE sql
 STABLE ROWS 2
 SET "pg_trgm.word_similarity_threshold" TO '0.45'
AS $function$
    SELECT c.id, word_similarity(phrase, c.name) FROM categories AS c WHERE phrase <% c.name LIMIT 100
$function$;

CREATE OR REPLACE FUNCTION alike_services(phrase text)
 RETURNS TABLE(id uuid, likeness real)
 LANGUAGE sql
 STABLE ROWS 50
 SET "pg_trgm.word_similarity_threshold" TO '0.45'
AS $function$
    SELECT s.id, word_similarity(phrase, s.name) FROM services AS s WHERE phrase <% s.name LIMIT 1000
$function$;

CREATE OR REPLACE FUNCTION allocations_check_capacity()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION allocations_pass_on()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION allocations_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION bookings_check_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION bookings_keep_departures()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    DELETE FROM booking_departures WHERE booking_id = NEW.id AND resource_id = ANY (NEW.resource_ids);
    INSERT INTO booking_departures (resource_id, booking_id, version, start_at, end_at, left_at)
    SELECT resource_id, NEW.id, NEW.version, OLD.start_at, OLD.end_at, NEW.updated_at
      FROM unnest(OLD.resource_ids) AS resource_id WHERE resource_id <> ALL (NEW.resource_ids);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION claimed_together(claimed bigint, wanted integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF claimed > 0 AND claimed < wanted THEN
        RAISE EXCEPTION 'only % of % resources could be claimed', claimed, wanted
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'allocations_claimed_together';
    END IF;
    RETURN claimed = wanted;
END $function$;

CREATE OR REPLACE FUNCTION closures_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM tell_calendar_change(resource_id, NULL, range_agg(during)) FROM touched GROUP BY resource_id;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION closures_tell_both()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM tell_calendar_change(resource_id, NULL, range_agg(during))
       FROM (SELECT resource_id, during FROM before UNION SELECT resource_id, during FROM after) AS touched
      GROUP BY resource_id;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION ended_for_line(resource uuid, during tstzrange, ended_at timestamp with time zone, hold uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE COST 1000
AS $function$
BEGIN
    RETURN hold IS NOT NULL AND ended_at > clock_timestamp() - line_keep() AND line_waits_for(resource, during);
END $function$;

CREATE OR REPLACE FUNCTION holds_end_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'hold % is %', OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'holds_end_once';
END $function$;

CREATE OR REPLACE FUNCTION is_answered(resource uuid, kept tstzrange, answered bigint[])
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE COST 1000
AS $function$
BEGIN
    RETURN cardinality(answered) > 0 AND EXISTS (
        SELECT FROM allocations AS a
         WHERE a.resource_id = resource AND a.expires_at IS NOT NULL AND a.released_at IS NULL AND a.during = kept
           AND a.opening_id = ANY (answered));
END $function$;

CREATE OR REPLACE FUNCTION kept_by_openings(resources uuid[], between_ends tstzrange, answered bigint[])
 RETURNS TABLE(resource uuid, during tstzrange)
 LANGUAGE plpgsql
 STABLE ROWS 1
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION line_keep()
 RETURNS interval
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT interval '30 seconds' $function$;

CREATE OR REPLACE FUNCTION line_reach(resource uuid)
 RETURNS interval
 LANGUAGE sql
 STABLE
AS $function$
    SELECT CASE WHEN EXISTS (
        SELECT FROM schedules AS s
         WHERE (s.layer <> 'resource' OR s.subject_id = resource)
           AND s.rules ?| ARRAY['resourceCaps', 'customerCaps']) THEN interval '32 days' ELSE interval '0' END
$function$;

CREATE OR REPLACE FUNCTION line_waits_for(resource uuid, during tstzrange)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE COST 1000
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION open_for_line(resource uuid, service uuid, spans tstzmultirange, days date[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION overview_recount_bookings(lower_end timestamp with time zone, upper_end timestamp with time zone)
 RETURNS void
 LANGUAGE sql
AS $function$
    DELETE FROM overview_bookings WHERE quarter >= quarter_of(lower_end) AND quarter <= quarter_of(upper_end);
    INSERT INTO overview_bookings (quarter, status, bookings, unit_minutes)
    SELECT quarter_of(b.start_at), b.status, count(*), coalesce(sum(claimed.minutes), 0)::bigint
      FROM bookings AS b, LATERAL (
          SELECT sum(a.units * extract(epoch FROM upper(a.during) - lower(a.during)) / 60) AS minutes
            FROM allocations AS a WHERE a.booking_id = b.id AND a.released_at IS NULL) AS claimed
     WHERE b.start_at >= quarter_of(lower_end) AND b.start_at < quarter_of(upper_end) + interval '15 minutes'
     GROUP BY 1, 2 ORDER BY 1, 2;
$function$;

CREATE OR REPLACE FUNCTION overview_recount_money(lower_end timestamp with time zone, upper_end timestamp with time zone)
 RETURNS void
 LANGUAGE sql
AS $function$
    DELETE FROM overview_money WHERE quarter >= quarter_of(lower_end) AND quarter <= quarter_of(upper_end);
    INSERT INTO overview_money (quarter, currency, captured, refunded)
    SELECT quarter_of(o.finished_at), p.currency, coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture'), 0)::bigint,
           coalesce(sum(o.amount) FILTER (WHERE o.kind = 'refund'), 0)::bigint
      FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
     WHERE o.state = 'done' AND o.kind IN ('capture', 'refund')
       AND o.finished_at >= quarter_of(lower_end) AND o.finished_at < quarter_of(upper_end) + interval '15 minutes'
     GROUP BY 1, 2 ORDER BY 1, 2;
$function$;

CREATE OR REPLACE FUNCTION payments_check_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF NEW.status <> OLD.status AND NOT EXISTS
        (SELECT FROM payment_transitions WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'payment % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition_allowed';
    END IF;
    IF (NEW.status, NEW.captured, NEW.refunded, NEW.refunding) IS DISTINCT FROM
       (OLD.status, OLD.captured, OLD.refunded, OLD.refunding) AND NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'payment % must go from version % to %, not %', OLD.id, OLD.version, OLD.version + 1, NEW.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_version_rises';
    END IF;
    IF NEW.captured < OLD.captured OR NEW.refunded < OLD.refunded OR NEW.amount <> OLD.amount
       OR NEW.currency <> OLD.currency OR NEW.booking_id <> OLD.booking_id THEN
        RAISE EXCEPTION 'payment %: money that moved has moved', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_money_stays';
    END IF;
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION peak_claimed(resource uuid, window_range tstzrange)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION quarter_of(at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT date_bin('15 minutes', at, '2000-01-01Z')
$function$;

CREATE OR REPLACE FUNCTION refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION '% rows are kept as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $function$;

CREATE OR REPLACE FUNCTION refuse_change_but_erase()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('bookings.erasing', true) = 'on'
       AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are kept as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $function$;

CREATE OR REPLACE FUNCTION resources_begin_scheduled()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('bookings business schedule'));
    IF EXISTS (SELECT FROM schedules WHERE layer = 'business') OR EXISTS (SELECT FROM closures WHERE resource_id IS NULL) THEN
        NEW.schedule_version := greatest(NEW.schedule_version, 1);
    END IF;
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION resources_check_capacity()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF peak_claimed(NEW.id, tstzrange('-infinity', 'infinity')) > NEW.capacity OR EXISTS (
        SELECT FROM allocations WHERE resource_id = NEW.id AND released_at IS NULL AND units > NEW.capacity) THEN
        RAISE EXCEPTION 'resource % has more than % units claimed at some time', NEW.id, NEW.capacity
            USING ERRCODE = 'check_violation', CONSTRAINT = 'resources_capacity_covers_claims';
    END IF;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION resources_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM tell_calendar_change(NEW.id, NULL, NULL);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION reviews_keep_totals()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    -- how many more reviews that are shown give whom how many stars
    changes review_totals[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        changes := ARRAY(
            SELECT ROW (subject, rating, count(*))::review_totals
              FROM after, unnest(ARRAY[service_id, provider_id, workspace_id]) AS subject
             WHERE shown AND subject IS NOT NULL
             GROUP BY subject, rating);
    ELSE
        changes := ARRAY(
            SELECT ROW (subject, rating, sum(change))::review_totals
              FROM (SELECT service_id, provider_id, workspace_id, rating, -1 AS change FROM before WHERE shown
                    UNION ALL
                    SELECT service_id, provider_id, workspace_id, rating, 1 FROM after WHERE shown) AS both_sides,
                   unnest(ARRAY[service_id, provider_id, workspace_id]) AS subject
             WHERE subject IS NOT NULL
             GROUP BY subject, rating HAVING sum(change) <> 0);
    END IF;
    IF changes = '{}' THEN
        RETURN NULL;
    END IF;

    INSERT INTO review_totals AS total (subject_id, stars, reviews)
    SELECT subject_id, stars, reviews FROM unnest(changes) ORDER BY subject_id, stars
    ON CONFLICT ON CONSTRAINT review_totals_pkey DO UPDATE SET reviews = total.reviews + excluded.reviews;

    -- A plain UPDATE of several would lock them in any order.
    PERFORM FROM services WHERE id IN (SELECT subject_id FROM unnest(changes)) ORDER BY id FOR NO KEY UPDATE;
    UPDATE services SET rating_count = rating_count + more_reviews, rating_sum = rating_sum + more_stars
      FROM (SELECT subject_id, sum(reviews) AS more_reviews, sum(reviews * stars) AS more_stars
              FROM unnest(changes) GROUP BY subject_id) AS added
     WHERE id = subject_id;
    PERFORM FROM resources WHERE id IN (SELECT subject_id FROM unnest(changes)) ORDER BY id FOR NO KEY UPDATE;
    UPDATE resources SET rating_count = rating_count + more_reviews, rating_sum = rating_sum + more_stars
      FROM (SELECT subject_id, sum(reviews) AS more_reviews, sum(reviews * stars) AS more_stars
              FROM unnest(changes) GROUP BY subject_id) AS added
     WHERE id = subject_id;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION schedule_days_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM tell_calendar_change(CASE layer WHEN 'resource' THEN subject_id END,
                                 CASE layer WHEN 'service' THEN subject_id END, NULL, array_agg(DISTINCT date))
       FROM touched, LATERAL (VALUES (day), (day + 1)) AS concerned (date) GROUP BY layer, subject_id;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION schedules_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    said schedules := coalesce(NEW, OLD);
BEGIN
    PERFORM tell_calendar_change(CASE said.layer WHEN 'resource' THEN said.subject_id END,
                                 CASE said.layer WHEN 'service' THEN said.subject_id END, NULL);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION service_parts_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM tell_calendar_change(NULL, id, NULL)
       FROM services WHERE id IN (SELECT service_id FROM touched) AND version > 1;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION services_tell()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM tell_calendar_change(NULL, NEW.id, NULL);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION tell_calendar_change(resource uuid, service uuid, spans tstzmultirange, days date[] DEFAULT NULL::date[])
 RETURNS void
 LANGUAGE sql
AS $function$
    SELECT open_for_line(resource, service, spans, days), tell_change(resource, service, spans, days)
$function$;

CREATE OR REPLACE FUNCTION tell_change(resource uuid, service uuid, spans tstzmultirange, days date[] DEFAULT NULL::date[], session timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS void
 LANGUAGE sql
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION units_left(resource uuid, during tstzrange, places integer)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
    SELECT least(least(r.capacity, units_left.places) - peak_claimed(r.id, units_left.during), (
               SELECT min(a.places - peak_claimed(r.id, a.during * units_left.during)) FROM allocations AS a
                WHERE a.resource_id = r.id AND NOT a.exclusive AND a.released_at IS NULL AND NOT a.overbooked
                  AND a.during && units_left.during AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
                  AND a.places < r.capacity))
      FROM resources AS r WHERE r.id = resource
$function$;

CREATE OR REPLACE FUNCTION users_keep_an_admin()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('users_keep_an_admin', 0));
    IF NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL) THEN
        RAISE EXCEPTION 'user % is the last admin', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'users_an_admin_left';
    END IF;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION waits_for(resource_id uuid, provider_ids uuid[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT coalesce(resource_id::text, '') || ':' || coalesce((
        SELECT string_agg(id::text, ',' ORDER BY id) FROM unnest(provider_ids) AS id), '')
$function$;

CREATE OR REPLACE FUNCTION without_words(document jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
BEGIN
    CASE jsonb_typeof(document)
    WHEN 'object' THEN
        RETURN coalesce((SELECT jsonb_object_agg(key, CASE
                WHEN key IN ('title', 'description', 'location', 'notes', 'statusReason', 'reason', 'name', 'email',
                             'phone', 'addresses', 'text', 'reply', 'locale', 'timeZone') THEN 'null'
                ELSE without_words(value) END) FROM jsonb_each(document)), '{}');
    WHEN 'array' THEN
        RETURN coalesce((SELECT jsonb_agg(without_words(value) ORDER BY place)
                           FROM jsonb_array_elements(document) WITH ORDINALITY AS e (value, place)), '[]');
    WHEN 'string' THEN
        RETURN CASE WHEN document #>> '{}' ~ '^([0-9a-f-]{36}|\d{4}-\d\d-\d\d(T[0-9:.]+Z)?|[A-Z]{3}|[a-z]+([_.:-][a-z]+)*)$'
            THEN document ELSE 'null' END;
    ELSE
        RETURN document;
    END CASE;
END $function$;

CREATE TABLE allocations (
    resource_id uuid NOT NULL,
    exclusive boolean NOT NULL,
    during tstzrange NOT NULL,
    units integer DEFAULT 1 NOT NULL,
    booking_id uuid,
    start_at timestamp with time zone,
    released_at timestamp with time zone,
    places integer,
    hold_id uuid,
    expires_at timestamp with time zone,
    overbooked boolean DEFAULT false NOT NULL,
    opening_id bigint,
    CONSTRAINT allocations_no_overlap EXCLUDE USING gist (resource_id WITH =, during WITH &&) WHERE (exclusive AND released_at IS NULL AND NOT overbooked),
    CONSTRAINT allocations_once_per_booking UNIQUE (booking_id, resource_id)
);
ALTER TABLE allocations SET (autovacuum_vacuum_insert_threshold=5000, autovacuum_vacuum_insert_scale_factor=0.002);
CREATE INDEX allocations_by_start ON allocations USING btree (resource_id, start_at, booking_id) INCLUDE (during, released_at, expires_at, hold_id, overbooked);
CREATE INDEX allocations_held ON allocations USING btree (expires_at) WHERE expires_at IS NOT NULL AND released_at IS NULL;
CREATE INDEX allocations_of_hold ON allocations USING btree (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX allocations_overbooked ON allocations USING btree (resource_id) WHERE overbooked AND released_at IS NULL;
CREATE INDEX allocations_shared ON allocations USING gist (resource_id, during) WHERE NOT exclusive AND released_at IS NULL AND NOT overbooked;
CREATE CONSTRAINT TRIGGER allocations_changed_to_line AFTER UPDATE OF resource_id, during, units, released_at, overbooked ON allocations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.opening_id IS NULL AND old.released_at IS NULL AND NOT old.overbooked AND upper(old.during) > now() AND (new.released_at IS NOT NULL OR new.overbooked OR new.units < old.units OR new.resource_id <> old.resource_id OR new.during <> old.during)) EXECUTE FUNCTION allocations_pass_on();
CREATE TRIGGER allocations_changed_told AFTER UPDATE OF resource_id, during, units, released_at, overbooked ON allocations FOR EACH ROW WHEN (upper(old.during) > now() AND (old.hold_id IS NOT NULL AND old.released_at IS DISTINCT FROM new.released_at OR old.resource_id <> new.resource_id OR old.during <> new.during OR old.units <> new.units OR old.overbooked <> new.overbooked)) EXECUTE FUNCTION allocations_tell();
CREATE TRIGGER allocations_held_told AFTER INSERT ON allocations FOR EACH ROW WHEN (new.hold_id IS NOT NULL) EXECUTE FUNCTION allocations_tell();
CREATE CONSTRAINT TRIGGER allocations_left_to_line AFTER DELETE ON allocations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.opening_id IS NULL AND old.released_at IS NULL AND NOT old.overbooked AND upper(old.during) > now()) EXECUTE FUNCTION allocations_pass_on();
CREATE TRIGGER allocations_left_told AFTER DELETE ON allocations FOR EACH ROW WHEN (old.released_at IS NULL AND upper(old.during) > now()) EXECUTE FUNCTION allocations_tell();
CREATE CONSTRAINT TRIGGER allocations_within_capacity AFTER INSERT OR UPDATE OF resource_id, exclusive, during, units, released_at, overbooked, expires_at ON allocations NOT DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (NOT new.exclusive AND new.released_at IS NULL AND NOT new.overbooked AND new.opening_id IS NULL) EXECUTE FUNCTION allocations_check_capacity();

CREATE TABLE assignment_turns (
    service_id uuid NOT NULL,
    resource_id uuid NOT NULL,
    turn bigint NOT NULL,
    CONSTRAINT assignment_turns_pkey PRIMARY KEY (service_id, resource_id)
);

CREATE TABLE attendees (
    id uuid NOT NULL,
    booking_id uuid NOT NULL,
    name text,
    email text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT attendees_pkey PRIMARY KEY (id)
);
CREATE INDEX attendees_by_email ON attendees USING btree (lower(email));
CREATE INDEX attendees_of_booking ON attendees USING btree (booking_id, created_at);

CREATE TABLE audit_entries (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_id uuid NOT NULL,
    actor_role text NOT NULL,
    request_id text,
    action text NOT NULL,
    subject_type text NOT NULL,
    subject_id text NOT NULL,
    before json,
    after json,
    CONSTRAINT audit_entries_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_entries_by_action ON audit_entries USING btree (action, id);
CREATE INDEX audit_entries_by_actor ON audit_entries USING btree (actor_id, id);
CREATE INDEX audit_entries_by_request ON audit_entries USING btree (request_id, id);
CREATE INDEX audit_entries_by_subject ON audit_entries USING btree (subject_type, subject_id, id);
CREATE INDEX audit_entries_by_time ON audit_entries USING brin (at);
CREATE TRIGGER audit_entries_append_only BEFORE DELETE OR UPDATE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erase('before', 'after');
CREATE TRIGGER audit_entries_never_emptied BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE booking_departures (
    resource_id uuid NOT NULL,
    booking_id uuid NOT NULL,
    version integer NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    left_at timestamp with time zone NOT NULL,
    CONSTRAINT booking_departures_pkey PRIMARY KEY (resource_id, booking_id)
);

CREATE TABLE booking_history (
    booking_id uuid NOT NULL,
    version integer NOT NULL,
    action text NOT NULL,
    status text NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    reason text,
    actor_id uuid NOT NULL,
    request_id text,
    at timestamp with time zone NOT NULL,
    CONSTRAINT booking_history_pkey PRIMARY KEY (booking_id, version)
);
CREATE TRIGGER booking_history_append_only BEFORE DELETE OR UPDATE ON booking_history FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erase('reason');
CREATE TRIGGER booking_history_never_emptied BEFORE TRUNCATE ON booking_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE booking_transitions (
    from_status text NOT NULL,
    to_status text NOT NULL,
    CONSTRAINT booking_transitions_pkey PRIMARY KEY (from_status, to_status)
);

CREATE TABLE bookings (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    resource_ids uuid[] NOT NULL,
    provider_id uuid,
    workspace_id uuid,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    units integer DEFAULT 1 NOT NULL,
    status text NOT NULL,
    title text,
    description text,
    location text,
    notes text,
    status_reason text,
    version integer DEFAULT 1 NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    service_id uuid,
    party_size integer DEFAULT 1 NOT NULL,
    price_amount bigint,
    currency text,
    payment_required boolean DEFAULT false NOT NULL,
    payment_status text,
    confirm_when_paid boolean DEFAULT false NOT NULL,
    buffer_before_minutes integer DEFAULT 0 NOT NULL,
    buffer_after_minutes integer DEFAULT 0 NOT NULL,
    cancellation_policy jsonb,
    reminder_leads interval[],
    session_places integer,
    policy jsonb,
    reschedules integer DEFAULT 0 NOT NULL,
    fee_amount bigint,
    overbooked boolean DEFAULT false NOT NULL,
    released_at timestamp with time zone,
    series_id uuid,
    occurrence timestamp without time zone,
    place_price bigint,
    CONSTRAINT bookings_pkey PRIMARY KEY (id),
    CONSTRAINT bookings_starts_open CHECK (version > 1 OR (status = ANY (ARRAY['pending'::text, 'confirmed'::text])))
);
CREATE INDEX bookings_by_start ON bookings USING btree (start_at, id);
CREATE INDEX bookings_by_user ON bookings USING btree (user_id, start_at, id);
CREATE INDEX bookings_of_series ON bookings USING btree (series_id, occurrence) WHERE series_id IS NOT NULL;
CREATE INDEX bookings_of_services ON bookings USING btree (created_at, service_id) WHERE service_id IS NOT NULL;
CREATE INDEX bookings_of_sessions ON bookings USING btree (service_id, start_at) WHERE session_places IS NOT NULL;
CREATE INDEX bookings_unanswered ON bookings USING btree (start_at) WHERE policy IS NOT NULL AND status = 'pending'::text;
CREATE INDEX bookings_unattended ON bookings USING btree (start_at) WHERE policy IS NOT NULL AND status = 'confirmed'::text;
CREATE INDEX bookings_unpaid ON bookings USING btree (created_at) WHERE payment_required AND (payment_status = ANY (ARRAY['unpaid'::text, 'requires_action'::text, 'failed'::text]));
CREATE TRIGGER bookings_change BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION bookings_check_change();
CREATE TRIGGER bookings_departed AFTER UPDATE OF resource_ids ON bookings FOR EACH ROW WHEN (old.resource_ids <> new.resource_ids) EXECUTE FUNCTION bookings_keep_departures();
CREATE TRIGGER bookings_never_deleted BEFORE DELETE ON bookings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bookings_never_emptied BEFORE TRUNCATE ON bookings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE calendar_feeds (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    resource_id uuid,
    kind text NOT NULL,
    name text,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_read_at timestamp with time zone,
    CONSTRAINT calendar_feeds_pkey PRIMARY KEY (id),
    CONSTRAINT calendar_feeds_kind_known CHECK (kind = ANY (ARRAY['full'::text, 'busy'::text])),
    CONSTRAINT calendar_feeds_name_short CHECK (length(name) >= 1 AND length(name) <= 100),
    CONSTRAINT calendar_feeds_token_unique UNIQUE (token_hash)
);
CREATE INDEX calendar_feeds_of_user ON calendar_feeds USING btree (user_id, created_at);

CREATE TABLE calendars (
    id uuid NOT NULL,
    resource_id uuid NOT NULL,
    name text,
    url text,
    content text,
    etag text,
    last_modified text,
    time_zone text,
    refreshed_at timestamp with time zone,
    read_until timestamp with time zone,
    busy_times integer DEFAULT 0 NOT NULL,
    last_error text,
    failures integer DEFAULT 0 NOT NULL,
    next_refresh_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT calendars_pkey PRIMARY KEY (id)
);
CREATE INDEX calendars_due ON calendars USING btree (next_refresh_at) WHERE next_refresh_at IS NOT NULL;
CREATE INDEX calendars_of_resource ON calendars USING btree (resource_id, created_at);

CREATE TABLE categories (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text,
    "position" integer DEFAULT 0 NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT categories_pkey PRIMARY KEY (id),
    CONSTRAINT categories_slug_unique UNIQUE (slug)
);
CREATE INDEX categories_by_trigrams ON categories USING gin (name gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX categories_by_words ON categories USING gin (to_tsvector('simple'::regconfig, name)) WITH (fastupdate=off);

CREATE TABLE closures (
    id uuid NOT NULL,
    resource_id uuid,
    during tstzrange NOT NULL,
    kind text NOT NULL,
    reason text,
    calendar_id uuid,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT closures_pkey PRIMARY KEY (id),
    CONSTRAINT closures_kind_known CHECK (kind = ANY (ARRAY['time_off'::text, 'blackout'::text, 'busy'::text])),
    CONSTRAINT closures_take_time CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during))
);
CREATE INDEX closures_of_business ON closures USING gist (during) WHERE resource_id IS NULL;
CREATE INDEX closures_of_calendar ON closures USING btree (calendar_id) WHERE calendar_id IS NOT NULL;
CREATE INDEX closures_of_resource ON closures USING gist (resource_id, during);
CREATE TRIGGER closures_changed_told AFTER UPDATE ON closures REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION closures_tell_both();
CREATE TRIGGER closures_gone_told AFTER DELETE ON closures REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION closures_tell();
CREATE TRIGGER closures_made_told AFTER INSERT ON closures REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION closures_tell();

CREATE TABLE event_consumers (
    name text NOT NULL,
    "position" bigint NOT NULL,
    failing bigint,
    failures integer DEFAULT 0 NOT NULL,
    last_error text,
    retry_at timestamp with time zone,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT event_consumers_pkey PRIMARY KEY (name),
    CONSTRAINT event_consumers_fails_ahead CHECK (failing > "position"),
    CONSTRAINT event_consumers_failure_complete CHECK (failures = 0 AND failing IS NULL AND retry_at IS NULL AND last_error IS NULL OR failures > 0 AND failing IS NOT NULL AND retry_at IS NOT NULL AND last_error IS NOT NULL)
);
ALTER TABLE event_consumers SET (fillfactor=50);

CREATE TABLE events (
    "position" bigint NOT NULL,
    type text NOT NULL,
    booking_id uuid,
    topics text[] NOT NULL,
    data json NOT NULL,
    actor_id uuid,
    request_id text,
    occurred_at timestamp with time zone NOT NULL,
    placed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY ("position"),
    CONSTRAINT events_position_positive CHECK ("position" > 0)
);
CREATE INDEX events_by_booking ON events USING btree (booking_id, "position");
CREATE INDEX events_by_first_topic ON events USING btree ((topics[1]), occurred_at) WHERE booking_id IS NULL;

CREATE TABLE events_pruned (
    sole boolean DEFAULT true NOT NULL,
    "position" bigint NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT events_pruned_pkey PRIMARY KEY (sole),
    CONSTRAINT events_pruned_one_row CHECK (sole)
);

CREATE TABLE holds (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_by uuid NOT NULL,
    service_id uuid,
    resource_ids uuid[] NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    units integer NOT NULL,
    terms jsonb NOT NULL,
    offered boolean DEFAULT false NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    extendable_until timestamp with time zone NOT NULL,
    booking_id uuid,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT holds_pkey PRIMARY KEY (id),
    CONSTRAINT holds_booked_is_booking CHECK ((state = 'booked'::text) = (booking_id IS NOT NULL)),
    CONSTRAINT holds_booking_once UNIQUE (booking_id),
    CONSTRAINT holds_extended_within_limit CHECK (expires_at <= extendable_until),
    CONSTRAINT holds_state_known CHECK (state = ANY (ARRAY['active'::text, 'released'::text, 'booked'::text, 'lapsed'::text])),
    CONSTRAINT holds_take_time CHECK (end_at > start_at)
);
CREATE INDEX holds_active ON holds USING btree (expires_at) WHERE state = 'active'::text;
CREATE INDEX holds_in_order ON holds USING btree (created_at, id);
CREATE INDEX holds_of_resources ON holds USING gin (resource_ids);
CREATE INDEX holds_of_user ON holds USING btree (user_id, created_at, id);
CREATE TRIGGER holds_end_once BEFORE UPDATE OF state, expires_at, booking_id ON holds FOR EACH ROW WHEN (old.state <> 'active'::text) EXECUTE FUNCTION holds_end_once();

CREATE TABLE idempotency_keys (
    actor_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers json NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_once PRIMARY KEY (actor_id, key),
    CONSTRAINT idempotency_keys_length CHECK (length(key) >= 1 AND length(key) <= 255)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING btree (created_at);

CREATE TABLE invitations (
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    invited_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT invitations_pkey PRIMARY KEY (user_id),
    CONSTRAINT invitations_token_unique UNIQUE (token_hash)
);

CREATE TABLE job_workers (
    id uuid NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    kinds text[] NOT NULL,
    running integer DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT job_workers_pkey PRIMARY KEY (id)
);
ALTER TABLE job_workers SET (fillfactor=50);

CREATE TABLE jobs (
    id uuid NOT NULL,
    kind text NOT NULL,
    key text,
    payload json NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    max_attempts integer NOT NULL,
    run integer DEFAULT 0 NOT NULL,
    queued_until timestamp with time zone,
    leased_until timestamp with time zone,
    worker_id uuid,
    progress smallint DEFAULT 0 NOT NULL,
    last_error text,
    told_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT jobs_attempts_bounded CHECK (attempts >= 0 AND attempts <= max_attempts),
    CONSTRAINT jobs_finished_known CHECK ((finished_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'dead'::text, 'discarded'::text]))),
    CONSTRAINT jobs_leased_while_running CHECK (state <> 'running'::text OR leased_until IS NOT NULL),
    CONSTRAINT jobs_progress_percent CHECK (progress >= 0 AND progress <= 100),
    CONSTRAINT jobs_state_known CHECK (state = ANY (ARRAY['waiting'::text, 'running'::text, 'failed'::text, 'done'::text, 'dead'::text, 'discarded'::text]))
);
ALTER TABLE jobs SET (fillfactor=80, autovacuum_vacuum_scale_factor=0.05);
CREATE INDEX jobs_by_kind ON jobs USING btree (kind, id);
CREATE INDEX jobs_discarded ON jobs USING btree (id) WHERE state = 'discarded'::text;
CREATE INDEX jobs_due ON jobs USING btree (run_at) WHERE state = ANY (ARRAY['waiting'::text, 'failed'::text]);
CREATE INDEX jobs_finished ON jobs USING btree (finished_at, kind) WHERE state = ANY (ARRAY['done'::text, 'discarded'::text]);
CREATE INDEX jobs_leases ON jobs USING btree (leased_until) WHERE state = 'running'::text;
CREATE INDEX jobs_not_done ON jobs USING btree (state, kind, id) WHERE state <> ALL (ARRAY['done'::text, 'discarded'::text]);
CREATE UNIQUE INDEX jobs_one_open ON jobs USING btree (kind, key) WHERE state = ANY (ARRAY['waiting'::text, 'failed'::text, 'running'::text]);
CREATE INDEX jobs_untold ON jobs USING btree (leased_until) WHERE state = 'dead'::text AND told_at IS NULL;

CREATE TABLE notifications (
    id uuid NOT NULL,
    recipient_id uuid NOT NULL,
    booking_id uuid,
    cause text NOT NULL,
    channel text NOT NULL,
    reminder_id uuid,
    data json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    audience text NOT NULL,
    subject text NOT NULL,
    status text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    sent_at timestamp with time zone,
    delivered_at timestamp with time zone,
    read_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notifications_pkey PRIMARY KEY (id),
    CONSTRAINT notifications_audience_known CHECK (audience = ANY (ARRAY['customer'::text, 'provider'::text])),
    CONSTRAINT notifications_channel_known CHECK (channel = ANY (ARRAY['in_app'::text, 'email'::text, 'log'::text])),
    CONSTRAINT notifications_failed_why CHECK ((status <> ALL (ARRAY['failed'::text, 'dead'::text, 'skipped'::text])) OR last_error IS NOT NULL),
    CONSTRAINT notifications_once UNIQUE (recipient_id, cause, subject, channel),
    CONSTRAINT notifications_sent_at_known CHECK (status <> 'sent'::text OR sent_at IS NOT NULL),
    CONSTRAINT notifications_status_known CHECK (status = ANY (ARRAY['queued'::text, 'sending'::text, 'sent'::text, 'failed'::text, 'dead'::text, 'skipped'::text]))
);
CREATE INDEX notifications_by_booking ON notifications USING btree (booking_id, created_at, id) WHERE booking_id IS NOT NULL;
CREATE INDEX notifications_by_creation ON notifications USING btree (created_at, id);
CREATE INDEX notifications_by_reminder ON notifications USING btree (reminder_id) WHERE reminder_id IS NOT NULL;
CREATE INDEX notifications_in_app ON notifications USING btree (recipient_id, created_at, id) WHERE channel = 'in_app'::text;
CREATE INDEX notifications_not_sent ON notifications USING btree (status, created_at, id) WHERE status <> 'sent'::text;
CREATE INDEX notifications_open_mails ON notifications USING btree (booking_id, recipient_id, created_at) WHERE channel = 'email'::text AND (status = ANY (ARRAY['queued'::text, 'sending'::text, 'failed'::text]));
CREATE INDEX notifications_unread ON notifications USING btree (recipient_id) WHERE channel = 'in_app'::text AND read_at IS NULL;

CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    type text NOT NULL,
    booking_id uuid,
    topics text[] NOT NULL,
    data json NOT NULL,
    actor_id uuid,
    request_id text,
    occurred_at timestamp with time zone NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (seq)
);

CREATE TABLE overview_bookings (
    quarter timestamp with time zone NOT NULL,
    status text NOT NULL,
    bookings integer NOT NULL,
    unit_minutes bigint NOT NULL,
    CONSTRAINT overview_bookings_pkey PRIMARY KEY (quarter, status)
);

CREATE TABLE overview_money (
    quarter timestamp with time zone NOT NULL,
    currency text NOT NULL,
    captured bigint NOT NULL,
    refunded bigint NOT NULL,
    CONSTRAINT overview_money_pkey PRIMARY KEY (quarter, currency)
);

CREATE TABLE payment_operations (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    reason text,
    error text,
    attempts integer DEFAULT 0 NOT NULL,
    actor_id uuid,
    request_id text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT payment_operations_pkey PRIMARY KEY (id),
    CONSTRAINT payment_operations_amount_positive CHECK (amount > 0),
    CONSTRAINT payment_operations_finished CHECK ((state = 'pending'::text) = (finished_at IS NULL)),
    CONSTRAINT payment_operations_kind_known CHECK (kind = ANY (ARRAY['pay'::text, 'confirm'::text, 'capture'::text, 'refund'::text, 'cancel'::text])),
    CONSTRAINT payment_operations_once EXCLUDE USING btree (payment_id WITH =, kind WITH =) WHERE ((kind = ANY (ARRAY['pay'::text, 'capture'::text])) AND state <> 'failed'::text),
    CONSTRAINT payment_operations_one_at_a_time EXCLUDE USING btree (payment_id WITH =, kind WITH =) WHERE ((kind = ANY (ARRAY['confirm'::text, 'cancel'::text])) AND state = 'pending'::text),
    CONSTRAINT payment_operations_state_known CHECK (state = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text]))
);
CREATE INDEX payment_operations_by_payment ON payment_operations USING btree (payment_id, created_at);
CREATE INDEX payment_operations_moved ON payment_operations USING btree (finished_at) WHERE state = 'done'::text AND (kind = ANY (ARRAY['capture'::text, 'refund'::text]));
CREATE INDEX payment_operations_pending ON payment_operations USING btree (created_at) WHERE state = 'pending'::text;

CREATE TABLE payment_transitions (
    from_status text NOT NULL,
    to_status text NOT NULL,
    CONSTRAINT payment_transitions_pkey PRIMARY KEY (from_status, to_status)
);

CREATE TABLE payments (
    id uuid NOT NULL,
    booking_id uuid NOT NULL,
    user_id uuid NOT NULL,
    gateway text NOT NULL,
    gateway_ref text,
    status text DEFAULT 'unpaid'::text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    refunding bigint DEFAULT 0 NOT NULL,
    capture_later boolean DEFAULT false NOT NULL,
    is_current boolean DEFAULT true NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone,
    error text,
    expires_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (id),
    CONSTRAINT payments_amount_positive CHECK (amount > 0),
    CONSTRAINT payments_captured_within_amount CHECK (captured >= 0 AND captured <= amount),
    CONSTRAINT payments_one_current EXCLUDE USING btree (booking_id WITH =) WHERE (is_current),
    CONSTRAINT payments_ref_once UNIQUE (gateway, gateway_ref),
    CONSTRAINT payments_refunds_covered CHECK (refunded >= 0 AND refunding >= 0 AND (refunded + refunding) <= captured),
    CONSTRAINT payments_status_fits CHECK (
CASE status
    WHEN 'paid'::text THEN captured > 0 AND refunded = 0
    WHEN 'partially_refunded'::text THEN refunded > 0 AND refunded < captured
    WHEN 'refunded'::text THEN captured > 0 AND refunded = captured
    ELSE captured = 0
END),
    CONSTRAINT payments_status_known CHECK (status = ANY (ARRAY['unpaid'::text, 'requires_action'::text, 'authorized'::text, 'paid'::text, 'partially_refunded'::text, 'refunded'::text, 'failed'::text, 'expired'::text, 'cancelled'::text]))
);
CREATE INDEX payments_by_booking ON payments USING btree (booking_id);
CREATE INDEX payments_by_creation ON payments USING btree (created_at, id);
CREATE INDEX payments_by_user ON payments USING btree (user_id, created_at, id);
CREATE INDEX payments_in_between ON payments USING btree (asked_at) WHERE status = ANY (ARRAY['unpaid'::text, 'requires_action'::text, 'authorized'::text]);
CREATE TRIGGER payments_change BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION payments_check_change();

CREATE TABLE refresh_families (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT refresh_families_pkey PRIMARY KEY (id)
);
CREATE INDEX refresh_families_by_user ON refresh_families USING btree (user_id);

CREATE TABLE refresh_tokens (
    token_hash bytea NOT NULL,
    family_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash)
);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens USING btree (expires_at);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens USING btree (family_id);

CREATE TABLE reminders (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    booking_id uuid NOT NULL,
    booking_version integer NOT NULL,
    recipient_id uuid NOT NULL,
    lead interval NOT NULL,
    due_at timestamp with time zone NOT NULL,
    leased_until timestamp with time zone,
    sent_at timestamp with time zone,
    CONSTRAINT reminders_pkey PRIMARY KEY (id),
    CONSTRAINT reminders_once UNIQUE (booking_id, booking_version, recipient_id, lead)
);
CREATE INDEX reminders_due ON reminders USING btree (due_at) WHERE sent_at IS NULL;

CREATE TABLE report_schedules (
    id uuid NOT NULL,
    requester_id uuid NOT NULL,
    owner_id uuid,
    name text,
    kind text NOT NULL,
    group_by text,
    filters jsonb NOT NULL,
    format text NOT NULL,
    every text NOT NULL,
    at time without time zone NOT NULL,
    weekday smallint,
    day smallint,
    active boolean DEFAULT true NOT NULL,
    next_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT report_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT report_schedules_every_known CHECK (every = 'daily'::text AND weekday IS NULL AND day IS NULL OR every = 'weekly'::text AND weekday >= 1 AND weekday <= 7 AND day IS NULL OR every = 'monthly'::text AND weekday IS NULL AND day >= 1 AND day <= 31)
);
CREATE INDEX report_schedules_by_requester ON report_schedules USING btree (requester_id, created_at, id);
CREATE INDEX report_schedules_due ON report_schedules USING btree (next_at) WHERE active;

CREATE TABLE reports (
    id uuid NOT NULL,
    requester_id uuid NOT NULL,
    owner_id uuid,
    kind text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    time_zone text NOT NULL,
    group_by text,
    filters jsonb NOT NULL,
    format text NOT NULL,
    status text DEFAULT 'waiting'::text NOT NULL,
    progress smallint DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    error text,
    snapshot_at timestamp with time zone,
    rows bigint,
    bytes bigint,
    file text,
    schedule_id uuid,
    due_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT reports_pkey PRIMARY KEY (id),
    CONSTRAINT reports_finished_whole CHECK ((status = 'finished'::text) = (file IS NOT NULL AND rows IS NOT NULL AND bytes IS NOT NULL AND snapshot_at IS NOT NULL)),
    CONSTRAINT reports_once_per_period UNIQUE (schedule_id, due_at),
    CONSTRAINT reports_period_not_empty CHECK (to_at > from_at),
    CONSTRAINT reports_progress_bounded CHECK (progress >= 0 AND progress <= 100),
    CONSTRAINT reports_status_known CHECK (status = ANY (ARRAY['waiting'::text, 'running'::text, 'finished'::text, 'failed'::text]))
);
CREATE INDEX reports_by_age ON reports USING btree (created_at, id);
CREATE INDEX reports_by_expiry ON reports USING btree (expires_at);
CREATE INDEX reports_by_requester ON reports USING btree (requester_id, created_at, id);

CREATE TABLE resources (
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    description text,
    location text,
    time_zone text NOT NULL,
    capacity integer DEFAULT 1 NOT NULL,
    owner_id uuid,
    auto_confirm boolean DEFAULT false NOT NULL,
    active boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    exclusive boolean GENERATED ALWAYS AS (capacity = 1) STORED NOT NULL,
    amenities text[] DEFAULT '{}'::text[] NOT NULL,
    photo_url text,
    rating_count integer DEFAULT 0 NOT NULL,
    rating_sum bigint DEFAULT 0 NOT NULL,
    rating_average numeric(4,2) GENERATED ALWAYS AS (
CASE
    WHEN rating_count > 0 THEN rating_sum::numeric / rating_count::numeric
    ELSE 0::numeric
END) STORED NOT NULL,
    schedule_version integer DEFAULT 0 NOT NULL,
    CONSTRAINT resources_pkey PRIMARY KEY (id),
    CONSTRAINT resources_capacity_positive CHECK (capacity >= 1 AND capacity <= 100000),
    CONSTRAINT resources_exclusive_key UNIQUE (id, exclusive),
    CONSTRAINT resources_kind_known CHECK (kind = ANY (ARRAY['provider'::text, 'workspace'::text, 'equipment'::text])),
    CONSTRAINT resources_name_present CHECK (length(name) >= 1 AND length(name) <= 200),
    CONSTRAINT resources_provider_is_user CHECK (kind <> 'provider'::text OR owner_id = id)
);
CREATE INDEX resources_by_kind ON resources USING btree (kind, name, id);
CREATE INDEX resources_by_owner ON resources USING btree (owner_id);
CREATE TRIGGER resources_begin_scheduled BEFORE INSERT ON resources FOR EACH ROW EXECUTE FUNCTION resources_begin_scheduled();
CREATE CONSTRAINT TRIGGER resources_capacity_covers_claims AFTER UPDATE OF capacity ON resources NOT DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (new.capacity < old.capacity) EXECUTE FUNCTION resources_check_capacity();
CREATE TRIGGER resources_changed_told AFTER UPDATE OF active, capacity, time_zone ON resources FOR EACH ROW WHEN (old.active <> new.active OR old.capacity <> new.capacity OR old.time_zone <> new.time_zone) EXECUTE FUNCTION resources_tell();

CREATE TABLE review_totals (
    subject_id uuid NOT NULL,
    stars smallint NOT NULL,
    reviews integer NOT NULL,
    CONSTRAINT review_totals_pkey PRIMARY KEY (subject_id, stars)
);

CREATE TABLE reviews (
    id uuid NOT NULL,
    booking_id uuid NOT NULL,
    author_id uuid NOT NULL,
    service_id uuid,
    provider_id uuid,
    workspace_id uuid,
    resource_ids uuid[] NOT NULL,
    rating smallint,
    text text,
    edited_at timestamp with time zone,
    reply text,
    replied_by uuid,
    replied_at timestamp with time zone,
    hidden_at timestamp with time zone,
    hidden_reason text,
    withdrawn_at timestamp with time zone,
    deleted_at timestamp with time zone,
    shown boolean GENERATED ALWAYS AS (hidden_at IS NULL AND withdrawn_at IS NULL AND deleted_at IS NULL) STORED NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT reviews_pkey PRIMARY KEY (id),
    CONSTRAINT reviews_deleted_says_nothing CHECK (
CASE
    WHEN deleted_at IS NULL THEN rating IS NOT NULL
    ELSE rating IS NULL AND text IS NULL AND reply IS NULL
END),
    CONSTRAINT reviews_hidden_for_a_reason CHECK ((hidden_at IS NULL) = (hidden_reason IS NULL)),
    CONSTRAINT reviews_once_per_booking UNIQUE (booking_id),
    CONSTRAINT reviews_rating_bounded CHECK (rating >= 1 AND rating <= 5),
    CONSTRAINT reviews_reply_signed CHECK (reply IS NULL OR replied_by IS NOT NULL AND replied_at IS NOT NULL)
);
CREATE INDEX reviews_by_age ON reviews USING btree (created_at, id);
CREATE INDEX reviews_by_author ON reviews USING btree (author_id, created_at, id);
CREATE INDEX reviews_by_provider ON reviews USING btree (provider_id, created_at, id) WHERE shown;
CREATE INDEX reviews_by_resource ON reviews USING gin (resource_ids);
CREATE INDEX reviews_by_service ON reviews USING btree (service_id, created_at, id) WHERE shown;
CREATE TRIGGER reviews_changed_counted AFTER UPDATE ON reviews REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION reviews_keep_totals();
CREATE TRIGGER reviews_made_counted AFTER INSERT ON reviews REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION reviews_keep_totals();
CREATE TRIGGER reviews_never_deleted BEFORE DELETE ON reviews FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reviews_never_emptied BEFORE TRUNCATE ON reviews FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE schedule_days (
    layer text NOT NULL,
    subject_id uuid NOT NULL,
    day date NOT NULL,
    hours jsonb NOT NULL,
    note text,
    CONSTRAINT schedule_days_pkey PRIMARY KEY (layer, subject_id, day)
);
CREATE TRIGGER schedule_days_changed_told AFTER UPDATE ON schedule_days REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION schedule_days_tell();
CREATE TRIGGER schedule_days_gone_told AFTER DELETE ON schedule_days REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION schedule_days_tell();
CREATE TRIGGER schedule_days_made_told AFTER INSERT ON schedule_days REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION schedule_days_tell();

CREATE TABLE schedules (
    layer text NOT NULL,
    subject_id uuid NOT NULL,
    weekly jsonb,
    holidays text,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT schedules_pkey PRIMARY KEY (layer, subject_id),
    CONSTRAINT schedules_business_is_one CHECK ((layer = 'business'::text) = (subject_id = '00000000-0000-0000-0000-000000000000'::uuid)),
    CONSTRAINT schedules_layer_known CHECK (layer = ANY (ARRAY['business'::text, 'service'::text, 'resource'::text])),
    CONSTRAINT schedules_off_known CHECK (
CASE jsonb_typeof(rules -> 'off'::text)
    WHEN 'array'::text THEN jsonb_array_length(rules -> 'off'::text) >= 1 AND jsonb_array_length(rules -> 'off'::text) <= 7 AND (rules -> 'off'::text) <@ '["bookingWindow", "resourceCaps", "cancellationPolicy", "reschedulePolicy", "maxReschedules", "releaseAfterMinutes", "noShowRule"]'::jsonb
    ELSE NOT rules ? 'off'::text
END),
    CONSTRAINT schedules_off_or_said CHECK (NOT (rules ? 'bookingWindow'::text AND (rules -> 'off'::text) ? 'bookingWindow'::text OR rules ? 'resourceCaps'::text AND (rules -> 'off'::text) ? 'resourceCaps'::text OR rules ? 'cancellationPolicy'::text AND (rules -> 'off'::text) ? 'cancellationPolicy'::text OR rules ? 'reschedulePolicy'::text AND (rules -> 'off'::text) ? 'reschedulePolicy'::text OR rules ? 'maxReschedules'::text AND (rules -> 'off'::text) ? 'maxReschedules'::text OR rules ? 'releaseAfterMinutes'::text AND (rules -> 'off'::text) ? 'releaseAfterMinutes'::text OR rules ? 'noShowRule'::text AND (rules -> 'off'::text) ? 'noShowRule'::text))
);
CREATE TRIGGER schedules_changed_told AFTER UPDATE ON schedules FOR EACH ROW WHEN (old.weekly IS DISTINCT FROM new.weekly OR old.holidays IS DISTINCT FROM new.holidays OR old.rules IS DISTINCT FROM new.rules) EXECUTE FUNCTION schedules_tell();
CREATE TRIGGER schedules_gone_told AFTER DELETE ON schedules FOR EACH ROW EXECUTE FUNCTION schedules_tell();
CREATE TRIGGER schedules_made_told AFTER INSERT ON schedules FOR EACH ROW WHEN (new.weekly IS NOT NULL OR new.holidays IS NOT NULL OR new.rules <> '{}'::jsonb) EXECUTE FUNCTION schedules_tell();

CREATE TABLE series (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    service_id uuid,
    rrule text,
    time_zone text NOT NULL,
    starts_at timestamp without time zone NOT NULL,
    exdates date[] DEFAULT '{}'::date[] NOT NULL,
    split_from uuid,
    version integer DEFAULT 1 NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT series_pkey PRIMARY KEY (id)
);
CREATE INDEX series_of_user ON series USING btree (user_id, created_at);

CREATE TABLE service_requirements (
    service_id uuid NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    count integer NOT NULL,
    resource_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT service_requirements_pkey PRIMARY KEY (service_id, "position"),
    CONSTRAINT service_requirements_count_positive CHECK (count >= 1 AND count <= 10),
    CONSTRAINT service_requirements_kind_known CHECK (kind = ANY (ARRAY['workspace'::text, 'equipment'::text]))
);
CREATE TRIGGER service_requirements_gone_told AFTER DELETE ON service_requirements REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();
CREATE TRIGGER service_requirements_made_told AFTER INSERT ON service_requirements REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();

CREATE TABLE service_resources (
    service_id uuid NOT NULL,
    resource_id uuid NOT NULL,
    "position" integer NOT NULL,
    CONSTRAINT service_resources_pkey PRIMARY KEY (service_id, resource_id)
);
CREATE INDEX service_resources_by_resource ON service_resources USING btree (resource_id, service_id);
CREATE TRIGGER service_resources_gone_told AFTER DELETE ON service_resources REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();
CREATE TRIGGER service_resources_made_told AFTER INSERT ON service_resources REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION service_parts_tell();

CREATE TABLE services (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text,
    category_id uuid,
    durations jsonb NOT NULL,
    currency text NOT NULL,
    per_person_price bigint,
    price_rules jsonb DEFAULT '[]'::jsonb NOT NULL,
    price_from bigint NOT NULL,
    buffer_before_minutes integer DEFAULT 0 NOT NULL,
    buffer_after_minutes integer DEFAULT 0 NOT NULL,
    capacity integer DEFAULT 1 NOT NULL,
    min_party_size integer DEFAULT 1 NOT NULL,
    max_party_size integer DEFAULT 1 NOT NULL,
    requires_confirmation boolean DEFAULT false NOT NULL,
    requires_payment boolean DEFAULT false NOT NULL,
    cancellation_policy jsonb,
    reminder_leads integer[],
    featured boolean DEFAULT false NOT NULL,
    rating_count integer DEFAULT 0 NOT NULL,
    rating_sum bigint DEFAULT 0 NOT NULL,
    rating_average numeric(4,2) GENERATED ALWAYS AS (
CASE
    WHEN rating_count > 0 THEN rating_sum::numeric / rating_count::numeric
    ELSE 0::numeric
END) STORED NOT NULL,
    archived_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    words tsvector GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, name), 'A'::"char") || setweight(to_tsvector('simple'::regconfig, COALESCE(description, ''::text)), 'D'::"char")) STORED NOT NULL,
    collective boolean DEFAULT false NOT NULL,
    CONSTRAINT services_pkey PRIMARY KEY (id),
    CONSTRAINT services_party_fits CHECK (min_party_size >= 1 AND min_party_size <= max_party_size AND (capacity = 1 OR max_party_size <= capacity)),
    CONSTRAINT services_slug_unique EXCLUDE USING btree (slug WITH =) WHERE (archived_at IS NULL)
);
CREATE INDEX services_by_category ON services USING btree (category_id, name, id);
CREATE INDEX services_by_name ON services USING btree (name, id) WHERE archived_at IS NULL;
CREATE INDEX services_by_price ON services USING btree (price_from, id) WHERE archived_at IS NULL;
CREATE INDEX services_by_rating ON services USING btree (rating_average, id) WHERE archived_at IS NULL;
CREATE INDEX services_by_slug ON services USING btree (slug, archived_at);
CREATE INDEX services_by_trigrams ON services USING gin (name gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX services_by_words ON services USING gin (words) WITH (fastupdate=off);
CREATE INDEX services_by_words_of_name ON services USING gin (to_tsvector('simple'::regconfig, name)) WITH (fastupdate=off);
CREATE INDEX services_featured ON services USING btree (name, id) WHERE featured AND archived_at IS NULL;
CREATE TRIGGER services_changed_told AFTER UPDATE ON services FOR EACH ROW WHEN (old.durations IS DISTINCT FROM new.durations OR old.buffer_before_minutes IS DISTINCT FROM new.buffer_before_minutes OR old.buffer_after_minutes IS DISTINCT FROM new.buffer_after_minutes OR old.capacity IS DISTINCT FROM new.capacity OR old.min_party_size IS DISTINCT FROM new.min_party_size OR old.max_party_size IS DISTINCT FROM new.max_party_size OR old.archived_at IS DISTINCT FROM new.archived_at) EXECUTE FUNCTION services_tell();

CREATE TABLE test_gateway_charges (
    ref text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    capture_later boolean NOT NULL,
    state text NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    error text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT test_gateway_charges_pkey PRIMARY KEY (ref)
);

CREATE TABLE test_gateway_effects (
    key text NOT NULL,
    ref text NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT test_gateway_effects_pkey PRIMARY KEY (key)
);

CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    phone text,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    locale text DEFAULT 'en'::text NOT NULL,
    role text DEFAULT 'customer'::text NOT NULL,
    password_hash text,
    disabled_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    addresses jsonb DEFAULT '[]'::jsonb NOT NULL,
    muted text[] DEFAULT '{}'::text[] NOT NULL,
    erased_at timestamp with time zone,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_addresses_few CHECK (jsonb_typeof(addresses) = 'array'::text AND jsonb_array_length(addresses) <= 10),
    CONSTRAINT users_email_lower_case CHECK (email = lower(email) AND length(email) <= 254),
    CONSTRAINT users_email_unique UNIQUE (email),
    CONSTRAINT users_erased_is_disabled CHECK (erased_at IS NULL OR disabled_at IS NOT NULL),
    CONSTRAINT users_name_present CHECK (length(name) >= 1 AND length(name) <= 200),
    CONSTRAINT users_role_known CHECK (role = ANY (ARRAY['customer'::text, 'provider'::text, 'admin'::text]))
);
CREATE INDEX users_by_name ON users USING btree (name, id);
CREATE INDEX users_by_role ON users USING btree (role, name, id);
CREATE INDEX users_disabled ON users USING btree (name, id) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_search ON users USING gin ((((' '::text || lower(name)) || ' '::text) || email) gin_trgm_ops);
CREATE TRIGGER users_an_admin_left AFTER UPDATE OF role, disabled_at ON users FOR EACH ROW WHEN (old.role = 'admin'::text AND old.disabled_at IS NULL AND (new.role <> 'admin'::text OR new.disabled_at IS NOT NULL)) EXECUTE FUNCTION users_keep_an_admin();
CREATE TRIGGER users_never_deleted BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER users_never_emptied BEFORE TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE waitlist_entries (
    id uuid NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id uuid NOT NULL,
    created_by uuid NOT NULL,
    service_id uuid NOT NULL,
    resource_id uuid,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    minutes integer NOT NULL,
    party_size integer NOT NULL,
    weekdays smallint[],
    day_from time without time zone,
    day_to time without time zone,
    time_zone text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    booking_id uuid,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    provider_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT waitlist_entries_pkey PRIMARY KEY (id),
    CONSTRAINT waitlist_entries_booked_is_booking CHECK ((state = 'booked'::text) = (booking_id IS NOT NULL)),
    CONSTRAINT waitlist_entries_one_place EXCLUDE USING gist (user_id WITH =, service_id WITH =, tstzrange(from_at, to_at) WITH &&, waits_for(resource_id, provider_ids) WITH =) WHERE (state = 'waiting'::text),
    CONSTRAINT waitlist_entries_place_once UNIQUE (place),
    CONSTRAINT waitlist_entries_providers_few CHECK (cardinality(provider_ids) <= 10 AND array_position(provider_ids, NULL::uuid) IS NULL),
    CONSTRAINT waitlist_entries_state_known CHECK (state = ANY (ARRAY['waiting'::text, 'booked'::text, 'left'::text, 'ended'::text])),
    CONSTRAINT waitlist_entries_window CHECK (to_at > from_at)
);
CREATE INDEX waitlist_entries_line ON waitlist_entries USING btree (service_id, place) WHERE state = 'waiting'::text;
CREATE INDEX waitlist_entries_of_user ON waitlist_entries USING btree (user_id, place);

CREATE TABLE waitlist_offers (
    hold_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    offered_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT waitlist_offers_pkey PRIMARY KEY (hold_id),
    CONSTRAINT waitlist_offers_end_known CHECK ((state = 'open'::text) = (ended_at IS NULL)),
    CONSTRAINT waitlist_offers_one_open EXCLUDE USING btree (entry_id WITH =) WHERE (state = 'open'::text),
    CONSTRAINT waitlist_offers_state_known CHECK (state = ANY (ARRAY['open'::text, 'accepted'::text, 'declined'::text, 'lapsed'::text]))
);
CREATE INDEX waitlist_offers_of_entry ON waitlist_offers USING btree (entry_id);

CREATE TABLE waitlist_openings (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    resource_id uuid,
    service_id uuid,
    from_at timestamp with time zone,
    to_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    asked_to bigint DEFAULT 0 NOT NULL,
    kept_until timestamp with time zone,
    CONSTRAINT waitlist_openings_pkey PRIMARY KEY (id)
);

CREATE TABLE webhook_inbox (
    gateway text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    ref text,
    body bytea NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    processed_at timestamp with time zone,
    outcome text,
    CONSTRAINT webhook_inbox_pkey PRIMARY KEY (gateway, event_id)
);
CREATE INDEX webhook_inbox_waiting ON webhook_inbox USING btree (received_at) WHERE processed_at IS NULL;

ALTER TABLE allocations ADD CONSTRAINT allocations_resource_known FOREIGN KEY (resource_id, exclusive) REFERENCES resources(id, exclusive) ON UPDATE CASCADE;
ALTER TABLE calendar_feeds ADD CONSTRAINT calendar_feeds_resource_known FOREIGN KEY (resource_id) REFERENCES resources(id);
ALTER TABLE calendar_feeds ADD CONSTRAINT calendar_feeds_user_known FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE calendars ADD CONSTRAINT calendars_resource_known FOREIGN KEY (resource_id) REFERENCES resources(id);
ALTER TABLE closures ADD CONSTRAINT closures_resource_known FOREIGN KEY (resource_id) REFERENCES resources(id);
ALTER TABLE holds ADD CONSTRAINT holds_user_known FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE invitations ADD CONSTRAINT invitations_user_known FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE notifications ADD CONSTRAINT notifications_booking_known FOREIGN KEY (booking_id) REFERENCES bookings(id);
ALTER TABLE notifications ADD CONSTRAINT notifications_recipient_known FOREIGN KEY (recipient_id) REFERENCES users(id);
ALTER TABLE notifications ADD CONSTRAINT notifications_reminder_known FOREIGN KEY (reminder_id) REFERENCES reminders(id);
ALTER TABLE payment_operations ADD CONSTRAINT payment_operations_payment_known FOREIGN KEY (payment_id) REFERENCES payments(id);
ALTER TABLE payments ADD CONSTRAINT payments_booking_known FOREIGN KEY (booking_id) REFERENCES bookings(id);
ALTER TABLE refresh_families ADD CONSTRAINT refresh_families_user_known FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_family_known FOREIGN KEY (family_id) REFERENCES refresh_families(id) ON DELETE CASCADE;
ALTER TABLE report_schedules ADD CONSTRAINT report_schedules_requester_known FOREIGN KEY (requester_id) REFERENCES users(id);
ALTER TABLE reports ADD CONSTRAINT reports_requester_known FOREIGN KEY (requester_id) REFERENCES users(id);
ALTER TABLE reports ADD CONSTRAINT reports_schedule_known FOREIGN KEY (schedule_id) REFERENCES report_schedules(id) ON DELETE SET NULL;
ALTER TABLE resources ADD CONSTRAINT resources_owner_known FOREIGN KEY (owner_id) REFERENCES users(id);
ALTER TABLE reviews ADD CONSTRAINT reviews_author_known FOREIGN KEY (author_id) REFERENCES users(id);
ALTER TABLE reviews ADD CONSTRAINT reviews_booking_known FOREIGN KEY (booking_id) REFERENCES bookings(id);
ALTER TABLE schedule_days ADD CONSTRAINT schedule_days_of_schedule FOREIGN KEY (layer, subject_id) REFERENCES schedules(layer, subject_id) ON DELETE CASCADE;
ALTER TABLE service_requirements ADD CONSTRAINT service_requirements_service_known FOREIGN KEY (service_id) REFERENCES services(id);
ALTER TABLE service_resources ADD CONSTRAINT service_resources_resource_known FOREIGN KEY (resource_id) REFERENCES resources(id);
ALTER TABLE service_resources ADD CONSTRAINT service_resources_service_known FOREIGN KEY (service_id) REFERENCES services(id);
ALTER TABLE services ADD CONSTRAINT services_category_known FOREIGN KEY (category_id) REFERENCES categories(id);
ALTER TABLE waitlist_entries ADD CONSTRAINT waitlist_entries_resource_known FOREIGN KEY (resource_id) REFERENCES resources(id);
ALTER TABLE waitlist_entries ADD CONSTRAINT waitlist_entries_service_known FOREIGN KEY (service_id) REFERENCES services(id);
ALTER TABLE waitlist_entries ADD CONSTRAINT waitlist_entries_user_known FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE waitlist_offers ADD CONSTRAINT waitlist_offers_entry_known FOREIGN KEY (entry_id) REFERENCES waitlist_entries(id);
ALTER TABLE waitlist_offers ADD CONSTRAINT waitlist_offers_hold_known FOREIGN KEY (hold_id) REFERENCES holds(id);

CREATE OR REPLACE FUNCTION keep_for_line(claim allocations)
 RETURNS void
 LANGUAGE sql
AS $function$
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
$function$;
