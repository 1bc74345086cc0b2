-- The waitlist: who waits for a time of a service, in which order, and what was offered to them. An offer is a hold, so
-- nobody is ever offered what is not free.

CREATE TABLE waitlist_entries (
    id          uuid NOT NULL,
    -- the place in line: whoever has the lower one is asked first
    place       bigint GENERATED ALWAYS AS IDENTITY,
    user_id     uuid NOT NULL,
    created_by  uuid NOT NULL,
    service_id  uuid NOT NULL,
    -- who or what must be among what is claimed; null: any
    resource_id uuid,
    -- the whole time must lie within
    from_at     timestamptz NOT NULL,
    to_at       timestamptz NOT NULL,
    minutes     integer NOT NULL,
    party_size  integer NOT NULL,
    -- ISO weekdays on which it may start, and between which times of day it must lie, in this zone; null: any
    weekdays    smallint[],
    day_from    time,
    day_to      time,
    time_zone   text NOT NULL,
    state       text NOT NULL DEFAULT 'waiting',
    booking_id  uuid,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT waitlist_entries_pkey PRIMARY KEY (id),
    CONSTRAINT waitlist_entries_place_once UNIQUE (place),
    CONSTRAINT waitlist_entries_user_known FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT waitlist_entries_service_known FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT waitlist_entries_resource_known FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT waitlist_entries_state_known CHECK (state IN ('waiting', 'booked', 'left', 'ended')),
    CONSTRAINT waitlist_entries_booked_is_booking CHECK ((state = 'booked') = (booking_id IS NOT NULL)),
    CONSTRAINT waitlist_entries_window CHECK (to_at > from_at),
    -- nobody stands in line twice for the same thing
    CONSTRAINT waitlist_entries_one_place EXCLUDE USING gist (
        user_id WITH =, service_id WITH =, tstzrange(from_at, to_at) WITH &&,
        coalesce(resource_id, '00000000-0000-0000-0000-000000000000'::uuid) WITH =) WHERE (state = 'waiting')
);
CREATE INDEX waitlist_entries_line ON waitlist_entries (service_id, place) WHERE state = 'waiting';
CREATE INDEX waitlist_entries_of_user ON waitlist_entries (user_id, place);

CREATE TABLE waitlist_offers (
    hold_id    uuid NOT NULL,
    entry_id   uuid NOT NULL,
    start_at   timestamptz NOT NULL,
    end_at     timestamptz NOT NULL,
    state      text NOT NULL DEFAULT 'open',
    expires_at timestamptz NOT NULL,
    offered_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CONSTRAINT waitlist_offers_pkey PRIMARY KEY (hold_id),
    CONSTRAINT waitlist_offers_hold_known FOREIGN KEY (hold_id) REFERENCES holds (id),
    CONSTRAINT waitlist_offers_entry_known FOREIGN KEY (entry_id) REFERENCES waitlist_entries (id),
    CONSTRAINT waitlist_offers_state_known CHECK (state IN ('open', 'accepted', 'declined', 'lapsed')),
    CONSTRAINT waitlist_offers_end_known CHECK ((state = 'open') = (ended_at IS NULL)),
    -- nobody has two offers for one wish
    CONSTRAINT waitlist_offers_one_open EXCLUDE (entry_id WITH =) WHERE (state = 'open')
);
CREATE INDEX waitlist_offers_of_entry ON waitlist_offers (entry_id);
-- Time that may have become free: written with what freed it, deleted when the line was asked. Whatever is killed in
-- between, the row stays and somebody else asks.
CREATE TABLE waitlist_openings (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    -- what may be free; null: anything
    resource_id uuid,
    service_id  uuid,
    -- when; null: at any time
    from_at     timestamptz,
    to_at       timestamptz,
    created_at  timestamptz NOT NULL,
    CONSTRAINT waitlist_openings_pkey PRIMARY KEY (id)
);
