-- Reports: made in a job, kept as files for a while; and the schedules by which some are made again and again.

CREATE TABLE report_schedules (
    id           uuid PRIMARY KEY,
    requester_id uuid NOT NULL CONSTRAINT report_schedules_requester_known REFERENCES users (id),
    -- only what this user owns; null: everything
    owner_id     uuid,
    name         text,
    kind         text NOT NULL,
    group_by     text,
    filters      jsonb NOT NULL,
    format       text NOT NULL,
    every        text NOT NULL,
    -- wall-clock time in the business's zone
    at           time NOT NULL,
    -- 1 is Monday; for weekly ones
    weekday      smallint,
    -- of the month, its last day when it is shorter; for monthly ones
    day          smallint,
    active       boolean NOT NULL DEFAULT true,
    -- when the next one is to be made
    next_at      timestamptz NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT report_schedules_every_known CHECK (
        (every = 'daily' AND weekday IS NULL AND day IS NULL)
        OR (every = 'weekly' AND weekday BETWEEN 1 AND 7 AND day IS NULL)
        OR (every = 'monthly' AND weekday IS NULL AND day BETWEEN 1 AND 31))
);
CREATE INDEX report_schedules_due ON report_schedules (next_at) WHERE active;
CREATE INDEX report_schedules_by_requester ON report_schedules (requester_id, created_at, id);

CREATE TABLE reports (
    id           uuid PRIMARY KEY,
    requester_id uuid NOT NULL CONSTRAINT reports_requester_known REFERENCES users (id),
    owner_id     uuid,
    kind         text NOT NULL,
    from_at      timestamptz NOT NULL,
    to_at        timestamptz NOT NULL,
    -- whose days it counts
    time_zone    text NOT NULL,
    group_by     text,
    filters      jsonb NOT NULL,
    format       text NOT NULL,
    status       text NOT NULL DEFAULT 'waiting',
    progress     smallint NOT NULL DEFAULT 0,
    -- rises with every try to make it: only the latest may say how it went
    attempt      integer NOT NULL DEFAULT 0,
    error        text,
    -- the instant whose data it shows
    snapshot_at  timestamptz,
    rows         bigint,
    bytes        bigint,
    -- its name below REPORT_DIR
    file         text,
    schedule_id  uuid CONSTRAINT reports_schedule_known REFERENCES report_schedules (id) ON DELETE SET NULL,
    -- the instant of its schedule for which it was made
    due_at       timestamptz,
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT reports_status_known CHECK (status IN ('waiting', 'running', 'finished', 'failed')),
    CONSTRAINT reports_period_not_empty CHECK (to_at > from_at),
    CONSTRAINT reports_progress_bounded CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT reports_finished_whole CHECK ((status = 'finished')
        = (file IS NOT NULL AND rows IS NOT NULL AND bytes IS NOT NULL AND snapshot_at IS NOT NULL)),
    -- two workers, or one after a long sleep, make each period of a schedule once
    CONSTRAINT reports_once_per_period UNIQUE (schedule_id, due_at)
);
CREATE INDEX reports_by_requester ON reports (requester_id, created_at, id);
CREATE INDEX reports_by_age ON reports (created_at, id);
CREATE INDEX reports_by_expiry ON reports (expires_at);
