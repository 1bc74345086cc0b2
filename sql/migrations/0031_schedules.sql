-- When something can be booked is data, in three layers: what the business says, what a service says, what a resource
-- says. And claims that a customer holds while deciding, and claims that staff take on purpose beside others.

CREATE TABLE schedules (
    layer      text NOT NULL,
    -- the service or the resource; the nil UUID for the business
    subject_id uuid NOT NULL,
    -- opening hours by weekday in local time; null: the layer says nothing
    weekly     jsonb,
    -- country, or country-subdivision, whose public holidays are closed; '': none; null: the layer says nothing
    holidays   text,
    -- notice, window, slot grid, caps …; what is missing is said by another layer
    rules      jsonb NOT NULL DEFAULT '{}',
    version    integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    CONSTRAINT schedules_pkey PRIMARY KEY (layer, subject_id),
    CONSTRAINT schedules_layer_known CHECK (layer IN ('business', 'service', 'resource')),
    CONSTRAINT schedules_business_is_one CHECK (
        (layer = 'business') = (subject_id = '00000000-0000-0000-0000-000000000000'))
);

-- Other hours on one date of the subject's local calendar, or none.
CREATE TABLE schedule_days (
    layer      text NOT NULL,
    subject_id uuid NOT NULL,
    day        date NOT NULL,
    -- as one weekday of `weekly`; an empty list: closed
    hours      jsonb NOT NULL,
    note       text,
    CONSTRAINT schedule_days_pkey PRIMARY KEY (layer, subject_id, day),
    CONSTRAINT schedule_days_of_schedule FOREIGN KEY (layer, subject_id) REFERENCES schedules (layer, subject_id) ON DELETE CASCADE
);

-- Spans in which nothing new can be booked: time off, blackouts, what other calendars say. They do not touch bookings
-- that stand already, so they are no claims; a booking names the version of the calendar that it was checked against.
CREATE TABLE closures (
    id          uuid NOT NULL,
    -- null: the whole business
    resource_id uuid,
    during      tstzrange NOT NULL,
    kind        text NOT NULL,
    reason      text,
    -- the imported calendar it comes from
    calendar_id uuid,
    created_at  timestamptz NOT NULL,
    CONSTRAINT closures_pkey PRIMARY KEY (id),
    CONSTRAINT closures_resource_known FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT closures_kind_known CHECK (kind IN ('time_off', 'blackout', 'busy')),
    CONSTRAINT closures_take_time CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during))
);
CREATE INDEX closures_of_resource ON closures USING gist (resource_id, during);
CREATE INDEX closures_of_business ON closures USING gist (during) WHERE resource_id IS NULL;

-- Counts up with every change of hours, rules or closures that concern the resource; 0: nothing ever did. A statement
-- that books locks the row (FOR KEY SHARE) and names the version it has judged by; whoever changes the calendar locks
-- FOR UPDATE. So a booking and a closure never pass each other unseen.
ALTER TABLE resources ADD COLUMN schedule_version integer NOT NULL DEFAULT 0;

ALTER TABLE allocations
    DROP COLUMN kind,
    -- the hold it belongs to, until it is a booking's
    ADD COLUMN hold_id uuid,
    -- when a hold ends by itself; from then on it claims nothing, swept or not
    ADD COLUMN expires_at timestamptz,
    -- taken by staff beside what is there: outside the constraint, so that it holds for everybody else
    ADD COLUMN overbooked boolean NOT NULL DEFAULT false;
DROP TYPE claim_kind;
CREATE INDEX allocations_held ON allocations (expires_at) WHERE expires_at IS NOT NULL AND released_at IS NULL;
CREATE INDEX allocations_of_hold ON allocations (hold_id) WHERE hold_id IS NOT NULL;

ALTER TABLE allocations
    DROP CONSTRAINT allocations_no_overlap,
    ADD CONSTRAINT allocations_no_overlap EXCLUDE USING gist (resource_id WITH =, during WITH &&)
        WHERE (exclusive AND released_at IS NULL AND NOT overbooked);
DROP INDEX allocations_shared;
CREATE INDEX allocations_shared ON allocations USING gist (resource_id, during)
    WHERE NOT exclusive AND released_at IS NULL AND NOT overbooked;

-- As before, without what is overbooked and holds that have ended.
CREATE OR REPLACE FUNCTION peak_claimed(resource uuid, window_range tstzrange) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(claimed), 0) FROM (
        -- Ends before starts at the same instant: ranges are half-open.
        SELECT sum(delta) OVER (ORDER BY at, delta) AS claimed FROM (
            SELECT greatest(lower(during), lower(window_range)) AS at, units AS delta
              FROM allocations
             WHERE resource_id = resource AND during && window_range AND NOT exclusive AND released_at IS NULL
               AND NOT overbooked AND (expires_at IS NULL OR expires_at > clock_timestamp())
            UNION ALL
            SELECT upper(during), -units
              FROM allocations
             WHERE resource_id = resource AND during && window_range AND NOT exclusive AND released_at IS NULL
               AND NOT overbooked AND (expires_at IS NULL OR expires_at > clock_timestamp())
        ) AS edges
    ) AS sweep
$$;

DROP TRIGGER allocations_within_capacity ON allocations;
CREATE CONSTRAINT TRIGGER allocations_within_capacity
    AFTER INSERT OR UPDATE OF resource_id, exclusive, during, units, released_at, overbooked, expires_at ON allocations
    NOT DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW
    WHEN (NOT NEW.exclusive AND NEW.released_at IS NULL AND NOT NEW.overbooked)
    EXECUTE FUNCTION allocations_check_capacity();

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
           AND NOT a.overbooked AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
           AND a.places < available AND peak_claimed(NEW.resource_id, a.during * NEW.during) > a.places) THEN
        RAISE EXCEPTION 'resource % has no % of % units free during %', NEW.resource_id, NEW.units, available, NEW.during
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'allocations_within_capacity';
    END IF;
    RETURN NULL;
END $$;
