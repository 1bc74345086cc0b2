-- Calendars elsewhere whose busy times close a resource: an address that is read again and again, or a text that was sent.

CREATE TABLE calendars (
    id                uuid NOT NULL,
    resource_id       uuid NOT NULL,
    name              text,
    -- where it is read; whoever knows it can read the calendar, so it is shown to nobody
    url               text,
    -- what was sent instead; read anew as time goes on, because of what recurs
    content           text,
    -- what the server said of the version that was read last
    etag              text,
    last_modified     text,
    -- when the busy times were last worked out, in which zone, and until when
    time_zone         text,
    refreshed_at      timestamptz,
    read_until        timestamptz,
    busy_times        integer NOT NULL DEFAULT 0,
    last_error        text,
    failures          integer NOT NULL DEFAULT 0,
    -- null: nobody reads it any more
    next_refresh_at   timestamptz,
    created_at        timestamptz NOT NULL,
    CONSTRAINT calendars_pkey PRIMARY KEY (id),
    CONSTRAINT calendars_resource_known FOREIGN KEY (resource_id) REFERENCES resources (id)
);
CREATE INDEX calendars_of_resource ON calendars (resource_id, created_at);
CREATE INDEX calendars_due ON calendars (next_refresh_at) WHERE next_refresh_at IS NOT NULL;
CREATE INDEX closures_of_calendar ON closures (calendar_id) WHERE calendar_id IS NOT NULL;
