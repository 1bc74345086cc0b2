-- What can be booked: a person's time, a room, a piece of equipment.

CREATE TABLE resources (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,
    name         text NOT NULL,
    description  text,
    location     text,
    time_zone    text NOT NULL,
    -- units that can be claimed at one instant: 1 for a person, 125 for a room type
    capacity     integer NOT NULL DEFAULT 1,
    -- whose calendar it is; nobody's for a shared room
    owner_id     uuid CONSTRAINT resources_owner_known REFERENCES users (id),
    -- a booking of it starts confirmed instead of pending
    auto_confirm boolean NOT NULL DEFAULT false,
    active       boolean NOT NULL DEFAULT true,
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    exclusive    boolean NOT NULL GENERATED ALWAYS AS (capacity = 1) STORED,
    CONSTRAINT resources_kind_known CHECK (kind IN ('provider', 'workspace', 'equipment')),
    CONSTRAINT resources_name_present CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT resources_capacity_positive CHECK (capacity BETWEEN 1 AND 100000),
    -- a provider's resource carries the id of the provider's user, so providerId needs no translation
    CONSTRAINT resources_provider_is_user CHECK (kind <> 'provider' OR owner_id = id),
    -- what allocations refer to, so that their exclusive flag can never disagree with the capacity
    CONSTRAINT resources_exclusive_key UNIQUE (id, exclusive)
);
CREATE INDEX resources_by_owner ON resources (owner_id);
CREATE INDEX resources_by_kind ON resources (kind, name, id);
